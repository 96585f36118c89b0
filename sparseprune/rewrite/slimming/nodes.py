"""Attributes and inputs of single nodes."""

from typing import Any

import numpy.typing as npt
import onnx
from onnx import helper

Array = npt.NDArray[Any]

STANDARD = ("", "ai.onnx")


def attributes(node: onnx.NodeProto) -> dict[str, Any]:
    """The attributes of a node by name; references to a function's attributes are left out."""
    return {
        item.name: helper.get_attribute_value(item)
        for item in node.attribute
        if not item.ref_attr_name
    }


def has(node: onnx.NodeProto, index: int) -> bool:
    """Whether an optional input is there."""
    return index < len(node.input) and node.input[index] != ""
