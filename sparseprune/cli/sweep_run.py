"""Carrying a sweep out, and what stays on the terminal of it."""

from collections.abc import Sequence
from pathlib import Path

from sparseprune import report
from sparseprune.cli.shell import Outcome, notes
from sparseprune.cli.sweep_table import SweepTable
from sparseprune.cli.tables import table
from sparseprune.pipeline import checks, schedule
from sparseprune.pipeline.folder import RunFolder, writing
from sparseprune.records import Row, select
from sparseprune.sweep import summary, work
from sparseprune.sweep.plan import Plan
from sparseprune.sweep.store import Store


def carried_out(root: Path, plan: Plan, cluster: str | None, workers: int) -> Outcome:
    """Make every stage that is not there, the run folders, and the summary over seeds.

    Raises:
        InputError: another process works in the folder, it holds something else, this machine
            cannot train as the recipe says, or there is no such cluster.
    """
    store = Store(root)
    if cluster is None:  # the workers of one may have the GPU that this machine lacks
        for stage in plan.stages.values():
            checks.device(stage.recipe, () if store.has(stage.address) else (stage.task,))
    store.prepare()
    with writing(RunFolder(root)):
        if damaged := store.discard_damaged():
            notes().print(f"  made again, since files were lost: {damaged}", markup=False)
        try:
            _make(root, plan, cluster, workers)
        finally:
            runs = work.assemble(root, plan)
        store.tidy()
        rows = summary.write(root, plan.runs)
        page = report.sweep.build(root)
    result = {"sweep": str(root), "runs": list(map(str, runs)), "page": str(page), "rows": rows}
    return Outcome(result, "\n".join([_potentials(rows), "", f"summary: {page}"]))


def _make(root: Path, plan: Plan, cluster: str | None, workers: int) -> None:
    labels = {
        run: list(dict.fromkeys(plan.stages[placed.address].label for placed in places.values()))
        for run, places in plan.places.items()
    }
    with SweepTable(notes(), labels) as display:
        schedule.conduct(work.tasks(root, plan), display, _crew(cluster, workers))


def _crew(cluster: str | None, workers: int) -> schedule.Crew:
    if cluster is None:
        return schedule.Processes(workers)
    from sparseprune.sweep.cluster import Cluster

    return Cluster(cluster)


def _potentials(rows: Sequence[Row]) -> str:
    """A line for each network and method, as deployed."""
    found = [row for row in rows if row.get("runner") == "accelerated"]
    clean = select(found, "seed_potential", distribution="clean")
    body = []
    for row in clean:
        mine = {"model": row["model"], "method": row["method"], "set": "test"}
        shifted = [select(found, "seed_overall", **mine, statistic=it) for it in ("mean", "least")]
        cells = [report.sweep.spread(it[0] if it else None) for it in shifted]
        body.append([row["model"], row["method"], report.sweep.spread(row), *cells])
    head = ["network", "method", "clean", "mean of shifts", "least of shifts"]
    seeds = len(clean[0]["seeds"]) if clean else 0
    title = f"prune potential in %, mean and standard deviation over {seeds} seeds:"
    return "\n".join([title, "", table(head, body, left=2)])
