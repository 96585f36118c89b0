"""What a method decided: which entries stay, and what kept ones become."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import nn

from sparseprune.formats import mask
from sparseprune.formats.mask import Masks


@dataclass(frozen=True)
class Pruned:
    """The outcome of one prune step.

    Attributes:
        masks: what is kept; only parameters that lose an entry.
        scales: factors for the kept entries of a parameter, of its shape. Only methods that draw
            weights at random have them: what is drawn stands for what is not (section 2.4).
    """

    masks: Masks
    scales: Mapping[str, torch.Tensor] = field(default_factory=dict)

    @torch.no_grad()
    def apply(self, model: nn.Module) -> None:
        """Zero, and scale, the parameters of ``model`` in place.

        Raises:
            InputError: the masks do not fit the model.
        """
        mask.check(model, self.masks)
        for name, scale in self.scales.items():
            parameter = model.get_parameter(name)
            parameter.mul_(scale.to(parameter))
        mask.apply(model, self.masks)
