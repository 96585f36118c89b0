"""What a network does with held-out inputs: the numbers data-informed methods score by."""

import math
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch
from torch import fx, nn
from torch.nn import functional

from sparseprune.errors import InputError, first_line
from sparseprune.graph import Layer, NetworkGraph
from sparseprune.labels import UNKNOWN, VOID

# Section 2.3: C of the sensitivity set's size.
_CONSTANT = 3.0
#: Probability of failure of its error bounds (delta).
DELTA = 1e-16
# A gradient is the mean over so many inputs; more at once only costs memory.
_BATCH = 32

#: (number of the first input, layer, its module, what it reads): called for some inputs at each
#: call of the layer, by several threads at once. May give what the layer answers, which then is
#: not computed again.
Visit = Callable[[int, str, nn.Module, torch.Tensor], torch.Tensor | None]


def set_size(graph: NetworkGraph, held_out: int, delta: float = DELTA) -> int:
    """Of the sensitivity set: how many inputs data-informed methods look at (section 2.3).

    ``min(ceil(C ln(8 eta_max eta_tot / delta)), held_out / 2)``, where eta is the number of output
    activations of a prunable layer, C = 3.

    Args:
        graph: of the network; the example inputs it was traced with set the activations' number.
        held_out: inputs there are that neither training nor the test has seen.
        delta: probability of failure of the methods' error bounds.
    """
    activations = [layer.shape[0] * layer.positions for layer in graph.layers]
    wanted = _CONSTANT * math.log(8 * max(activations) * sum(activations) / delta)
    return min(math.ceil(wanted), max(1, held_out // 2))


@dataclass(frozen=True)
class Evidence:
    """A network as it is now, and the inputs to ask it about.

    Attributes:
        network: in evaluation mode; its parameters are those that are pruned.
        inputs: normalised, [n, ...], n >= 1.
        labels: int64 of the inputs' classes, for methods that follow the loss: [n], [n, ...] of
            positions, or [n, classes] of 1, 0 and -1 (ignored) of several classes each; or None.
    """

    network: fx.GraphModule
    inputs: torch.Tensor
    labels: torch.Tensor | None = None

    def first(self, count: int) -> "Evidence":
        """The same with the first ``count`` inputs."""
        labels = None if self.labels is None else self.labels[:count]
        return Evidence(self.network, self.inputs[:count], labels)

    def visit(self, layers: tuple[Layer, ...], visit: Visit, together: int = 1) -> None:
        """Run the inputs, ``together`` at a time; ``visit`` sees what each of ``layers`` reads.

        On the CPU each of torch's threads runs inputs of its own: few pictures are too small for
        their layers to be shared. Memory is bounded by their activations per thread.
        """
        current = threading.local()
        dense = any(node.target in ("view", "view_as") for node in self.network.graph.nodes)

        def run(number: int) -> None:
            current.image = image = number * together
            # What is not tracked is a setting of the thread.
            with torch.no_grad():
                self.network(self.inputs[image : image + together].clone())

        def wrapped(name: str, module: nn.Module) -> Callable[[torch.Tensor], torch.Tensor]:
            compute: Callable[[torch.Tensor], torch.Tensor] = module.forward

            def forward(input: torch.Tensor) -> torch.Tensor:
                answer = visit(current.image, name, module, input)
                if answer is None:
                    return compute(input)
                # Views of a tensor ask for the usual order of its values.
                return answer.contiguous() if dense else answer

            return forward

        with ExitStack() as stack:
            for layer in layers:
                module = self.network.get_submodule(layer.name)
                stack.enter_context(_forward(module, wrapped(layer.name, module)))
            in_parallel(run, -(-len(self.inputs) // together), self.inputs.device)

    def gradients(self, layers: tuple[Layer, ...]) -> Iterator[dict[str, torch.Tensor]]:
        """Gradient of the mean cross-entropy by each layer's weight, batch after batch.

        Raises:
            InputError: there are no labels, or they do not fit the network's output.
        """
        names = [layer.name for layer in layers]
        # The network is a copy of our own, so frozen layers may be followed, too.
        weights = {
            name: self.network.get_parameter(f"{name}.weight").requires_grad_() for name in names
        }
        labels = self._labels()
        for start in range(0, len(self.inputs), _BATCH):
            chosen = slice(start, start + _BATCH)
            with torch.enable_grad():
                loss = _loss(self.network(self.inputs[chosen].clone()), labels[chosen])
                found = torch.autograd.grad(loss, list(weights.values()), materialize_grads=True)
            yield dict(zip(weights, found, strict=True))

    def _labels(self) -> torch.Tensor:
        if self.labels is None:
            raise InputError(
                "expected labels of the inputs, because the method follows the gradient of the "
                "loss, got inputs alone; give (inputs, labels)"
            )
        return self.labels


@contextmanager
def _forward(module: nn.Module, forward: Callable[..., torch.Tensor]) -> Iterator[None]:
    """Have ``module`` run ``forward``; as an attribute of its own it comes before the class's."""
    before = module.__dict__.get("forward")
    module.__dict__["forward"] = forward
    try:
        yield
    finally:
        del module.__dict__["forward"]
        if before is not None:
            module.__dict__["forward"] = before


def in_parallel(run: Callable[[int], None], count: int, device: torch.device) -> None:
    """Call ``run`` with 0 to ``count - 1``, on the CPU by as many threads as torch has."""
    threads = min(torch.get_num_threads(), count)
    if device.type != "cpu" or threads == 1:
        for number in range(count):
            run(number)
        return
    whole = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(threads, initializer=lambda: torch.set_num_threads(1)) as pool:
            # Exhausted, so that errors are raised here.
            for _ in pool.map(run, range(count)):
                pass
    finally:
        # The libraries behind torch have settings that are not the thread's alone.
        torch.set_num_threads(whole)


def _loss(answers: object, labels: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy; an auxiliary head counts half, as it does in training (section 3.2).

    Of labels [n, classes] it is the binary one: a class is a choice between 0 and its logit.
    """
    heads = {"out": answers} if not isinstance(answers, Mapping) else answers
    main, auxiliary = heads.get("out"), heads.get("aux")
    ignored = VOID if labels.ndim > 1 else -100
    if isinstance(main, torch.Tensor) and main.ndim == labels.ndim == 2:
        main, auxiliary, ignored = _choices(main), _choices(auxiliary), UNKNOWN
    _check_classes(main, labels, ignored)
    assert isinstance(main, torch.Tensor)
    loss = functional.cross_entropy(main, labels, ignore_index=ignored)
    if isinstance(auxiliary, torch.Tensor):
        loss = loss + 0.5 * functional.cross_entropy(auxiliary, labels, ignore_index=ignored)
    return loss


def _choices(logits: object) -> object:
    """Of each class [n, classes]: (no, yes) [n, 2, classes]."""
    if not isinstance(logits, torch.Tensor):
        return logits
    return torch.stack([torch.zeros_like(logits), logits], 1)


def _check_classes(logits: object, labels: torch.Tensor, ignored: int) -> None:
    if not isinstance(logits, torch.Tensor) or logits.ndim < 2:
        raise InputError(
            "expected a network that returns logits [N, classes, ...] to follow the gradient of "
            f"its loss, got {type(logits).__name__}; take a method that needs no labels"
        )
    wanted = (len(labels), *logits.shape[2:])
    if tuple(labels.shape) != wanted:
        raise InputError(
            f"expected labels {list(wanted)}, one for every logits of {list(logits.shape)}, got "
            f"{list(labels.shape)}; label every pixel, or take a method that needs no labels"
        )
    counted = labels.where(labels != ignored, 0)
    wrong = [label for label in counted.aminmax() if not 0 <= label < logits.shape[1]]
    if wrong:
        raise InputError(
            f"expected labels from 0 and below the {logits.shape[1]} classes of the network, got "
            f"{int(wrong[0])}"
        )


def gather(
    graph: NetworkGraph,
    state: dict[str, torch.Tensor],
    inputs: torch.Tensor,
    labels: torch.Tensor | None = None,
) -> Evidence:
    """Evidence on the network of ``graph`` with the parameters and buffers ``state``.

    Raises:
        InputError: ``inputs`` and ``labels`` do not belong together, or hold NaN or infinity.
    """
    if len(inputs) == 0:
        raise InputError("expected held-out inputs of shape [n, ...], n >= 1, got none")
    if not torch.isfinite(inputs).all():
        raise InputError("expected finite held-out inputs, got NaN or infinity")
    if labels is not None and (labels.dtype != torch.int64 or len(labels) != len(inputs)):
        raise InputError(
            f"expected {len(inputs)} int64 labels, one per held-out input, got "
            f"{str(labels.dtype).removeprefix('torch.')} {list(labels.shape)}"
        )
    # The traced network holds the weights and statistics of the moment it was traced. It lacks
    # modules that are never called, and has constants of the forward method as buffers of its own.
    graph.traced.load_state_dict(state, strict=False)
    graph.traced.eval()
    _try(graph.traced, inputs[:1])
    return Evidence(graph.traced, inputs, labels)


def _try(network: fx.GraphModule, first: torch.Tensor) -> None:
    try:
        with torch.no_grad():
            answers = network(first.clone())
    except Exception as error:  # forward methods may raise anything
        raise InputError(
            f"expected held-out inputs the network takes, one tensor [n, ...], got "
            f"{list(first.shape)} for the first: {first_line(error)}"
        ) from error
    if isinstance(answers, torch.Tensor) and not torch.isfinite(answers).all():
        raise InputError(
            "expected finite answers to held-out inputs, got NaN or infinity for the first; look "
            "for NaN in the network's buffers, or for overflow in 16 bits"
        )
