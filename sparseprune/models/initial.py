"""Random initial weights."""

from torch import nn


def he_normal(model: nn.Module) -> None:
    """Draw every convolution from N(0, 2 / fan_out) in place (He et al. 2015), biases zero.

    Fan-out keeps the size of gradients from layer to layer; torchvision's networks do the same.
    Weights without memory (meta device) are left alone: there is nothing to draw, and torch would
    import its compiler for it (measured: 3 s).
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and not module.weight.is_meta:
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
