"""The form a network is deployed in, for the oldest ONNX Runtime that has to read it."""

import onnx

from sparseprune import rewrite
from sparseprune.errors import GateError
from sparseprune.exporter import external
from sparseprune.exporter.options import Options


def make(proto: onnx.ModelProto, options: Options, name: str) -> onnx.ModelProto:
    """The model in the form that was asked for; ``proto`` is left as it was.

    Raises:
        InputError: it cannot have that form, or not for that runtime.
        GateError: the result is not valid, or its inputs or outputs are not the source's.
    """
    result = rewrite.for_runtime(proto, options.oldest)
    if options.form == "compact":
        result = rewrite.compact(result, values=options.values)
    else:
        result = rewrite.plain(result)
    if options.form == "slim":
        result = rewrite.slim(result, round_to=options.round_to)
    _check(result, name)
    if signature(result) != signature(proto):
        raise GateError(f"{name}: its inputs or outputs are not the source's; nothing was written")
    return result


def signature(proto: onnx.ModelProto) -> list[tuple[str, bytes]]:
    """Names and types of what goes in and comes out."""
    graph = proto.graph
    # Before IR version 4 every initializer is listed as an input.
    stored = {tensor.name for tensor in graph.initializer} if proto.ir_version < 4 else set()
    inputs = [port for port in graph.input if port.name not in stored]
    ports = (*inputs, *graph.output)
    return [(port.name, port.type.SerializeToString(deterministic=True)) for port in ports]


def _check(proto: onnx.ModelProto, name: str) -> None:
    """ONNX's checker; the file of a large model is checked when it is written."""
    if external.is_large(proto):
        return
    try:
        # ONNX's own shape inference does not know sparse initializers of convolutions.
        onnx.checker.check_model(proto, full_check=not proto.graph.sparse_initializer)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        brief = " ".join(str(error).split())[:300]
        raise GateError(f"{name}: the rewritten model is not valid ONNX: {brief}") from error
