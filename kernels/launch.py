"""A kernel launch as a value: planned without a GPU, run on one, or compiled for one elsewhere."""

from typing import Any, NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor


@triton.jit
def _probe(x_ptr):
    tl.store(x_ptr, 0)


# Triton chooses between compiler and interpreter when it is imported, for the whole process.
INTERPRETED = not isinstance(_probe, triton.JITFunction)


class Launch(NamedTuple):
    """One launch: ``arguments`` are read when the kernel runs, ``constants`` when it compiles."""

    kernel: Any
    grid: tuple[int, ...]
    arguments: dict[str, Tensor | int | None]
    constants: dict[str, Any]
    warps: int

    def run(self) -> None:
        """Queue the kernel on the current stream of the current device."""
        self.kernel[self.grid](
            **self.arguments,
            **self.constants,
            num_warps=self.warps,
            # A product and its sum round once together, which only lowers the error.
            enable_fp_fusion=True,
        )


def run(launches: list[Launch], device: torch.device) -> None:
    """Run ``launches`` in order; they belong to ``device``, which need not be the current one."""
    with torch.cuda.device(device if device.type == "cuda" else -1):
        for launch in launches:
            launch.run()


def upcast(dtype: torch.dtype) -> bool:
    """Whether factors must be float32 before they are multiplied.

    The interpreter multiplies the bits of bfloat16 as integers, without an error. Products of two
    bfloat16 are exact in float32, so nothing else changes.
    """
    return INTERPRETED and dtype == torch.bfloat16


def is_wide(*tensors: Tensor | None) -> bool:
    """Whether an offset into one of the tensors, or beside it, may not fit 32 bits."""
    return any(_extent(tensor) >= 2**31 - 2**24 for tensor in tensors if tensor is not None)


def _extent(tensor: Tensor) -> int:
    strides = zip(tensor.shape, tensor.stride(), strict=True)
    return sum((size - 1) * abs(stride) for size, stride in strides) + 1
