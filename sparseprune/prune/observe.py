"""What a network does with held-out inputs: the numbers data-informed methods score by."""

import math
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch import fx, nn
from torch.nn import functional

from sparseprune.errors import InputError
from sparseprune.graph import Layer, NetworkGraph

# Section 2.3: C and delta of the sensitivity set's size.
_CONSTANT = 3.0
DELTA = 1e-16
# A gradient is the mean over so many inputs; more at once only costs memory.
_BATCH = 32

#: (number of the input, layer, its module, what it reads): called for each input and each call of
#: the layer, by several threads at once.
Visit = Callable[[int, str, nn.Module, torch.Tensor], None]


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
        labels: int64 [n] of the inputs' classes, for methods that follow the loss; or None.
    """

    network: fx.GraphModule
    inputs: torch.Tensor
    labels: torch.Tensor | None = None

    def first(self, count: int) -> "Evidence":
        """The same with the first ``count`` inputs."""
        labels = None if self.labels is None else self.labels[:count]
        return Evidence(self.network, self.inputs[:count], labels)

    def visit(self, layers: tuple[Layer, ...], visit: Visit) -> None:
        """Run the inputs one by one; ``visit`` sees what each of ``layers`` reads.

        On the CPU each of torch's threads runs inputs of its own: a single picture is too small
        for its layers to be shared. Memory is bounded by one input's activations per thread.
        """
        current = threading.local()
        modules = {layer.name: self.network.get_submodule(layer.name) for layer in layers}

        def run(image: int) -> None:
            current.image = image
            # What is not tracked is a setting of the thread.
            with torch.no_grad():
                self.network(self.inputs[image : image + 1].clone())

        handles = [
            module.register_forward_pre_hook(
                lambda module, args, name=name: visit(current.image, name, module, args[0])
            )
            for name, module in modules.items()
        ]
        try:
            in_parallel(run, len(self.inputs), self.inputs.device)
        finally:
            for handle in handles:
                handle.remove()

    def gradients(self, layers: tuple[Layer, ...]) -> Iterator[dict[str, torch.Tensor]]:
        """Gradient of the mean cross-entropy by each layer's weight, batch after batch.

        Raises:
            InputError: there are no labels, or they do not fit the network's output.
        """
        names = [layer.name for layer in layers]
        weights = {name: self.network.get_parameter(f"{name}.weight") for name in names}
        labels = self._labels()
        for start in range(0, len(self.inputs), _BATCH):
            chosen = slice(start, start + _BATCH)
            loss = _loss(self.network(self.inputs[chosen].clone()), labels[chosen])
            yield dict(zip(weights, torch.autograd.grad(loss, list(weights.values())), strict=True))

    def _labels(self) -> torch.Tensor:
        if self.labels is None:
            raise InputError(
                "expected labels of the inputs, because the method follows the gradient of the "
                "loss, got inputs alone; give (inputs, labels)"
            )
        return self.labels


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
    """Mean cross-entropy; an auxiliary head counts half, as it does in training (section 3.2)."""
    heads = {"out": answers} if not isinstance(answers, Mapping) else answers
    main, auxiliary = heads.get("out"), heads.get("aux")
    ignored = _ignored(labels)
    _check_classes(main, labels)
    assert isinstance(main, torch.Tensor)
    loss = functional.cross_entropy(main, labels, ignore_index=ignored)
    if isinstance(auxiliary, torch.Tensor):
        loss = loss + 0.5 * functional.cross_entropy(auxiliary, labels, ignore_index=ignored)
    return loss


def _check_classes(logits: object, labels: torch.Tensor) -> None:
    if not isinstance(logits, torch.Tensor) or logits.ndim < 2:
        raise InputError(
            "expected a network that returns logits [N, classes, ...] to follow the gradient of "
            f"its loss, got {type(logits).__name__}; take a method that needs no labels"
        )
    largest = int(labels.where(labels != _ignored(labels), 0).max())
    if largest >= logits.shape[1]:
        raise InputError(
            f"expected labels below the {logits.shape[1]} classes of the network, got {largest}"
        )


def _ignored(labels: torch.Tensor) -> int:
    """The label that does not count: VOC's border where pixels are labelled, else torch's."""
    return 255 if labels.ndim > 1 else -100


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
    if not isinstance(inputs, torch.Tensor) or len(inputs) == 0:
        raise InputError("expected held-out inputs of shape [n, ...], n >= 1, got none")
    if not torch.isfinite(inputs).all():
        raise InputError("expected finite held-out inputs, got NaN or infinity")
    if labels is not None and (labels.dtype != torch.int64 or len(labels) != len(inputs)):
        raise InputError(
            f"expected {len(inputs)} int64 labels, one per held-out input, got "
            f"{str(labels.dtype).removeprefix('torch.')} {list(labels.shape)}"
        )
    # The traced network holds the weights and statistics of the moment it was traced.
    graph.traced.load_state_dict(state)
    graph.traced.eval()
    return Evidence(graph.traced, inputs, labels)
