"""How many pictures a network gets right."""

import torch
from torch import nn

from sparseprune.train.pictures import gather


@torch.no_grad()
def accuracy(
    model: nn.Module, images: torch.Tensor, labels: torch.Tensor, batch: int = 500
) -> float:
    """Fraction of ``images`` [N, C, H, W] whose largest logit is the label's, in [0, 1].

    The model is left in evaluation mode.

    Raises:
        InputError: images and labels do not match.
    """
    gather(images, labels)
    device = next(model.parameters()).device
    model.eval()
    correct = 0
    for start in range(0, len(images), batch):
        part = images[start : start + batch].to(device, memory_format=torch.channels_last)
        predicted = model(part).argmax(1).cpu()
        correct += int((predicted == labels[start : start + batch]).sum())
    return correct / len(images)
