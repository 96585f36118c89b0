"""torch module -> ONNX graph, quietly; what cannot be translated is named by layer and operator."""

import copy
import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import onnx
import torch
from torch import nn

from sparseprune.errors import InputError, first_line
from sparseprune.runtime.answers import logits_of

# The newest operator set whose operators our execution provider and ONNX Runtime 1.23 both know.
OPSET = 20
INPUT, OUTPUT = "input", "logits"
_ANY_BATCH = ({0: torch.export.Dim("batch")},)
_BATCH_FIXED = (
    "expected logits of shape [batch, classes] for any batch, got {}; "
    "do not write the batch size into the model's forward"
)


def translate(model: nn.Module, example: torch.Tensor, opset: int = OPSET) -> onnx.ModelProto:
    """Plain ONNX of a network: float32 "input" [batch, ...] to "logits" [batch, classes].

    One that segments gives [batch, classes, H, W]; of a mapping, ``out`` or ``logits``.
    BatchNorm is folded into the convolution before it (a zero weight stays exactly zero: it is
    multiplied by a scale). ``model`` is left as it was.

    Raises:
        InputError: the model cannot take ``example``, or holds something that cannot be
            translated; the message names the layer and, where known, the operator.
    """
    twin = copy.deepcopy(model).cpu().eval().requires_grad_(False)
    where = _Where(twin)
    example = _several(example.detach().cpu())
    with quiet():
        _try(twin, example, where)
        forward = twin.forward
        twin.forward = lambda pictures: logits_of(forward(pictures))
        program = _capture(twin, example, where)
        proto = _convert(program, opset)
    _check_output(proto)
    return proto


class _Where:
    """The dotted name of the layer that was entered last."""

    def __init__(self, model: nn.Module) -> None:
        self.layer = ""
        for name, module in model.named_modules():
            module.register_forward_pre_hook(lambda _module, _args, name=name: self._enter(name))

    def _enter(self, name: str) -> None:
        self.layer = name

    def __str__(self) -> str:
        return f"layer {self.layer!r}" if self.layer else "the model's own forward"


def _several(example: torch.Tensor) -> torch.Tensor:
    """At least two pictures: torch.export takes a batch of one for a constant."""
    return example if len(example) > 1 else torch.cat([example, example])


def _try(model: nn.Module, example: torch.Tensor, where: _Where) -> None:
    """Refuse a model that does not answer with logits."""
    try:
        with torch.no_grad():
            answer = model(example)
    except Exception as error:
        raise InputError(
            f"the model does not accept example_inputs of shape {list(example.shape)}: "
            f"{where} said {first_line(error)!r}; give a batch it was trained for"
        ) from error
    logits = logits_of(answer)
    if not isinstance(logits, torch.Tensor) or logits.ndim not in (2, 4):
        found = list(logits.shape) if isinstance(logits, torch.Tensor) else type(answer).__name__
        raise InputError(
            f"expected a model that returns logits of shape [N, classes] (or [N, classes, H, W]), "
            f"got {found}; export the part that classifies or segments alone"
        )


def _capture(
    model: nn.Module, example: torch.Tensor, where: _Where
) -> torch.export.ExportedProgram:
    try:
        return torch.export.export(model, (example,), dynamic_shapes=_ANY_BATCH, strict=False)
    except Exception as error:
        if "Constraints violated" in str(error):
            raise InputError(_BATCH_FIXED.format("batches of one size only")) from error
        raise InputError(
            f"{where} cannot be exported: {first_line(error)}; "
            "rewrite it without decisions that depend on the values it sees"
        ) from error


def _convert(program: torch.export.ExportedProgram, opset: int) -> onnx.ModelProto:
    try:
        result = torch.onnx.export(
            program,
            dynamo=True,
            verbose=False,
            opset_version=opset,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes=_ANY_BATCH,  # the program has them already; this names the axis
        )
    except Exception as error:
        raise InputError(
            f"{_untranslated(program, error)}; replace it by operators of ONNX opset {opset}"
        ) from error
    if result is None:
        raise InputError("torch.onnx returned no model; update torch and onnxscript")
    return result.model_proto


def _untranslated(program: torch.export.ExportedProgram, error: BaseException) -> str:
    """Which operator of which layer has no ONNX counterpart, from torch's chain of causes."""
    causes: list[BaseException] = [error]
    while (cause := causes[-1].__cause__) is not None:
        causes.append(cause)
    # torch names the node of the decomposed graph: bessel_j0 for what was special_bessel_j0.
    found = re.search(r"translating node %(\w+) :", " ".join(map(str, causes)))
    for node in program.graph.nodes:
        if found and node.name.endswith(found.group(1)):
            stack = list(node.meta.get("nn_module_stack", {}).values())
            layer = stack[-1][0] if stack else ""
            return f"layer {layer!r}: operator {node.target} has no ONNX counterpart"
    return f"the model has no ONNX counterpart: {first_line(causes[-1])}"


def _check_output(proto: onnx.ModelProto) -> None:
    """A model that fixes or mixes the batch axis would answer wrongly for other batches."""
    dims = proto.graph.output[0].type.tensor_type.shape.dim
    fixed = all(dim.HasField("dim_value") for dim in dims[1:])
    if len(dims) not in (2, 4) or dims[0].dim_param != "batch" or not fixed:
        found = [dim.dim_param or dim.dim_value for dim in dims]
        raise InputError(_BATCH_FIXED.format(found))


@contextmanager
def quiet() -> Iterator[None]:
    """Keep torch's progress and deprecation chatter from the user; errors still raise."""
    before: Any = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
