"""What a training holds at zero, which may grow while it lasts."""

from collections.abc import Callable

from torch import nn

from sparseprune.formats.mask import Masks, enforcer

#: Called before each step with its number (from 0) and the model, which it may prune in place;
#: returns what is kept from then on, or None where nothing changes.
Pruning = Callable[[int, nn.Module], Masks | None]


class Holder:
    """Holds masked entries of ``model`` at zero.

    Attributes:
        grown: what pruning during the training keeps; None as long as there was none.
    """

    def __init__(self, model: nn.Module, masks: Masks, pruning: Pruning | None) -> None:
        """Zero what ``masks`` do not keep.

        Raises:
            InputError: the masks do not fit the model.
        """
        self._model, self._pruning = model, pruning
        self._enforce = enforcer(model, masks)
        self._enforce()
        self.grown: Masks | None = None

    def before(self, step: int) -> None:
        """Prune, if it is time to."""
        kept = self._pruning(step, self._model) if self._pruning else None
        if kept is not None:
            self.hold(kept)

    def hold(self, masks: Masks) -> None:
        """Hold zero what ``masks`` do not keep, instead of what was held before."""
        self.grown = masks
        self._enforce = enforcer(self._model, masks)
        self._enforce()

    def after(self) -> None:
        """Zero what the step revived."""
        self._enforce()
