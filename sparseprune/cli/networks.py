"""Single steps on files: train, slim. Each works on files the one before made."""

from typing import Annotated

import typer

from sparseprune.cli.made import NOTHING, Source, early, saved, state
from sparseprune.cli.shell import Allow, Debug, Json, Out, Outcome, RecipeFile, bar, verb
from sparseprune.files import check_writable


@verb
def train(
    context: typer.Context,
    recipe: RecipeFile,
    out: Out,
    as_json: Json = False,
    debug: Debug = False,
) -> Outcome:
    """Train the recipe's network from scratch.

    sparseprune train recipes/quickstart.yaml -o parent.safetensors --train.epochs 6

    Stopped, it goes on where it was when the same command is given again. Several processes or
    GPUs share each batch: torchrun --nproc-per-node 2 -m sparseprune train ...
    """
    from sparseprune import models
    from sparseprune import recipe as recipes
    from sparseprune.cli import overrides
    from sparseprune.pipeline import steps
    from sparseprune.train import workers

    check_writable(out, ".safetensors")
    settings = recipes.load(recipe, overrides.parse(context.args))
    models.allow(settings.model.name)
    around = steps.Around(early=early(out), state=state(out))
    with workers.joined(), bar("train") as progress:
        trained = steps.train_network(settings, settings.seed, progress, around)
        first = workers.rank() == 0
    if not first:
        return NOTHING
    good, words = saved(out, trained)
    result = {"checkpoint": str(out), **good, **steps.describe(trained)}
    return Outcome(result, f"{out}: {words}")


@verb
def slim(
    checkpoint: Source,
    out: Out,
    round_to: Annotated[int, typer.Option(help="Keep channels in multiples of this.", min=1)] = 8,
    allow: Allow = None,
    as_json: Json = False,
    debug: Debug = False,
) -> Outcome:
    """Take dead channels out of the tensors for real.

    sparseprune slim ft50.safetensors -o ft50-slim.safetensors --round-to 8
    """
    from sparseprune.formats import checkpoint as checkpoints
    from sparseprune.pipeline import shipping

    check_writable(out, ".safetensors", (checkpoint,))
    slimmed = shipping.slim_network(checkpoints.load(checkpoint), round_to)
    shipping.require_smaller(slimmed, str(checkpoint))
    checkpoints.save(out, slimmed)
    before, after = slimmed.meta["slim"]["params"]
    result = {"checkpoint": str(out), **slimmed.meta["slim"]}
    return Outcome(result, f"{out}: {before} parameters became {after}")
