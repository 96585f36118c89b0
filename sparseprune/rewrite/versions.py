"""Operator sets and IR versions: what the oldest ONNX Runtime asked for can read."""

import onnx
import onnx.version_converter

from sparseprune.errors import InputError, first_line
from sparseprune.rewrite.constants import nodes

# ONNX Runtime -> the newest operator set and IR version it reads, as its releases were seen to do;
# those between two rows read what the first of them does, or more.
READS = {
    (1, 17): (20, 9),
    (1, 18): (21, 10),
    (1, 19): (21, 10),
    (1, 20): (21, 10),
    (1, 21): (22, 10),
    (1, 22): (22, 10),
    (1, 23): (23, 11),
    (1, 24): (25, 13),
    (1, 25): (26, 13),
    (1, 32): (28, 14),
}
_STANDARD = ("", "ai.onnx")


def newest(oldest: tuple[int, int]) -> tuple[int, int]:
    """The newest operator set and IR version that an ONNX Runtime reads.

    Raises:
        InputError: it is older than any we know.
    """
    known = [version for version in READS if version <= oldest]
    if not known:
        first = min(READS)
        raise InputError(
            f"expected an ONNX Runtime from {first[0]}.{first[1]} on, got "
            f"{oldest[0]}.{oldest[1]}; ask for a newer one"
        )
    return READS[max(known)]


def opset(proto: onnx.ModelProto) -> int:
    """The model's version of ONNX's own operators; 0 if it uses none."""
    return max((e.version for e in proto.opset_import if e.domain in _STANDARD), default=0)


def at_least(proto: onnx.ModelProto, version: int) -> onnx.ModelProto:
    """A copy of the model, of an operator set from ``version`` on.

    Raises:
        InputError: ONNX cannot convert it.
    """
    if 0 < opset(proto) < version:
        return _converted(proto, version)
    result = onnx.ModelProto()
    result.CopyFrom(proto)
    return result


def raise_ir(proto: onnx.ModelProto, version: int) -> None:
    """Let a model have IR ``version`` at least, in place.

    Up to version 3 every initializer is listed as an input. From 4 on that would let callers
    replace it, so the inputs that are none leave.
    """
    if proto.ir_version < 4 <= version:
        stored = {tensor.name for tensor in proto.graph.initializer}
        inputs = [port for port in proto.graph.input if port.name not in stored]
        del proto.graph.input[:]
        proto.graph.input.extend(inputs)
    proto.ir_version = max(proto.ir_version, version)


def for_runtime(proto: onnx.ModelProto, oldest: tuple[int, int]) -> onnx.ModelProto:
    """A copy of the model that every ONNX Runtime from ``oldest`` on reads.

    Its operator set and IR version stay where that runtime reads them. Otherwise a node moves to
    the older set as it is where both sets define it alike, as far as it uses it (most newer
    definitions only admit more types); else ONNX's own converter is asked.

    Args:
        proto: any valid model; left as it was.
        oldest: major and minor version.

    Raises:
        InputError: the runtime is older than any we know, or an operator cannot be converted.
    """
    highest, ir = newest(oldest)
    result = onnx.ModelProto()
    result.CopyFrom(proto)
    if opset(result) > highest:
        changed = sorted({n.op_type for n in nodes(result) if not _alike(n, result, highest)})
        if changed:
            result = _lowered(result, highest, changed, oldest)
        for owner in (result, *result.functions):
            for entry in owner.opset_import:
                if entry.domain in _STANDARD:
                    entry.version = min(entry.version, highest)
    if result.ir_version > ir:
        _forget_newer(result)
        result.ir_version = ir
    return result


def _alike(node: onnx.NodeProto, proto: onnx.ModelProto, version: int) -> bool:
    """Whether a node means the same in an older operator set."""
    if node.domain not in _STANDARD:
        return True
    try:
        new = onnx.defs.get_schema(node.op_type, opset(proto), "")
        old = onnx.defs.get_schema(node.op_type, version, "")
    except onnx.defs.SchemaError:
        return False
    if new.since_version == old.since_version:
        return True
    given = {attribute.name for attribute in node.attribute}
    known = given <= set(old.attributes)
    # An attribute that is new has what was done before it as its default.
    defaults = all(
        new.attributes[name].default_value == old.attributes[name].default_value
        for name in new.attributes.keys() & old.attributes.keys() - given
    )
    ports = len(node.input) <= old.max_input and len(node.output) <= old.max_output
    return known and defaults and ports and new.min_input == old.min_input


def _lowered(
    proto: onnx.ModelProto, version: int, changed: list[str], oldest: tuple[int, int]
) -> onnx.ModelProto:
    try:
        return _converted(proto, version)
    except InputError as error:
        raise InputError(
            f"expected operators of opset {version}, the newest that ONNX Runtime "
            f"{oldest[0]}.{oldest[1]} reads, got {', '.join(changed)} of opset {opset(proto)} "
            "without a counterpart; ask for a newer runtime, or export the model with that opset"
        ) from error


def _converted(proto: onnx.ModelProto, version: int) -> onnx.ModelProto:
    """What ONNX's converter makes of a model; it knows neither functions nor sparse tensors."""
    text = f"expected a model ONNX can convert from opset {opset(proto)} to {version}, got "
    if proto.functions or proto.graph.sparse_initializer:
        raise InputError(f"{text}one with functions or sparse tensors; export it again")
    try:
        result = onnx.version_converter.convert_version(proto, version)
        onnx.checker.check_model(result)  # it may leave what the older set lacks as it is
    except Exception as error:  # its errors are bare RuntimeErrors, and protobuf's for the size
        raise InputError(f"{text}{first_line(error)}; export it again") from error
    if not result.metadata_props:
        result.metadata_props.extend(proto.metadata_props)
    return result


def _forget_newer(proto: onnx.ModelProto) -> None:
    """Notes on nodes and tensors are unknown before IR version 10; runtimes do not need them."""
    owners = (proto.graph, *proto.graph.initializer, *proto.functions)
    ports = (*proto.graph.input, *proto.graph.output, *proto.graph.value_info)
    for owner in (*owners, *ports, *nodes(proto)):
        del owner.metadata_props[:]
