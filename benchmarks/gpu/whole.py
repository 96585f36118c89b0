"""Whole networks: dense as torch runs it against slim ones, in bfloat16 and channels last."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import torch
from networks import Network
from peers import MissingError
from torch import Tensor, nn

import sparseprune
from gpu import gate
from gpu.contest import Attempt, Case, Entry, Prepared
from gpu.layers import CHECKED_IMAGES
from gpu.place import Place
from gpu.slimmed import halved

Run = Callable[[Tensor], Tensor]
Make = Callable[[nn.Module, Tensor], Run]


@dataclass(frozen=True)
class Half:
    """A network and the same with half of its FLOPs, which are timed on the same pictures.

    They are different functions, as pruning makes them: each is compared with itself in float64.
    Their weights and maps take far more than a cache, so nothing is rotated.
    """

    network: Network
    batch: int
    place: Place

    @property
    def case(self) -> Case:
        return Case(f"{self.network.name}-b{self.batch}-half", self.entries)

    def entries(self) -> list[Entry]:
        """Launched by Python as most do it, in a CUDA graph, accelerated by us, and compiled.

        What takes longest to prepare is last.
        """
        slim, whole = partial(self._entry, slim=True), partial(self._entry, slim=False)
        return [
            whole("eager", _as_it_is, eager=True),
            slim("eager", _as_it_is, eager=True),
            slim("graph", _as_it_is),
            slim("accelerated", _accelerated, eager=True),
            whole("graph", _as_it_is),
            whole("accelerated", _accelerated, eager=True),
            whole("compiled graph", _compiled),
            slim("compiled graph", _compiled),
        ]

    def _entry(self, how: str, make: Make, *, slim: bool, eager: bool = False) -> Entry:
        """One of the networks; the dense one is torch's unless we run it."""
        prepare = partial(self.prepare, lambda: self.slim if slim else self.dense, make)
        who = "slim" if slim else "dense" if make is _accelerated else "torch"
        base = make is _as_it_is and eager and not slim
        return Entry(f"{who} {how}", "0", partial(prepare, eager=eager), ours=slim, dense=base)

    @cached_property
    def dense(self) -> nn.Module:
        with torch.inference_mode(False):  # or nobody could trace it
            return self.network.build()

    @cached_property
    def slim(self) -> nn.Module:
        with torch.inference_mode(False):
            return halved(self.network)

    @cached_property
    def pictures(self) -> Tensor:
        pictures = self.place.random(self.batch, *self.network.shape, seed=0)
        return pictures.to(memory_format=torch.channels_last)

    def prepare(
        self, model: Callable[[], nn.Module], make: Make, *, eager: bool = False
    ) -> Prepared:
        """One way to run ``model``, and its answers in float64 on the CPU."""
        twin = copy.deepcopy(model()).double()
        few = gate.ends(self.pictures, CHECKED_IMAGES).to("cpu", torch.float64)
        with torch.inference_mode():
            expected = twin(few)
        run = make(copy.deepcopy(model()), self.pictures)
        attempt = Attempt([partial(run, self.pictures)], {"batch": self.batch}, eager)
        return Prepared(expected, [attempt], gate.NETWORK)


def _as_it_is(model: nn.Module, pictures: Tensor) -> Run:
    return torch.inference_mode()(_placed(model, pictures).__call__)


def _accelerated(model: nn.Module, pictures: Tensor) -> Run:
    """``sparseprune.accelerate``, which records its own graph; each call copies its input in."""
    _needs_gpu(pictures)
    with torch.inference_mode(False):
        example = pictures.float().clone()
        run = sparseprune.accelerate(model, example, dtype=pictures.dtype, cuda_graph=True)
        # Records the graph: in the check it would record how memory is filled with NaN.
        run(pictures.clone())
        return run


def _compiled(model: nn.Module, pictures: Tensor) -> Run:
    """By Inductor; the clock captures what it makes in a graph like the others."""
    _needs_gpu(pictures)
    return torch.inference_mode()(torch.compile(_placed(model, pictures)).__call__)


def _placed(model: nn.Module, pictures: Tensor) -> nn.Module:
    """Where the pictures are, in their type."""
    return model.to(pictures.device, pictures.dtype, memory_format=torch.channels_last)


def _needs_gpu(pictures: Tensor) -> None:
    if not pictures.is_cuda:
        raise MissingError("needs a CUDA device")
