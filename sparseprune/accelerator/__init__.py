"""Networks on a GPU: each layer by the fastest right way to compute it, measured there."""

from sparseprune.accelerator.build import accelerate
from sparseprune.accelerator.explanation import Explanation
from sparseprune.accelerator.network import Accelerated

__all__ = ["Accelerated", "Explanation", "accelerate"]
