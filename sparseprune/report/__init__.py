"""From the rows of a run to one self-contained page; needs neither torch nor the models."""

from sparseprune.report import sweep
from sparseprune.report.page import build, render

__all__ = ["build", "render", "sweep"]
