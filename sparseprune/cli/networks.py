"""Single steps on files: train, prune, slim. Each works on files the one before made."""

from pathlib import Path
from typing import Annotated

import typer

from sparseprune.cli.shell import Allow, Debug, Json, Out, Outcome, RecipeFile, bar, verb
from sparseprune.errors import InputError
from sparseprune.files import check_writable

Source = Annotated[Path, typer.Argument(help="Checkpoint (.safetensors).", metavar="CHECKPOINT")]


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
    """
    from sparseprune import models
    from sparseprune import recipe as recipes
    from sparseprune.cli import overrides
    from sparseprune.formats import checkpoint as checkpoints
    from sparseprune.pipeline import steps

    check_writable(out, ".safetensors")
    settings = recipes.load(recipe, overrides.parse(context.args))
    models.allow(settings.model.name)
    with bar("train") as progress:
        trained = steps.train_network(settings, settings.seed, progress)
    checkpoints.save(out, trained)
    accuracy = steps.accuracy(trained)
    result = {"checkpoint": str(out), "accuracy": accuracy, **steps.describe(trained)}
    return Outcome(result, f"{out}: {accuracy:.2%} of the test pictures")


@verb
def prune(
    context: typer.Context,
    checkpoint: Source,
    out: Out,
    ratio: Annotated[float, typer.Option(help="Share to remove, of what --unit counts.")],
    method: Annotated[str, typer.Option(help="WT (single weights) or FT (filters).")] = "WT",
    unit: Annotated[
        str, typer.Option(help="What the ratio counts: params, weights, channels or flops.")
    ] = "params",
    coupling: Annotated[
        str, typer.Option(help="FT: tied channels leave as a 'group' or each 'independent'ly.")
    ] = "group",
    masks: Annotated[Path | None, typer.Option(help="Also write the masks here.")] = None,
    allow: Allow = None,
    as_json: Json = False,
    debug: Debug = False,
) -> Outcome:
    """Prune a network and retrain it with its recipe.

    sparseprune prune parent.safetensors --method WT --ratio 0.9 -o wt90.safetensors

    Recipe keys can be overridden: --retrain.epochs 3
    """
    from sparseprune import recipe as recipes
    from sparseprune.cli import overrides
    from sparseprune.formats import checkpoint as checkpoints
    from sparseprune.formats import mask
    from sparseprune.pipeline import steps

    for path in (out, masks or out):
        check_writable(path, ".safetensors")
    if masks == out:
        raise InputError(f"{out}: expected two files, got one path for --out and --masks")
    values = {"method": method, "ratios": [ratio], "unit": unit, "coupling": coupling}
    settings = recipes.check(recipes.Prune, values, "prune")
    source = checkpoints.load(checkpoint)
    recipe = steps.recipe_of(source, overrides.parse(context.args))
    with bar("prune, retrain") as progress:
        pruned, kept = steps.prune_network(source, recipe, settings, ratio, progress)
    checkpoints.save(out, pruned)
    if masks is not None:
        mask.save(masks, kept)
    accuracy = steps.accuracy(pruned)
    result = {"checkpoint": str(out), "accuracy": accuracy, **steps.describe(pruned)}
    share = f"{pruned.meta['ratio']:.1%} of all parameters removed"
    return Outcome(result, f"{out}: {share}, {accuracy:.2%} of the test pictures")


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
    from sparseprune.pipeline import steps

    check_writable(out, ".safetensors")
    slimmed = steps.slim_network(checkpoints.load(checkpoint), round_to)
    steps.require_smaller(slimmed, str(checkpoint))
    checkpoints.save(out, slimmed)
    before, after = slimmed.meta["slim"]["params"]
    result = {"checkpoint": str(out), **slimmed.meta["slim"]}
    return Outcome(result, f"{out}: {before} parameters became {after}")
