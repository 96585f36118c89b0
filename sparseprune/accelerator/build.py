"""From a trained network to one whose layers were chosen on the GPU that runs it."""

from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, fx, nn

from sparseprune import graph
from sparseprune.accelerator import explanation, gate
from sparseprune.accelerator.candidates import BASELINE
from sparseprune.accelerator.contest import Decision, contest
from sparseprune.accelerator.dense import Dense
from sparseprune.accelerator.fuse import Fused, fuse, install
from sparseprune.accelerator.layer import Layer
from sparseprune.accelerator.network import Accelerated, arithmetic, laid_out
from sparseprune.accelerator.roofline import Ceilings
from sparseprune.accelerator.timing import GpuTimer, Timer, ceilings
from sparseprune.errors import InputError, first_line

DTYPES = (torch.float32, torch.float16, torch.bfloat16)


class Judge(NamedTuple):
    """What contests are decided with: on a GPU its own clock and ceilings."""

    timer: Timer
    ceilings: Ceilings


def accelerate(
    model: nn.Module,
    example_inputs: graph.ExampleInputs,
    *,
    device: torch.device | str = "cuda",
    dtype: torch.dtype | None = None,
    tf32: bool = False,
    cuda_graph: bool = False,
) -> Accelerated:
    """Replace each layer by the fastest way to compute it, measured here; never slower than dense.

    BatchNorm, sums and activations are folded into Conv2d and Linear. Each layer is then tried as
    torch runs it (images channels last), as fused dense layer, in each sparse form its zeros fit,
    and as 2:4: first against float64, then in turns against the clock.

    Args:
        model: trained, masks folded in (zeros where pruned); it stays as it is.
        example_inputs: one tensor [N, ...] or a tuple of the forward method's tensors, of the sizes
            to be fast for; their values should be like real ones.
        device: a CUDA device of compute capability 8.0 or newer.
        dtype: float32, float16 or bfloat16; None is the model's own.
        tf32: let float32 products round their factors to 11 significant bits, for tensor cores.
        cuda_graph: record the network for the sizes of ``example_inputs``, so that launches cost
            nothing: for few tokens and small batches. Contests are then held without that cost too.

    Returns:
        A module that is called like ``model``; ``explain()`` tells why each layer runs as it does.

    Raises:
        InputError: there is no such GPU, the model cannot be traced, does not take
            ``example_inputs`` or computes in another type.
        GateError: the whole network's answers differ by more than rounding adds up to.
    """
    place = _gpu(device)
    kind = _type(model, dtype, tf32)
    timer = GpuTimer(place, graphs=cuda_graph)
    with torch.no_grad(), arithmetic(place, tf32=tf32):
        judge = Judge(timer, ceilings(timer, place, kind))
        return build(model, example_inputs, place, kind, judge, tf32=tf32, cuda_graph=cuda_graph)


def build(
    model: nn.Module,
    example_inputs: graph.ExampleInputs,
    device: torch.device,
    dtype: torch.dtype,
    judge: Judge,
    *,
    tf32: bool = False,
    cuda_graph: bool = False,
) -> Accelerated:
    """``accelerate`` with a judge that is given, on any device that its candidates run on."""
    fused = fuse(model, example_inputs, device)
    network = fused.network.to(dtype)
    layers = {name: layer.to(device, dtype) for name, layer in fused.layers.items()}
    for name, layer in layers.items():
        install(network, name, Dense(layer))
    inputs = tuple(laid_out(x, device, dtype) for x in graph.tensors(example_inputs))
    # Its own tree of the same layers, of which the other will lose some.
    dense = fx.GraphModule(network, network.graph)
    contests = _Contests(network, layers, judge, tf32)
    try:
        with torch.no_grad():
            contests.run(*(x.clone() for x in inputs))
    except RuntimeError as error:
        raise InputError(
            f"expected a model that runs in {dtype} on {device}, got: {first_line(error)}; "
            "choose another dtype, or smaller example_inputs"
        ) from error
    with torch.no_grad():
        total = _compare(dense, network, inputs, contests.decisions, judge.timer)
        gate.check(network, inputs, fused.expected)
    return Accelerated(
        network,
        explanation.Explanation(_rows(fused, contests.decisions), total),
        inputs,
        dtype,
        device,
        tf32=tf32,
        cuda_graph=cuda_graph,
    )


class _Contests(fx.Interpreter):
    """Runs the network once, and holds a layer's contest where its inputs are at hand."""

    def __init__(
        self, network: fx.GraphModule, layers: dict[str, Layer], judge: Judge, tf32: bool
    ) -> None:
        super().__init__(network)
        self._layers, self._judge, self._tf32 = layers, judge, tf32
        self.decisions: dict[str, Decision] = {}

    def call_module(self, target: Any, args: Any, kwargs: Any) -> Any:
        layer = self._layers.get(str(target))
        if layer is None:
            return super().call_module(target, args, kwargs)
        x, residual = (*args, None)[:2]
        found = contest(layer, x, residual, *self._judge, tf32=self._tf32)
        self.decisions[layer.name] = found
        assert isinstance(self.module, nn.Module)
        install(self.module, layer.name, found.module)
        # The next layers see what they will: also how a result lies in memory.
        return found.module(x, residual)


def _compare(
    dense: fx.GraphModule,
    network: fx.GraphModule,
    inputs: tuple[Tensor, ...],
    decisions: dict[str, Decision],
    timer: Timer,
) -> dict[str, float]:
    """Time the whole network; layers stay dense if together they are slower than they were alone.

    Returns:
        Microseconds, ``dense`` and ``chosen``; empty where there is nothing to compare.
    """
    if all(decision.choice == BASELINE for decision in decisions.values()):
        return {}
    both = {"dense": dense, "chosen": network}
    rounds = {name: timer.prepare([partial(it, *inputs)]) for name, it in both.items()}
    seconds = timer.race(rounds)
    if seconds["chosen"] > seconds["dense"]:
        for name, decision in decisions.items():
            if decision.choice != BASELINE:
                install(network, name, dense.get_submodule(name))
                decision.why = f"{decision.choice} was {decision.why}; the whole network was slower"
                decision.choice = BASELINE
        seconds["chosen"] = seconds["dense"]
    return {name: 1e6 * found for name, found in seconds.items()}


def _rows(fused: Fused, decisions: dict[str, Decision]) -> list[explanation.Row]:
    rows = [explanation.row(decision) for decision in decisions.values()]
    return rows + [explanation.left(name, reason) for name, reason in fused.left.items()]


def _gpu(device: torch.device | str) -> torch.device:
    """The device, if it is a GPU that is there."""
    cpu = "for a CPU use the C++ engine: sp.export(model, ...), then sp.load(path)"
    try:
        found = torch.device(device)
    except RuntimeError as error:
        raise InputError(f"device: expected a CUDA device, got {device!r}; {cpu}") from error
    if found.type != "cuda":
        raise InputError(f"device: expected a CUDA device, got {str(found)!r}; {cpu}")
    if not torch.cuda.is_available():
        raise InputError(
            f"device: expected a CUDA GPU, torch {torch.__version__} finds none; {cpu}"
        )
    if (found.index or 0) >= torch.cuda.device_count():
        raise InputError(
            f"device: expected one of {torch.cuda.device_count()} CUDA devices, got {str(found)!r}"
        )
    here = torch.cuda.current_device() if found.index is None else found.index
    return torch.device("cuda", here)


def _type(model: nn.Module, dtype: torch.dtype | None, tf32: bool) -> torch.dtype:
    """The type to compute in."""
    own = (p.dtype for p in model.parameters() if p.is_floating_point())
    found = dtype or next(own, torch.float32)
    if found not in DTYPES:
        raise InputError(
            f"dtype: expected torch.float32, torch.float16 or torch.bfloat16, got {found}"
        )
    if tf32 and found != torch.float32:
        raise InputError(f"tf32: expected dtype torch.float32 with it, got {found}; leave it out")
    return found
