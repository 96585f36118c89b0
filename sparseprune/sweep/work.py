"""Making stages: the part of a sweep that runs on workers, and its order."""

import shutil
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from sparseprune.files import replacing
from sparseprune.pipeline import stages
from sparseprune.pipeline.folder import RunFolder
from sparseprune.pipeline.schedule import Progress, Task
from sparseprune.sweep.plan import Plan, Stage
from sparseprune.sweep.runs import Run
from sparseprune.sweep.store import Store

# Of a run, these come when nothing else of the sweep runs: a timing wants to be alone.
_LAST = ("measure", "report")
#: In a run's folder: the address of what it was put together from.
MADE_OF = ".stages"


def make(root: Path, stage: Stage, progress: Progress) -> None:
    """Make one stage of the sweep in ``root``, unless it is there."""
    store = Store(root)
    with store.claimed(stage.address):
        if store.has(stage.address):
            return
        start = time.perf_counter()
        folder = store.workplace(stage)
        tasks = {it.name: it for it in stages.graph(folder, stage.recipe, stage.shown)}
        tasks[stage.task].action(progress)
        store.keep(stage, time.perf_counter() - start)


def tasks(root: Path, plan: Plan) -> list[Task]:
    """The stages of a plan as tasks for the scheduler."""
    return [
        Task(
            stage.label,
            partial(make, root, stage),
            (Store(root).stage(stage.address),),
            tuple(dict.fromkeys([*(plan.stages[need].label for need in stage.needs), *others])),
        )
        for stage, others in _ordered(plan)
    ]


def _ordered(plan: Plan) -> Iterator[tuple[Stage, tuple[str, ...]]]:
    """Every stage, and those it does not read but has to wait for."""
    last = tuple(stage.label for stage in plan.stages.values() if stage.kind not in _LAST)
    for stage in plan.stages.values():
        if stage.kind not in _LAST:
            yield stage, ()
            continue
        yield stage, last
        last = (stage.label,)


def assemble(root: Path, plan: Plan) -> list[Path]:
    """Bring the run folders up to date of which every stage is finished; return them."""
    store = Store(root)
    return [
        _assembled(store, plan, run)
        for run in plan.runs
        if all(store.has(placed.address) for placed in plan.places[run.name].values())
    ]


def _assembled(store: Store, plan: Plan, run: Run) -> Path:
    folder = RunFolder(store.root / "runs" / run.name)
    places = plan.places[run.name]
    # The last stage reads all others, so its address names everything in the folder.
    made_of, mark = places["report"].address, folder.root / MADE_OF
    if not mark.exists() or mark.read_bytes() != made_of.encode():
        # Of other stages, or not whole: the mark is written last. All there is are links.
        shutil.rmtree(folder.root, ignore_errors=True)
    for placed in places.values():
        store.place(placed, folder.root)
    for path, text in ((folder.recipe, run.recipe.to_yaml()), (mark, made_of)):
        with replacing(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return folder.root
