"""Whole runs: the road from a recipe to a report, and the report again from its records."""

from pathlib import Path
from typing import Annotated

import typer

from sparseprune.cli.shell import Debug, Json, Outcome, RecipeFile, notes, verb
from sparseprune.errors import InputError


@verb
def run(
    context: typer.Context,
    recipe: RecipeFile,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Run folder [default: runs/NAME-DIGEST]."),
    ] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> Outcome:
    """Do all of it, from a recipe to a report.

    A run that was interrupted goes on where it stopped.

    Any recipe key can be overridden:

    sparseprune run recipes/quickstart.yaml --seed 3 --retrain.epochs 4
    """
    from sparseprune import recipe as recipes
    from sparseprune.cli import overrides
    from sparseprune.cli.display import Display
    from sparseprune.cli.summary import summary
    from sparseprune.environment import cores
    from sparseprune.files import Unwritable
    from sparseprune.pipeline import checks, folder, schedule, stages
    from sparseprune.train.workers import refuse

    refuse("run")
    settings = recipes.load(recipe, overrides.parse(context.args))
    root = out or Path("runs", f"{settings.name}-{settings.digest()}")
    tasks = stages.tasks(folder.RunFolder(root), settings)
    checks.device(settings, {task.name for task in tasks if not task.done()})
    place = folder.prepare(root, settings)
    with folder.writing(place):
        notes().print(
            f"{place.root}  ({len(tasks)} steps; an interrupted run resumes)", markup=False
        )
        try:
            with Display(notes(), len(tasks)) as display:
                schedule.execute(tasks, display, workers=cores())
        except InputError as error:
            if isinstance(error, Unwritable) or str(place.root) not in str(error):
                raise
            remedy = "it belongs to this run: delete it and run the same command again"
            raise InputError(f"{error}; {remedy}") from error
    return summary(place)


@verb
def report(
    run: Annotated[Path, typer.Argument(help="Run or sweep folder.", metavar="RUN")],
    as_json: Json = False,
    debug: Debug = False,
) -> Outcome:
    """Rebuild the report of a run, or of a sweep, from its records.

    sparseprune report runs/quickstart-1a2b3c4d
    """
    from sparseprune import report as reports

    swept = (run / "records" / "summary.jsonl").exists()
    page = reports.sweep.build(run) if swept else reports.build(run)
    return Outcome({"report": str(page)}, str(page))
