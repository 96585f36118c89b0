"""From a network with zeros to a smaller one, with a proof that the answers are the same."""

from sparseprune.convert import bounds
from sparseprune.convert.slimming import Slimmed, slim

__all__ = ["Slimmed", "bounds", "slim"]
