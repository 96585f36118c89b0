"""The form a network is deployed in, for the oldest ONNX Runtime that has to read it."""

import onnx

from sparseprune import rewrite
from sparseprune.errors import GateError
from sparseprune.exporter import external, validity
from sparseprune.exporter.options import Options
from sparseprune.rewrite.functions import DOMAIN


def make(proto: onnx.ModelProto, options: Options, name: str) -> onnx.ModelProto:
    """The model in the form that was asked for; ``proto`` is left as it was.

    Raises:
        InputError: it cannot have that form, or not for that runtime.
        GateError: the result is not valid, or its inputs or outputs are not the source's.
    """
    result = rewrite.for_runtime(proto, options.oldest)
    if options.form != "compact" or _other_values(result, options.values):
        result = rewrite.plain(result)
    if options.form == "compact":
        result = rewrite.compact(result, values=options.values)
    if options.form == "slim":
        result = rewrite.slim(result, round_to=options.round_to)
    # The file of a large model is checked when it is written.
    if not external.is_large(result) and (fault := validity.fault(result)):
        raise GateError(f"{name}: the rewritten model is not valid ONNX: {fault}")
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


def _other_values(proto: onnx.ModelProto, values: str) -> bool:
    """Whether it is compact already, with weights of another type than the one asked for."""
    asked = onnx.TensorProto.FLOAT16 if values == "float16" else onnx.TensorProto.FLOAT
    stored = {node.input[1] for node in proto.graph.node if node.domain == DOMAIN}
    found = (tensor for tensor in proto.graph.initializer if tensor.name in stored)
    return any(tensor.data_type != asked for tensor in found)
