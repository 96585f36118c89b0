"""Sweeps: a recipe with many seeds and networks, on this machine or on a cluster."""

from pathlib import Path
from typing import Annotated

import typer

from sparseprune.cli.shell import Debug, Json, Outcome, RecipeFile, notes, verb
from sparseprune.errors import InputError


@verb
def sweep(
    context: typer.Context,
    recipe: RecipeFile,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Sweep folder [default: sweeps/NAME].")
    ] = None,
    cluster: Annotated[
        str | None, typer.Option(help="Work on the Ray cluster at this address (HOST:PORT).")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes at once, here [default: one a core].", min=1)
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the plan and what it costs; make nothing.")
    ] = False,
    clean: Annotated[
        bool, typer.Option("--clean", help="Show what the recipe no longer needs; make nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --clean: remove it.")] = False,
    as_json: Json = False,
    debug: Debug = False,
) -> Outcome:
    """Run a recipe with every seed and network of its section 'sweep'.

    What two runs share is made once; a sweep that was interrupted goes on where it stopped, and
    one whose recipe has changed makes only what is new.

    sparseprune sweep recipes/quickstart.yaml --sweep.seeds '[0, 1, 2]'

    What it made for an earlier recipe stays, until --clean --yes is added to the command.
    """
    from sparseprune import recipe as recipes
    from sparseprune.cli import overrides, sweep_clean, sweep_plan, sweep_run
    from sparseprune.environment import cores
    from sparseprune.sweep.plan import plan
    from sparseprune.train.workers import refuse

    refuse("sweep")
    if yes and not clean:
        raise InputError("--yes: expected --clean with it; leave it out to carry the sweep out")
    settings = recipes.load(recipe, overrides.parse(context.args))
    root = (out or Path("sweeps", settings.name)).absolute()
    found = plan(settings)
    if clean:
        return sweep_clean.cleaned(root, found, sure=yes and not dry_run)
    if dry_run:
        return sweep_plan.shown(root, found, workers or cores())
    notes().print(f"{root}  ({len(found.stages)} stages; a sweep resumes)", markup=False)
    return sweep_run.carried_out(root, found, cluster, workers or cores())
