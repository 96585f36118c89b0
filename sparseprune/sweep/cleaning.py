"""What lies in the folder of a sweep and a recipe no longer needs."""

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from sparseprune.errors import InputError
from sparseprune.sweep.plan import Plan
from sparseprune.sweep.work import MADE_OF

_ADDRESS = re.compile(r"[0-9a-f]{64}")


def unneeded(root: Path, plan: Plan) -> list[Path]:
    """Folders of runs and of finished stages that are not of ``plan``, the runs first.

    Run folders are links to the files of stages, so one of stages that are to go goes too. What a
    sweep did not make is not among them.

    Raises:
        InputError: ``root`` is not the folder of a sweep.
    """
    if not (root / "stages").is_dir():
        raise InputError(f"{root}: expected the folder of a sweep; give it as --out")
    made_of = {run: places["report"].address for run, places in plan.places.items()}
    runs = [
        folder
        for folder in _folders(root / "runs")
        if (folder / MADE_OF).is_file()
        and (folder / MADE_OF).read_text() != made_of.get(folder.name)
    ]
    stages = [
        folder
        for folder in _folders(root / "stages")
        if _ADDRESS.fullmatch(folder.name) and folder.name not in plan.stages
    ]
    return [*runs, *stages]


def size(folders: Iterable[Path]) -> int:
    """Bytes in the folders; a file that lies there under several names counts once."""
    files = (it.lstat() for folder in folders for it in folder.rglob("*") if it.is_file())
    return sum({(file.st_dev, file.st_ino): file.st_size for file in files}.values())


def remove(folders: Iterable[Path]) -> None:
    """Remove the folders; links in them, not what they point to."""
    for folder in folders:
        shutil.rmtree(folder)


def _folders(parent: Path) -> list[Path]:
    """Not links to folders, which may lie anywhere."""
    found = sorted(parent.iterdir()) if parent.is_dir() else []
    return [it for it in found if it.is_dir() and not it.is_symlink()]
