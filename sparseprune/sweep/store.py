"""The folder of a sweep: a folder for each finished stage, whole as soon as it exists.

::

    stages/ADDRESS/   what a stage made, and stage.json: its files, and how long it took
    work/ADDRESS/     a stage that is being made; found again by whoever makes it next
    runs/NAME/        an ordinary run folder, of links to the stages' files
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sparseprune import records
from sparseprune.errors import InputError
from sparseprune.files import leftovers, replacing
from sparseprune.pipeline.folder import RunFolder
from sparseprune.sweep.cost import Cost, Finished
from sparseprune.sweep.plan import Placed, Stage

_NOTE = "stage.json"


@dataclass(frozen=True)
class Store:
    """Paths of a sweep, and how files get there."""

    root: Path

    def stage(self, address: str) -> Path:
        """Where a finished stage lies."""
        return self.root / "stages" / address

    def has(self, address: str) -> bool:
        """Whether a stage is finished, and nothing of it was lost since."""
        made = self.stage(address)
        try:
            sizes = self._note(address)["files"].items()
            return all((made / name).stat().st_size == size for name, size in sizes)
        except (OSError, ValueError, KeyError, AttributeError, TypeError):
            return False

    def prepare(self) -> None:
        """Make the folder, or find it as an earlier sweep left it.

        Raises:
            InputError: it holds something else, which a sweep must not touch.
        """
        ours = self.root / "stages"
        if self.root.exists() and not ours.exists() and set(self.root.iterdir()):
            raise InputError(
                f"{self.root}: expected an empty or a sweep folder; give another --out"
            )
        ours.mkdir(parents=True, exist_ok=True)

    def discard_damaged(self) -> int:
        """Remove stages that files are missing of, so that they are made again; how many."""
        damaged = [made for made in (self.root / "stages").iterdir() if not self.has(made.name)]
        for made in damaged:
            shutil.rmtree(made) if made.is_dir() else made.unlink()
        if damaged:  # what was linked to their files is no better
            shutil.rmtree(self.root / "runs", ignore_errors=True)
            self.tidy()
        return len(damaged)

    @contextmanager
    def claimed(self, address: str) -> Iterator[None]:
        """Wait until nobody else makes the stage, on any machine that shares the folder.

        A cluster that takes a worker for dead may have started its stage again. The system lets go
        of the claim however a process ends.
        """
        lock = self.root / "work" / f"{address}.lock"
        lock.parent.mkdir(exist_ok=True)
        with lock.open("w") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            yield

    def tidy(self) -> None:
        """Remove what only helped to make stages; for when all are finished."""
        shutil.rmtree(self.root / "work", ignore_errors=True)

    def workplace(self, stage: Stage) -> RunFolder:
        """A folder to make the stage in, with all it reads; what an earlier attempt left stays."""
        folder = RunFolder(self.root / "work" / stage.address)
        folder.root.mkdir(parents=True, exist_ok=True)
        for placed in stage.inputs:
            self.place(placed, folder.root)
        return folder

    def place(self, placed: Placed, folder: Path) -> None:
        """Link files of a finished stage into a run's folder."""
        for source, name in self._files(placed):
            target = folder / name
            if target.exists():
                continue
            if placed.renamed and source.suffix == ".jsonl":
                id = target.stem.partition("-")[2]
                records.write(target, [{**row, "id": id} for row in records.read(source)])
            else:
                _link(source, target)

    def keep(self, stage: Stage, seconds: float) -> None:
        """Turn a stage's workplace into the finished stage: all that it added there."""
        place = self.root / "work" / stage.address
        for placed in stage.inputs:
            for _, name in self._files(placed):
                (place / name).unlink(missing_ok=True)
        for file in leftovers(place):
            file.unlink()
        note = {
            "label": stage.label,
            "seconds": round(seconds, 3),
            "cost": asdict(stage.cost),
            "files": {str(it.relative_to(place)): it.stat().st_size for it in _files(place)},
        }
        with replacing(place / _NOTE) as temporary:
            temporary.write_text(json.dumps(note), encoding="utf-8")
        target = self.stage(stage.address)
        target.parent.mkdir(exist_ok=True)
        place.rename(target)

    def finished(self, stage: Stage) -> Finished:
        """What a finished stage took."""
        note = self._note(stage.address)
        return Finished(stage.kind, Cost(**note["cost"]), note["seconds"])

    def kind(self, address: str) -> str:
        """What a stage of any recipe did; of one that is not whole it is not known."""
        try:
            return str(self._note(address)["label"]).split()[1]
        except (OSError, ValueError, KeyError, TypeError, IndexError):
            return "damaged"

    def _note(self, address: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.stage(address) / _NOTE).read_bytes())
        return found

    def _files(self, placed: Placed) -> Iterator[tuple[Path, str]]:
        """Files of a stage, and where they lie in a run."""
        made = self.stage(placed.address)
        if placed.renamed:
            yield from ((made / was, name) for was, name in placed.renamed)
            return
        yield from ((file, str(file.relative_to(made))) for file in _files(made))


def _files(made: Path) -> Iterator[Path]:
    """What a stage made."""
    return (it for it in sorted(made.rglob("*")) if it.is_file() and it != made / _NOTE)


def _link(source: Path, target: Path) -> None:
    """One file under two names; a copy where the file system has no links.

    Files of a run are replaced, never written into, so a link is as good as a copy.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except FileExistsError:
        return
    except OSError:
        with replacing(target) as temporary:
            shutil.copyfile(source, temporary)
