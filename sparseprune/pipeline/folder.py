"""The run folder: one place for everything a recipe makes, and who may write there."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sparseprune import recipe as recipes
from sparseprune.errors import InputError
from sparseprune.files import leftovers, replacing
from sparseprune.recipe import Recipe


@dataclass(frozen=True)
class RunFolder:
    """Paths of a run. Names of networks ("parent", "WT-90") are file names too."""

    root: Path

    @property
    def recipe(self) -> Path:
        """The resolved recipe, every default spelt out."""
        return self.root / "recipe.yaml"

    @property
    def report(self) -> Path:
        """The page."""
        return self.root / "report.html"

    def checkpoint(self, network: str) -> Path:
        """Weights of a network, zeros kept."""
        return self.root / "checkpoints" / f"{network}.safetensors"

    def early(self, network: str) -> Path:
        """Weights a network had early in its training, to rewind to."""
        return self.root / "checkpoints" / f"{network}-early.safetensors"

    def state(self, network: str) -> Path:
        """State of the training of a network; gone once the checkpoint is there."""
        return self.root / "checkpoints" / f"{network}.training"

    def masks(self, network: str) -> Path:
        """What pruning removed from a network."""
        return self.root / "masks" / f"{network}.safetensors"

    def slim(self, network: str) -> Path:
        """Weights of a slimmed network."""
        return self.root / "checkpoints" / f"{network}-slim.safetensors"

    def onnx(self, network: str) -> Path:
        """The file that is deployed."""
        return self.root / "onnx" / f"{network}.onnx"

    def records(self, stage: str) -> Path:
        """Rows of one stage."""
        return self.root / "records" / f"{stage}.jsonl"


def prepare(root: Path, recipe: Recipe) -> RunFolder:
    """Make a run folder for ``recipe``, or find the one that holds it.

    Raises:
        InputError: the folder holds another recipe; results of two recipes never mix.
    """
    folder = RunFolder(root)
    if folder.recipe.exists():
        found = recipes.load(folder.recipe)
        if found != recipe:
            raise InputError(
                f"{root}: expected a folder of this recipe ({recipe.digest()}), found one of "
                f"another ({found.digest()}); give another --out or remove the folder"
            )
        return folder
    if root.exists() and set(root.iterdir()) - set(leftovers(root)):
        raise InputError(f"{root}: expected an empty or a run folder; give another --out")
    with replacing(folder.recipe) as temporary:
        temporary.write_text(recipe.to_yaml(), encoding="utf-8")
    return folder


@contextmanager
def writing(folder: RunFolder) -> Iterator[None]:
    """Hold the folder for this process; the system lets go of it however the process ends.

    Raises:
        InputError: another process is writing there.
    """
    lock = folder.root / ".lock"
    with lock.open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                f"{folder.root}: another process is working on this run; wait for it to end"
            ) from None
        for file in [*leftovers(folder.root), *_outlived(folder)]:
            file.unlink()
        yield


def _outlived(folder: RunFolder) -> list[Path]:
    """States of trainings whose checkpoint is there: the process ended between the two."""
    states = folder.state("*")
    return [
        file for file in states.parent.glob(states.name) if folder.checkpoint(file.stem).exists()
    ]
