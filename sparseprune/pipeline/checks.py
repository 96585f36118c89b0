"""What can be found wrong with a recipe's trainings before the first of them."""

from collections.abc import Container

from sparseprune import data, train
from sparseprune.errors import InputError
from sparseprune.pipeline.networks import networks
from sparseprune.pipeline.pruning import require_held_out
from sparseprune.recipe import Recipe


def trainings(recipe: Recipe, splits: data.Splits) -> None:
    """Raise what training, pruning or retraining on these pictures would.

    Raises:
        InputError: corruptions or cuts the pictures cannot have, or none held out for a method that
            looks at such.
    """
    for settings in (recipe.train, recipe.retrain):
        train.check(splits.train, settings)
    for pruning in recipe.prune:
        require_held_out(splits, pruning)


def device(recipe: Recipe, tasks: Container[str]) -> None:
    """Raise what those of ``tasks`` that train would on this machine.

    Raises:
        InputError: one of them trains with a precision that the device of this machine lacks.
    """
    here = train.workers.device()
    for network in networks(recipe):
        if network.task in tasks:
            section = network.course(recipe)
            try:
                train.check_precision(here, getattr(recipe, section))
            except InputError as error:
                raise InputError(f"{section}.{error}") from error
