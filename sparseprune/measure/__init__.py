"""Time and memory of Runners, against a dense baseline in the same process."""

from sparseprune.measure.latency import latency
from sparseprune.measure.memory import Footprint, memory

__all__ = ["Footprint", "latency", "memory"]
