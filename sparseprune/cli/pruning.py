"""The verb ``prune``: every key of a recipe's entry is an option."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from sparseprune.cli.made import NOTHING, Source, early, saved, state
from sparseprune.cli.shell import Allow, Debug, Json, Out, Outcome, bar, named_as, options_of, verb
from sparseprune.errors import InputError
from sparseprune.files import check_writable

Ratio = Annotated[float, typer.Option(help="Share to remove, of what --unit counts.")]
Method = Annotated[str, typer.Option(help="One of the methods below.")]
Unit = Annotated[
    str, typer.Option(help="What the ratio counts: params, weights, channels or flops.")
]
Schedule = Annotated[
    str, typer.Option(help="Prune before retraining ('iterative') or during it ('gradual').")
]
Steps = Annotated[int, typer.Option(help="Reach the ratio in so many prune steps.")]
Until = Annotated[float, typer.Option(help="Gradual: part of the retraining that prunes.")]
Coupling = Annotated[
    str, typer.Option(help="Filters: tied channels leave as a 'group' or 'independent'ly.")
]
Allocation = Annotated[
    str, typer.Option(help="Weights: ranked over the network ('global') or layer ('uniform').")
]
Pattern = Annotated[
    str, typer.Option(help="Weights: blocks of outputs x inputs (4x1), or N:M (2:4).")
]
RoundTo = Annotated[int, typer.Option(help="Filters: keep channels in multiples of this.")]
Ignore = Annotated[
    list[str] | None,
    typer.Option("--ignore", help="Layer to spare, or re:EXPRESSION; may be repeated."),
]
OutputLayer = Annotated[
    bool, typer.Option("--prune-output-layer", help="Weights: of the layer of the output too.")
]
Parent = Annotated[
    Path | None,
    typer.Option(help="Dense network to learn from [default: CHECKPOINT, if it is dense]."),
]
Early = Annotated[
    Path | None, typer.Option(help="Early weights to rewind to [default: beside CHECKPOINT].")
]
Masks = Annotated[Path | None, typer.Option(help="Also write the masks here.")]


@verb
def prune(
    context: typer.Context,
    checkpoint: Source,
    out: Out,
    ratio: Ratio,
    method: Method = "WT",
    unit: Unit = "params",
    schedule: Schedule = "iterative",
    steps: Steps = 1,
    until: Until = 0.5,
    coupling: Coupling = "group",
    allocation: Allocation = "global",
    pattern: Pattern = "1x1",
    round_to: RoundTo = 1,
    ignore: Ignore = None,
    prune_output_layer: OutputLayer = False,
    parent: Parent = None,
    early: Early = None,
    masks: Masks = None,
    allow: Allow = None,
    as_json: Json = False,
    debug: Debug = False,
) -> Outcome:
    """Prune a network and retrain it with its recipe.

    sparseprune prune parent.safetensors --method WT --ratio 0.9 -o wt90.safetensors

    Recipe keys can be overridden: --retrain.epochs 3 --retrain.mode rewind_lr. Stopped, it goes on
    where it was when the same command is given again; torchrun shares it among processes.
    """
    from sparseprune.cli import overrides

    entry = {
        "method": method,
        "ratios": [ratio],
        "unit": unit,
        "schedule": schedule,
        "steps": steps,
        "until": until,
        "coupling": coupling,
        "allocation": allocation,
        "pattern": pattern,
        "round_to": round_to,
        "ignored_layers": ignore or [],
        "prune_output_layer": prune_output_layer,
    }
    files = _Files(checkpoint, out, parent, early, masks)
    return _prune(files, entry, overrides.parse(context.args))


@dataclass(frozen=True)
class _Files:
    """Paths of the command."""

    checkpoint: Path
    out: Path
    parent: Path | None
    early: Path | None
    masks: Path | None


def _prune(files: _Files, entry: dict[str, Any], changes: dict[str, Any]) -> Outcome:
    from sparseprune import recipe as recipes
    from sparseprune.formats import checkpoint as checkpoints
    from sparseprune.formats import mask
    from sparseprune.pipeline import steps
    from sparseprune.train import workers

    out, masks = files.out, files.masks
    for path in (out, masks or out):
        check_writable(path, ".safetensors", (files.checkpoint, files.parent, files.early))
    if masks == out:
        raise InputError(f"{out}: expected two files, got one path for --out and --masks")
    options = options_of(entry, ratios="--ratio", ignored_layers="--ignore")
    settings = recipes.check(recipes.Prune, entry, "prune", options)
    source = checkpoints.load(files.checkpoint)
    recipe = steps.recipe_of(source, changes)
    dense = source if source.meta.get("form") == "dense" else None
    around = steps.Around(
        parent=checkpoints.load(files.parent) if files.parent else dense,
        early=files.early or early(files.checkpoint),
        state=state(out),
    )
    (ratio,) = settings.ratios
    with workers.joined(), bar("prune, retrain") as progress, named_as(options):
        pruned, kept = steps.prune_network(source, recipe, settings, ratio, progress, around)
        first = workers.rank() == 0
    if not first:
        return NOTHING
    if masks is not None:
        mask.save(masks, kept)
    good, words = saved(out, pruned)
    result = {"checkpoint": str(out), **good, **steps.describe(pruned)}
    share = f"{pruned.meta['ratio']:.1%} of all parameters removed"
    return Outcome(result, f"{out}: {share}, {words}")
