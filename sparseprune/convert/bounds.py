"""How far apart two float32 evaluations of one network can be: a first-order error analysis.

Every operation adds a local rounding error; the network carries it to the logits. With J the
derivative of a logit by the operation's output and e the local bound, both per element, two
evaluations differ by at most 2 sum |J| e over all operations and elements (Higham 2002, section
3.8). The local bounds are worst cases: a sum of k products has
|fl(w·x) - w·x| <= gamma_k |w|·|x|, gamma_k = k u / (1 - k u), u = 2^-24 (Higham, section 3.1), in
any order and grouping, with or without fused multiply-add, with BatchNorm folded into the layer
before it or not, with a residual sum started from the shortcut or not, with zero weights and
channels skipped or not, and with denormals flushed. It does not hold for transformed convolutions
(Winograd, FFT) or reduced precision (TF32, bfloat16).

First order: left out are products of errors (1e-6 of an error) and rectifiers that change side
(inputs within 1e-6 of zero), while random rounding keeps a sum of k terms below its worst case by
about sqrt(k) (Higham and Mary 2019). Multiplying |weights| through the layers instead would need no
such argument, but grows with depth until it bounds nothing: 1e12 for a ResNet20 with logits near 1.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx, nn

from sparseprune.convert.magnitudes import absolute, gains, terms_per_filter, window
from sparseprune.errors import InputError
from sparseprune.graph import ExampleInputs, Step, trace
from sparseprune.graph.network import tensors
from sparseprune.graph.operations import PIECEWISE_LINEAR

UNIT = 2.0**-24
# Smallest normal float32: what flushing one denormal product or sum can lose.
TINY = 2.0**-126
# Roundings of a folded BatchNorm: var + eps, square root, reciprocal, times gamma, times weight
# (or value), times mean, subtract, add.
NORM_ROUNDINGS = 8
# Error of an implementation of a smooth activation in units of u max(1, |x|): torch 2.13 and ONNX
# Runtime 1.32 stay below 6 on a grid of 4e5 points in [-30, 30]; other releases get twice that.
SMOOTH_ERROR = 12
# Standard deviations, at most, between the likely bound and an error: exceeded once in 5e13.
_DEVIATIONS = 8


@dataclass(frozen=True)
class Sum:
    """What a layer adds up, for an operation that may be fused into it.

    Attributes:
        terms: sum of the magnitudes of the terms, elementwise.
        count: number of terms, broadcast along channels; 0 where nothing can be fused.
    """

    terms: torch.Tensor
    count: torch.Tensor


def difference(model: nn.Module, inputs: ExampleInputs) -> torch.Tensor:
    """Elementwise bound [N, classes], float64, on the difference of two float32 evaluations.

    The evaluations may be of ``model`` (left unchanged), of its masked twin, or of its slim or
    exported form, all in eval mode on ``inputs``. Costs one forward pass and one backward pass for
    every class, so give few pictures.

    Args:
        model: a network whose output is one tensor [N, classes].
        inputs: float32 pictures [N, C, H, W], or a tuple of the forward method's tensors.

    Raises:
        InputError: the model cannot be traced, has an operation without a known bound, or another
            output.
    """
    return 2 * _carried(*_walked(model, inputs, order=1))


def likely_difference(model: nn.Module, inputs: ExampleInputs) -> torch.Tensor:
    """As ``difference``, but a bound that holds with probability, and far tighter: [N, classes].

    Every rounding is taken as independent of the others with mean zero (the model of Higham and
    Mary 2019). A sum of such terms, each at most c_i, exceeds t sqrt(sum c_i^2) with probability
    2 exp(-t^2 / 2) at most (Hoeffding 1963): 2e-14 for t = 8. A layer's sum of k products makes k
    roundings, each at most u |w|·|x|. The worst case lets all of them agree, which for a ResNet-50
    means 70 % of a logit and finds no mistake; this bound is for gates of networks so large.

    Raises:
        InputError: as ``difference``.
    """
    return 2 * _DEVIATIONS * _carried(*_walked(model, inputs, order=2))


def _walked(model: nn.Module, inputs: ExampleInputs, *, order: int) -> tuple[torch.Tensor, "_Walk"]:
    """The network's output, and what was noted on the way to it."""
    graph = trace(model, inputs)
    walk = _Walk(graph.traced.requires_grad_(False), order)
    given = iter(tensors(inputs))
    with torch.enable_grad():
        for step in graph.steps:
            if step.kind == "input":
                walk.values[step.node] = next(given).clone()
            elif step.kind != "output":
                walk.visit(step)
    logits = walk.values.get(graph.steps[-1].node.args[0])
    if not isinstance(logits, torch.Tensor) or logits.dim() != 2:
        raise InputError("expected a network whose output is one tensor [N, classes]")
    return logits, walk


def gamma(roundings: torch.Tensor | float, order: int = 1) -> torch.Tensor:
    """Relative error of k roundings: k u / (1 - k u), u = 2^-24.

    Order 2 is the root of the sum of their squares: sqrt(k) in place of k above.
    """
    k = torch.as_tensor(roundings)
    return k ** (1 / order) * UNIT / (1 - k * UNIT)


def _carried(logits: torch.Tensor, walk: "_Walk") -> torch.Tensor:
    """Norm (of ``walk.order``) of |d logit / d slack| local over all elements: [N, classes]."""
    total = torch.zeros(logits.shape, dtype=torch.float64)
    for k in range(logits.shape[1] if walk.slack else 0):
        with torch.enable_grad():
            logit = logits[:, k].sum()
        slopes = torch.autograd.grad(logit, walk.slack, retain_graph=True, materialize_grads=True)
        for slope, error in zip(slopes, walk.local, strict=True):
            carried = (slope.abs() * error).double() ** walk.order
            total[:, k] += carried.flatten(1).sum(1).cpu()
    return total ** (1 / walk.order)


class _Walk:
    """One forward pass that adds a zero, the slack, to every rounded result.

    Attributes:
        values: results by node.
        slack: zeros whose derivatives say how an error at that place reaches the logits.
        local: the bound on the error at the same place.
        order: of the norm in which roundings add up: 1 for the worst case, 2 for the likely one.
    """

    def __init__(self, traced: fx.GraphModule, order: int) -> None:
        self.order = order
        self.values: dict[Any, Any] = {}
        self.slack: list[torch.Tensor] = []
        self.local: list[torch.Tensor] = []
        self._sums: dict[fx.Node, Sum] = {}
        self._modules = dict(traced.named_modules())
        self._rules: dict[str, Callable[[Step, torch.Tensor], torch.Tensor]] = {
            "conv": self._layer,
            "depthwise": self._layer,
            "linear": self._layer,
            "norm": self._norm,
            "activation": self._activation,
            "pool": self._pool,
            "add": self._add,
            "mul": lambda _, result: self._gamma(1) * result.abs(),
            # A literal factor is itself rounded to float32.
            "scale": lambda _, result: self._gamma(2) * result.abs(),
        }

    def visit(self, step: Step) -> None:
        """Evaluate one step and note its local error.

        Raises:
            InputError: the operation is unknown.
        """
        if step.kind == "unknown":
            raise InputError(f"no float32 error bound is known for {step.reason}")
        result = self._call(step, self.values.__getitem__)
        if step.kind in self._rules:
            with torch.no_grad():
                local = self._rules[step.kind](step, result) + TINY
            self.local.append(local)
            self.slack.append(torch.zeros_like(result, requires_grad=True))
            result = result + self.slack[-1]
        self.values[step.node] = result

    def _call(self, step: Step, fetch: Callable[[fx.Node], Any]) -> Any:
        """Run the step's own operation on what ``fetch`` gives for its inputs."""
        node = step.node
        args = fx.node.map_arg(node.args, fetch)
        kwargs = fx.node.map_arg(node.kwargs, fetch)
        if node.op == "call_module":
            return self._modules[str(node.target)](*args, **kwargs)
        if node.op == "call_method":
            return getattr(args[0], str(node.target))(*args[1:], **kwargs)
        assert callable(node.target)
        return node.target(*args, **kwargs)

    def _gamma(self, roundings: torch.Tensor | float) -> torch.Tensor:
        return gamma(roundings, self.order)

    def _size(self, node: fx.Node) -> torch.Tensor:
        size: torch.Tensor = self.values[node].abs()
        return size

    def _sum(self, node: fx.Node) -> Sum:
        return self._sums.get(node) or Sum(self._size(node), torch.zeros(()))

    def _layer(self, step: Step, result: torch.Tensor) -> torch.Tensor:
        module = self._modules[step.layer]
        terms: torch.Tensor = absolute(module)(self._size(step.inputs[0]))
        if isinstance(module.bias, torch.Tensor):
            terms = terms + _along(module.bias.abs(), terms, step.axis)
        count = _along(terms_per_filter(module), terms, step.axis)
        self._sums[step.node] = Sum(terms, count)
        return self._gamma(count) * terms + count * TINY

    def _norm(self, step: Step, result: torch.Tensor) -> torch.Tensor:
        """Folded, mean and beta start the layer's sum and are rounded with each of its terms."""
        source = self._sum(step.inputs[0])
        scale, mean, shift = (_along(x, result) for x in gains(self._modules[step.layer]))
        count = source.count + NORM_ROUNDINGS
        constant = scale * mean + shift
        self._sums[step.node] = Sum(scale * source.terms + constant, count)
        # One more than the roundings, for their product with those of the layer before.
        return (
            self._gamma(NORM_ROUNDINGS + 1) * scale * source.terms + self._gamma(count) * constant
        )

    def _activation(self, step: Step, result: torch.Tensor) -> torch.Tensor:
        if step.operation in PIECEWISE_LINEAR:
            return self._gamma(step.operation == "leaky_relu") * result.abs()
        return SMOOTH_ERROR * UNIT * self._size(step.inputs[0]).clamp(min=1)

    def _pool(self, step: Step, result: torch.Tensor) -> torch.Tensor:
        """A mean rounds each sum, the reciprocal of the count and their product; a maximum none."""
        if step.operation == "max_pool":
            return torch.zeros_like(result)
        if step.operation == "interpolate":
            # Its coordinates are rounded too: the error depends on the map's size and slopes.
            raise InputError(f"no float32 error bound is known for {step.node.name!r}")
        size: torch.Tensor = self._call(step, self._size)
        roundings = window(step, self._modules, self.values[step.inputs[0]].shape) + 2
        return self._gamma(roundings) * size

    def _add(self, step: Step, result: torch.Tensor) -> torch.Tensor:
        """Either summand may start the other's sum and is then rounded with each of its terms."""
        first, second = step.inputs
        size = self._size(first), self._size(second)
        counts = self._sum(first).count, self._sum(second).count
        return self._gamma(counts[1] + 1) * size[0] + self._gamma(counts[0] + 1) * size[1]


def _along(channels: torch.Tensor, like: torch.Tensor, axis: int = 1) -> torch.Tensor:
    """[C] as [C, 1, 1] (or [C]) to meet ``axis`` of ``like``."""
    return channels.reshape(-1, *[1] * (like.dim() - 1 - axis))
