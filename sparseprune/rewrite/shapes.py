"""Shapes of a graph's values, as far as ONNX can infer them."""

import onnx

Shape = tuple[int | None, ...]

# Larger initializers hold no shapes, so inference need not see their values.
_SMALL_BYTES = 4096


def shapes(proto: onnx.ModelProto) -> dict[str, Shape | None]:
    """Every value's shape by name, None for an open extent, and for a rank that is unknown.

    Inference sees the model without its weights, so it costs little and has no limit of size.
    """
    try:
        graph = onnx.shape_inference.infer_shapes(_without_weights(proto)).graph
    except onnx.shape_inference.InferenceError:
        graph = proto.graph
    ports = (*graph.value_info, *graph.input, *graph.output)
    found = {port.name: _shape(port.type) for port in ports}
    found.update((tensor.name, tuple(tensor.dims)) for tensor in proto.graph.initializer)
    return found


def _without_weights(proto: onnx.ModelProto) -> onnx.ModelProto:
    """The model with its large initializers as inputs of the same shape."""
    graph = onnx.GraphProto(name="shapes", node=proto.graph.node, output=proto.graph.output)
    graph.value_info.extend(proto.graph.value_info)
    graph.input.extend(proto.graph.input)
    listed = {port.name for port in graph.input}
    for tensor in proto.graph.initializer:
        if tensor.ByteSize() <= _SMALL_BYTES:
            graph.initializer.append(tensor)
        elif tensor.name not in listed:
            graph.input.append(
                onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
            )
    for sparse in proto.graph.sparse_initializer:
        name, kind = sparse.values.name, sparse.values.data_type
        if name not in listed:
            graph.input.append(onnx.helper.make_tensor_value_info(name, kind, sparse.dims))
    return onnx.ModelProto(
        ir_version=proto.ir_version,
        opset_import=proto.opset_import,
        functions=proto.functions,
        graph=graph,
    )


def _shape(kind: onnx.TypeProto) -> Shape | None:
    if not kind.HasField("tensor_type") or not kind.tensor_type.HasField("shape"):
        return None
    dims = kind.tensor_type.shape.dim
    return tuple(d.dim_value if d.HasField("dim_value") else None for d in dims)
