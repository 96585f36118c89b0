"""Making room in the folder of a sweep: what its recipe no longer needs is shown, then removed."""

from collections import defaultdict
from pathlib import Path

from sparseprune import report
from sparseprune.cli.shell import Outcome
from sparseprune.cli.tables import table
from sparseprune.pipeline.folder import RunFolder, writing
from sparseprune.sweep import cleaning, summary, work
from sparseprune.sweep.plan import Plan
from sparseprune.sweep.store import Store


def cleaned(root: Path, plan: Plan, sure: bool) -> Outcome:
    """Show what there is to remove, and remove it if the user is ``sure``.

    Raises:
        InputError: there is no sweep, or another process works in its folder.
    """
    found = cleaning.unneeded(root, plan)
    if not sure:
        return _outcome(root, found, "nothing was removed; remove it with --clean --yes")
    with writing(RunFolder(root)):
        found = cleaning.unneeded(root, plan)
        outcome = _outcome(root, found, "removed", removed=True)
        cleaning.remove(found)
        _summarise(root, plan)
    return outcome


def _summarise(root: Path, plan: Plan) -> None:
    """The summary speaks of runs that are there, or it goes too."""
    if len(work.assemble(root, plan)) == len(plan.runs):
        summary.write(root, plan.runs)
        report.sweep.build(root)
        return
    for file in (root / "summary.html", summary.path(root)):
        file.unlink(missing_ok=True)


def _outcome(root: Path, found: list[Path], end: str, removed: bool = False) -> Outcome:
    store, groups = Store(root), defaultdict(list)
    for folder in found:
        run = folder.parent == root / "runs"
        groups[f"run {folder.name}" if run else f"{store.kind(folder.name)} stages"].append(folder)
    groups["all"] = found
    body = [
        [name, str(len(folders)), f"{cleaning.size(folders) / 2**20:.1f}"]
        for name, folders in groups.items()
    ]
    result = {
        "sweep": str(root),
        "folders": [str(folder.relative_to(root)) for folder in found],
        "bytes": cleaning.size(found),
        "removed": removed,
    }
    if not found:
        return Outcome(result, f"{root}: this recipe, as given, needs all that is there")
    title = f"{root}: what this recipe, as given, does not need"
    return Outcome(result, "\n".join([title, "", table(["", "folders", "MiB"], body), "", end]))
