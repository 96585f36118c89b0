"""What can be found wrong with a recipe's trainings before the first of them."""

from sparseprune import data, train
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
