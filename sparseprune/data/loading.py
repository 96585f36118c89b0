"""Which loader a recipe's ``data.name`` means."""

import difflib
from collections.abc import Callable

from sparseprune import recipe
from sparseprune.data import fashion, folder, idx
from sparseprune.data.dataset import Dataset
from sparseprune.errors import InputError

LOADERS: dict[str, Callable[[recipe.Data], tuple[Dataset, Dataset]]] = {
    "fashion_mnist": fashion.load,
    "idx": idx.load,
    "folder": folder.load,
}


def load(settings: recipe.Data) -> tuple[Dataset, Dataset]:
    """The training and test split that ``settings`` ask for.

    ``settings.train`` and ``settings.test`` keep the first pictures of a class-balanced order.

    Raises:
        InputError: unknown name, or files that are missing, damaged or do not belong together.
    """
    if settings.name not in LOADERS:
        near = difflib.get_close_matches(settings.name, LOADERS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else "use one of them"
        raise InputError(
            f"data.name: expected one of {', '.join(LOADERS)}, got {settings.name!r}; {hint}"
        )
    return LOADERS[settings.name](settings)
