"""A network that draws random numbers is named as such, not as a failed conversion."""

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from sparseprune import exporter
from sparseprune.errors import InputError
from sparseprune.exporter import randomness

WEIGHT = np.eye(64, dtype=np.float32)


def model(*nodes, **weights):
    """``nodes`` from "x" to "s", then a product that our provider claims."""
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        [*nodes, helper.make_node("MatMul", ["s", "w"], ["y"])],
        "g",
        [info("x", 1, ["n", 64])],
        [info("y", 1, ["n", 64])],
        [numpy_helper.from_array(np.asarray(a), n) for n, a in {"w": WEIGHT, **weights}.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def dropout(*flag):
    return helper.make_node("Dropout", ["x", "half", *flag], ["s"], "drop")


def test_what_draws():
    half = np.float32(0.5)
    noise = helper.make_node("RandomNormalLike", ["x"], ["s"], "noise")
    assert randomness.drawing(model(noise)) == "RandomNormalLike 'noise'"
    assert randomness.drawing(model(dropout("on"), half=half, on=True)) == "Dropout 'drop'"
    assert randomness.drawing(model(dropout("on"), half=half, on=False)) is None
    assert randomness.drawing(model(dropout(), half=half)) is None


def test_its_export_says_so(tmp_path):
    onnx.save(model(dropout("on"), half=np.float32(0.5), on=True), tmp_path / "drops.onnx")
    with pytest.raises(
        InputError, match=r"drops\.onnx: .* one that draws random numbers \(Dropout 'drop'\)"
    ):
        exporter.export(tmp_path / "drops.onnx", tmp_path / "copy.onnx", tune=0)
    assert not (tmp_path / "copy.onnx").exists()
