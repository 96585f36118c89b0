"""What verbs that train share: the files around a checkpoint, and the end of the work."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sparseprune.cli.shell import Outcome

if TYPE_CHECKING:
    from sparseprune.formats.checkpoint import Checkpoint

#: Of torchrun's workers the first writes and speaks for all.
NOTHING = Outcome(None, "", silent=True)
Source = Annotated[Path, typer.Argument(help="Checkpoint (.safetensors).", metavar="CHECKPOINT")]


def early(checkpoint: Path) -> Path:
    """Where the early weights of a network are kept: beside it."""
    return checkpoint.with_name(f"{checkpoint.stem}-early.safetensors")


def state(checkpoint: Path) -> Path:
    """Where the state of a training is kept until its checkpoint is whole."""
    return checkpoint.with_name(f"{checkpoint.stem}.training")


def saved(out: Path, made: "Checkpoint") -> tuple[dict[str, float], str]:
    """Write a checkpoint, forget how it was trained, and say how good it is: as a field, in words.

    On the test pictures, by what networks on that data are judged by.
    """
    from sparseprune.formats import checkpoint as checkpoints
    from sparseprune.pipeline import steps
    from sparseprune.records import QUALITIES

    checkpoints.save(out, made)
    steps.forget(state(out))
    name, value = steps.quality(made)
    if name == "accuracy":
        return {name: value}, f"{value:.2%} of the test pictures"
    return {name: value}, f"{QUALITIES[name]} {value:.2%} on the test pictures"
