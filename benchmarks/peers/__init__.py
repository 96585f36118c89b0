"""What else a user could run, each behind one function from a ``Job`` to a ``Peer``.

``peers.md`` says what each is, how it is installed and how it is set.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cases import Floats
from torch import nn


class MissingError(Exception):
    """This peer cannot run here, with the reason."""


@dataclass(frozen=True)
class Job:
    """One network to run: its file, the same as a torch module, the batch and the threads.

    ``tune`` is the seconds in which our provider may look for faster tiles, before any timing.
    """

    path: Path
    twin: nn.Module
    batch: Floats
    threads: int
    tune: float = 0


@dataclass(frozen=True)
class Peer:
    """A network ready to be timed.

    Attributes:
        call: one inference of the job's batch; its logits, as NumPy.
        facts: version, precision and whatever else tells how it ran.
        exact: computes in float32, so its answers are held to the rounding bound.
    """

    call: Callable[[], Floats]
    facts: dict[str, Any] = field(default_factory=dict)
    exact: bool = True
