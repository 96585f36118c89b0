"""What a layer multiplies its weights with, place by place."""

import torch
from torch import nn
from torch.nn import functional


def patches(module: nn.Module, read: torch.Tensor) -> torch.Tensor:
    """What ``module`` multiplies each row of ``by_place(weight)`` [O, K] with: [places..., K].

    Of a convolution, the patches of one picture [1, C, H, W], as [H_out, W_out, K]; of a linear
    layer its input vectors [..., K]. The channels of a place of the kernel lie side by side, so
    that patches of a map in channels-last order are copied in long runs.
    """
    if not isinstance(module, nn.Conv2d):
        return read
    margins = module._reversed_padding_repeated_twice
    if any(margins):
        mode = "constant" if module.padding_mode == "zeros" else module.padding_mode
        read = functional.pad(read, margins, mode=mode)
    windows = read[0].permute(1, 2, 0)
    for axis in (0, 1):
        span = (module.kernel_size[axis] - 1) * module.dilation[axis] + 1
        windows = windows.unfold(axis, span, module.stride[axis])
    height, width = module.dilation
    windows = windows[..., ::height, ::width].permute(0, 1, 3, 4, 2)
    return windows.reshape(*windows.shape[:2], -1)


def by_place(weight: torch.Tensor) -> torch.Tensor:
    """The rows [O, K] of a weight [O, C, ...]: the channels of a place of the kernel together."""
    return weight.movedim(1, -1).flatten(1)


def by_channel(rows: torch.Tensor, shape: torch.Size) -> torch.Tensor:
    """The weight of ``shape`` that has these rows: undoes ``by_place``."""
    return rows.reshape(shape[0], *shape[2:], shape[1]).movedim(-1, 1)
