"""What every operation asks of its tensors before a kernel sees them."""

import torch
from torch import Tensor

from .launch import INTERPRETED

# Compiled for 7.5, the loops have no asynchronous copy, no tensor-core instruction, and spill.
OLDEST_CAPABILITY = (8, 0)


def check_device(device: torch.device, interpreted: bool = INTERPRETED) -> None:
    """Refuse devices without a kernel; the interpreter runs on any."""
    if interpreted:
        return
    if device.type != "cuda":
        raise ValueError(
            f"expected tensors on a CUDA device, got {device}; move them there, or run the model "
            "on the CPU with sparseprune's C++ engine"
        )
    capability = torch.cuda.get_device_capability(device)
    if capability < OLDEST_CAPABILITY:
        raise ValueError(
            "expected a GPU of compute capability 8.0 or newer (Ampere), got "
            f"{'.'.join(map(str, capability))}; use the dense layer there"
        )


def check_alike(x: Tensor, **others: Tensor | None) -> None:
    """All tensors have the type and device of ``x``, and none asks for a gradient."""
    for name, tensor in others.items():
        if tensor is not None and (tensor.dtype != x.dtype or tensor.device != x.device):
            raise ValueError(
                f"expected {name} to be {x.dtype} on {x.device} like x, got {tensor.dtype} on "
                f"{tensor.device}; convert one of them"
            )
    if torch.is_grad_enabled() and any(
        tensor is not None and tensor.requires_grad for tensor in (x, *others.values())
    ):
        raise RuntimeError(
            "expected tensors without gradients, as this operation has no backward; "
            "call it under torch.inference_mode()"
        )


def check_shape(name: str, tensor: Tensor | None, shape: tuple[int, ...]) -> None:
    """An optional tensor has ``shape``."""
    if tensor is not None and tensor.shape != shape:
        article = "an" if name == "out" else "a"
        raise ValueError(
            f"expected {article} {name} of shape {list(shape)}, got {tuple(tensor.shape)}"
        )
