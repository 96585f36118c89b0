"""``sparseprune explain``: what it prints agrees with what a session does."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from sparseprune.cli.app import app

onnx = pytest.importorskip("onnx")


def call(*arguments, code=0):
    done = CliRunner(env={"COLUMNS": "80"}).invoke(app, ["explain", *map(str, arguments)])
    assert done.exit_code == code, done.output
    return done


def sparse(rng, *shape, kept=0.1):
    return (rng.standard_normal(shape) * (rng.random(shape) < kept)).astype(np.float32)


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """Two sparse layers, of which one in blocks of four rows, a pool, and a node of others."""
    rng = np.random.default_rng(0)
    blocks = np.repeat(rng.random((16, 1, 64, 3, 3)) < 0.1, 4, 1).reshape(64, 64, 3, 3)
    weights = {
        "a": sparse(rng, 64, 64, 3, 3),
        "b": (rng.standard_normal(blocks.shape) * blocks).astype(np.float32),
    }
    node, info = onnx.helper.make_node, onnx.helper.make_tensor_value_info
    nodes = [
        node("Conv", ["x", "a"], ["c1"], "first", pads=[1, 1, 1, 1]),
        node("Relu", ["c1"], ["r1"], "relu"),
        node("MaxPool", ["r1"], ["p"], "pool", kernel_shape=[2, 2], strides=[2, 2]),
        node("Conv", ["p", "b"], ["c2"], "second", pads=[1, 1, 1, 1]),
        node("Tanh", ["c2"], ["y"], "tail"),
    ]
    graph = onnx.helper.make_graph(
        nodes,
        "g",
        [info("x", 1, ["n", 64, "h", "w"])],
        [info("y", 1, None)],
        [onnx.numpy_helper.from_array(w, name) for name, w in weights.items()],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)])
    model.ir_version = 9
    path = tmp_path_factory.mktemp("explain") / "network.onnx"
    onnx.save(model, path)
    return path


def test_layers_and_reasons(network):
    found = json.loads(call(network, "--shape", "1,64,28,28", "--json").stdout)
    assert found["inputs"] == {"x": [1, 64, 28, 28]}
    layers = {layer["name"]: layer for layer in found["layers"]}
    assert list(layers) == ["Conv 'first'", "MaxPool 'pool'", "Conv 'second'"]
    first, second = layers["Conv 'first'"], layers["Conv 'second'"]
    assert first["shape"] == [1, 64, 28, 28]
    assert second["shape"] == [1, 64, 14, 14]
    assert 0.08 < first["density"] < 0.12
    assert second["block_rows"] >= 4
    assert second["blocked"] > 0.9
    assert {bound["resource"] for bound in first["bounds"]} == {"FMA", "L1", "L2", "L3"}
    cycles = [bound["cycles"] for bound in first["bounds"]]
    assert cycles == sorted(cycles, reverse=True)
    assert first["tiles"][0]["cycles"] > 0
    assert not first["tuned"]
    reasons = {node["name"]: node["reason"] for node in found["nodes"]}
    assert reasons["Tanh 'tail'"] == "unsupported operation"
    assert reasons["Conv 'first'"] == ""
    assert 0 < found["estimate"]["ours"] < found["estimate"]["theirs"]


def test_a_batch_fills_the_lanes(network):
    arguments = (network, "--shape", "x=64,64,8,8", "--json")
    found = json.loads(call(*arguments).stdout)
    assert found["inputs"] == {"x": [64, 64, 8, 8]}
    assert found["layers"][0]["images"] > 1


def test_tables_fit_the_terminal(network):
    output = call(network, "--shape", "1,64,28,28").stdout
    assert max(map(len, output.splitlines())) <= 80
    for word in ("first", "64x28x28", "10%", "cost model", "tail", "unsupported operation"):
        assert word in output
    assert "4 of 5 nodes run here" in output
    assert "not counting nodes whose cost is not known: 1" in output
    output = call(network, "--shape", "64,64,8,8").stdout
    assert "images at once" in output
    assert max(map(len, output.splitlines())) <= 80


def test_the_end_of_a_long_name_is_not_the_operation(save):
    node = onnx.helper.make_node("Erf", ["x"], ["y"], "/stage/block.0/block.0.12/Erf")
    assert "Erf …lock.0/block.0.12 " in call(save([node], {}, [1, 8])).stdout


@pytest.fixture
def save(tmp_path):
    """Writes a model of these nodes; gives its path."""

    def write(nodes, weights, axes):
        info = onnx.helper.make_tensor_value_info
        graph = onnx.helper.make_graph(
            nodes,
            "g",
            [] if axes is None else [info("x", 1, axes)],
            [info("y", 1, None)],
            [onnx.numpy_helper.from_array(w, name) for name, w in weights.items()],
        )
        model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)])
        model.ir_version = 9
        onnx.save(model, tmp_path / "model.onnx")
        return tmp_path / "model.onnx"

    return write


def test_nothing_claimed_is_said(save):
    weight = sparse(np.random.default_rng(0), 8, 8, kept=1)
    path = save([onnx.helper.make_node("MatMul", ["x", "w"], ["y"])], {"w": weight}, ["n", 8])
    output = call(path, "--batch", 3).stdout
    assert "none of the layers around it is pruned" in output
    assert "0 of 1 nodes run here: the network runs as without sparseprune" in output


@pytest.mark.parametrize("name", ["a\u2028b\x85c", "[/red]", "[red]x:smile:", "a\nb\tc", "\x1b[2J"])
def test_names_are_shown_and_not_obeyed(save, name):
    node = onnx.helper.make_node("Erf", ["x"], ["y"], name)
    path = save([node], {}, [1, 8])
    (found,) = json.loads(call(path, "--json").stdout)["nodes"]
    assert found["name"] == f"Erf '{name}'"
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in name)
    assert f"Erf {shown}   unsupported operation" in call(path).stdout


def test_a_graph_of_constants_has_no_nodes_left(save):
    node = onnx.helper.make_node("Relu", ["w"], ["y"])
    path = save([node], {"w": np.ones((2, 2), np.float32)}, None)
    assert "0 of 0 nodes run here" in call(path).stdout


def test_inputs_may_be_declared_empty(save):
    path = save([onnx.helper.make_node("Relu", ["x"], ["y"])], {}, [0, 3])
    assert json.loads(call(path, "--json").stdout)["inputs"] == {"x": [0, 3]}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "the shape of input 'x' is open: [n, 64, h, w]; give it with --shape"),
        (["--shape", "1,64,28"], "input 'x' has shape [n, 64, h, w], got --shape [1, 64, 28]"),
        (["--shape", "1,3,28,28"], "input 'x' has shape [n, 64, h, w], got --shape"),
        (["--shape", "z=1,64,28,28"], "expected --shape for one of x, got 'z'"),
        (["--shape", "1,64,a,28"], "expected --shape like 1,3,224,224"),
        (["--shape", "1,64,0,28"], "expected --shape like 1,3,224,224"),
        (["--shape", "1,64,99999999999,28"], "no memory for input 'x' of shape [1, 64, 9999"),
        (["--shape", f"1,64,{10**30},28"], "no memory for input 'x' of shape [1, 64, 1000"),
    ],
)
def test_shapes_that_do_not_do(network, arguments, sentence):
    assert sentence in " ".join(call(network, *arguments, code=2).stderr.split())


def test_files_that_do_not_do(tmp_path):
    assert "there is no such file" in call(tmp_path / "gone.onnx", code=2).stderr
    (tmp_path / "x.onnx").write_bytes(b"\xff" * 100)
    assert "expected an ONNX model" in call(tmp_path / "x.onnx", code=2).stderr
