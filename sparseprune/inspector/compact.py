"""Weights of our own compact operators, as masks again."""

from typing import Any

import onnx

from sparseprune.errors import InputError
from sparseprune.inspector import tensors
from sparseprune.inspector.scope import Scope
from sparseprune.inspector.tensors import Mask
from sparseprune.rewrite.encoding import Encoded, decode
from sparseprune.rewrite.functions import DOMAIN, OPERATORS


def is_compact(node: onnx.NodeProto) -> bool:
    """Whether a node is one of the operators, with the inputs they have."""
    return node.domain == DOMAIN and node.op_type in OPERATORS and len(node.input) == 4


def kept(node: onnx.NodeProto, values: dict[str, Any], scope: Scope) -> Mask:
    """Which weights of a compact operator are not zero.

    Args:
        node: the operator.
        values: its attributes.
        scope: what it can see.

    Raises:
        InputError: its tensors are missing, damaged, or far too small for the shape they claim.
    """
    stored = [scope.tensor(name) for name in node.input[1:3]]
    if None in stored:
        raise InputError(f"node {node.name!r}: expected its weight among the initializers")
    data, index = (tensors.array(tensor, scope.folder) for tensor in stored if tensor is not None)
    shape = tuple(values.get("weight_shape", ()))
    mask = tensors.blank(shape, data.nbytes + index.nbytes, node.input[1])
    try:
        found = decode(Encoded(data, index, node.op_type.startswith("Bitmask")), shape)
    except ValueError as error:
        raise InputError(
            f"node {node.name!r}: expected a weight stored by sparseprune, got a damaged one "
            f"({error})"
        ) from error
    mask.reshape(-1)[found.positions] = True
    return mask
