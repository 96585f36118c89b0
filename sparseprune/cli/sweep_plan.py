"""What a sweep would do, and what that would cost."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from sparseprune.cli.shell import Outcome
from sparseprune.cli.tables import table
from sparseprune.sweep.cost import seconds
from sparseprune.sweep.plan import Plan, Stage
from sparseprune.sweep.store import Store

_WORDS = "multiply-accumulates of dense arithmetic; training counts thrice"


def shown(root: Path, plan: Plan, workers: int) -> Outcome:
    """The plan by kinds of stages: how many, how many are left to do, and their cost."""
    store = Store(root)
    finished = [store.finished(it) for it in plan.stages.values() if store.has(it.address)]
    left = [stage for stage in plan.stages.values() if not store.has(stage.address)]
    times = seconds([(stage.kind, stage.cost) for stage in left], finished)
    by_address = dict(zip((stage.address for stage in left), times, strict=True))
    groups: dict[str, list[Stage]] = defaultdict(list)
    for stage in plan.stages.values():
        groups[stage.kind].append(stage)
    kinds = [_kind(name, group, by_address) for name, group in groups.items()]
    total = _kind("all", list(plan.stages.values()), by_address)
    runs = [run.name for run in plan.runs]
    asked = sum(len(places) for places in plan.places.values())
    result = {"sweep": str(root), "runs": runs, "kinds": kinds, "total": total, "workers": workers}
    head = ["stage", "in all", "to do", "pictures", "MACs", "time"]
    body = [_line(kind) for kind in (*kinds, total)]
    text = [
        f"{root}: {_runs(len(runs))} of {asked} stages, {len(plan.stages)} different ones",
        *(f"  {name}" for name in runs),
        "",
        table(head, body),
        "",
        f"MACs: {_WORDS}.",
        _wall(total, workers),
    ]
    return Outcome(result, "\n".join(text))


def _kind(name: str, stages: Sequence[Stage], times: dict[str, float | None]) -> dict[str, object]:
    left = [stage for stage in stages if stage.address in times]
    known = [times[stage.address] for stage in left]
    return {
        "stage": name,
        "stages": len(stages),
        "to_do": len(left),
        "images": sum(stage.cost.images for stage in left),
        "macs": sum(stage.cost.macs for stage in left),
        "seconds": None if None in known else sum(time for time in known if time is not None),
    }


def _line(kind: dict[str, object]) -> list[str]:
    time = kind["seconds"]
    return [
        str(kind["stage"]),
        str(kind["stages"]),
        str(kind["to_do"]),
        f"{kind['images']:,}".replace(",", " "),
        f"{kind['macs']:.2g}" if kind["macs"] else "0",
        _clock(time) if isinstance(time, int | float) else "not known yet",
    ]


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count} runs"


def _wall(total: dict[str, object], workers: int) -> str:
    time = total["seconds"]
    if not isinstance(time, int | float):
        return "Times are known once a stage of each kind is finished in this folder."
    each = f"{workers} workers" if workers > 1 else "one worker"
    return f"Times are of one worker; {each} need about {_clock(time / workers)}."


def _clock(seconds: float) -> str:
    """7384 -> "2:03:04"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
