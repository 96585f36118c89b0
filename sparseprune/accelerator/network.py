"""An accelerated network: a module that is called as the one it was made from."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.utils import _pytree as pytree

from sparseprune.accelerator.explanation import Explanation
from sparseprune.accelerator.layer import Setting, lent
from sparseprune.accelerator.timing import captured
from sparseprune.errors import InputError

_LENDING = threading.RLock()


class Accelerated(nn.Module):
    """What ``accelerate`` returns: for inference only, and right for any batch it is given.

    Layers were chosen for the shapes of the example inputs. Weights are buffers, so ``to`` and
    ``state_dict`` work; another process that loads the state needs the same choices, so it keeps
    the whole module.

    Attributes:
        network: the graph of chosen layers.
        batch: pictures at a time that it was made for.
    """

    anchor: Tensor

    def __init__(
        self,
        network: fx.GraphModule,
        explanation: Explanation,
        inputs: tuple[Tensor, ...],
        dtype: torch.dtype,
        device: torch.device,
        *,
        tf32: bool,
        cuda_graph: bool,
    ) -> None:
        """Of a network whose layers are chosen for ``inputs`` and lie on ``device``."""
        super().__init__()
        self.network, self._explanation = network, explanation
        self._kinds, self._tf32, self._cuda_graph = _kinds(inputs), tf32, cuda_graph
        self.batch = len(inputs[0]) if inputs and inputs[0].ndim else 1
        # Says where the network is, and in which type, wherever it is moved to.
        self.register_buffer("anchor", torch.empty(0, dtype=dtype, device=device), persistent=False)
        self._replay: Callable[..., Any] | None = None

    def forward(self, *inputs: Tensor) -> Any:
        """What the network gives, in the type it was made for; inputs of other types are rounded.

        Raises:
            InputError: something else than tensors came.
        """
        if not all(isinstance(x, Tensor) for x in inputs):
            raise InputError("expected tensors, each in its place; pass them without names")
        laid = tuple(laid_out(x, self.anchor.device, self.anchor.dtype) for x in inputs)
        asked = self._cuda_graph and _kinds(laid) == self._kinds
        with torch.no_grad(), arithmetic(self.anchor.device, tf32=self._tf32):
            if not asked or self.anchor.device.type != "cuda":
                return self.network(*laid)
            if self._replay is None:
                self._replay = _recorded(self.network, laid)
            return self._replay(*laid)

    def explain(self) -> Explanation:
        """Why each layer runs as it does; print it, or read its rows."""
        return self._explanation

    def train(self, mode: bool = True) -> "Accelerated":
        """Stay in eval mode, whose statistics are folded in."""
        return super().train(False)

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> "Accelerated":
        # A CUDA graph reads memory where it lay.
        self._replay = None
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return self

    def __getstate__(self) -> dict[str, Any]:
        """All but the CUDA graph, which belongs to this process."""
        return {**self.__dict__, "_replay": None}


def laid_out(x: Tensor, device: torch.device, dtype: torch.dtype) -> Tensor:
    """An input as the layers want it: there, rounded, images channels last."""
    x = x.detach().to(device, dtype if x.is_floating_point() else x.dtype)
    return x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x


def _kinds(inputs: tuple[Tensor, ...]) -> list[tuple[torch.Size, bool]]:
    """What a recorded network asks of its inputs: it rounds floats, but never to integers."""
    return [(x.shape, x.is_floating_point()) for x in inputs]


@contextmanager
def arithmetic(device: torch.device, *, tf32: bool) -> Iterator[None]:
    """Lend torch's process-wide settings for float32 products and cuDNN's choice to a call."""
    with torch.autocast(device.type, enabled=False):
        if device.type != "cuda":
            yield
            return
        cudnn = torch.backends.cudnn
        # Threads that interleave would restore one another's; they launch in turn anyway.
        with (
            _LENDING,
            torch.cuda.device(device),
            lent((cudnn, "enabled", True), (cudnn, "benchmark", True), *_precision(tf32)),
        ):
            yield


def _precision(tf32: bool) -> tuple[Setting, Setting]:
    """Which float32 products may round their factors."""
    # Not the older ``allow_tf32``, which cannot be read once a user has set these.
    cudnn: Any = torch.backends.cudnn
    word = "tf32" if tf32 else "ieee"
    return (
        (torch.backends.cuda.matmul, "fp32_precision", word),
        (cudnn.conv, "fp32_precision", word),
    )


def _recorded(network: fx.GraphModule, inputs: tuple[Tensor, ...]) -> Callable[..., Any]:
    """The network as a CUDA graph for inputs of these shapes; answers are copies."""
    with torch.inference_mode(False):  # or only inference mode could write to them
        held = tuple(x.clone() for x in inputs)
    answer: list[Any] = []

    def run() -> None:
        answer[:] = [network(*held)]

    replay = captured(run)
    done = torch.cuda.Event()  # type: ignore[no-untyped-call]

    def call(*given: Tensor) -> Any:
        done.wait()  # for a call on another stream
        for target, source in zip(held, given, strict=True):
            target.copy_(source)
        replay()
        copied = pytree.tree_map_only(Tensor, Tensor.clone, answer[0])
        done.record()
        return copied

    return call
