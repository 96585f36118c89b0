"""Weights are found in every form a file may store them in."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from sparseprune import rewrite
from sparseprune.inspector.layers import describe

RNG = np.random.default_rng(0)


def pruned(*shape, kept=0.1):
    """Exactly the first ``kept`` of the rows' weights stay."""
    weight = RNG.standard_normal(shape).astype(np.float32)
    weight.reshape(-1)[round(kept * weight.size) :] = 0
    return weight


def only(proto, folder):
    (found,) = describe(proto, folder)
    return found


@pytest.mark.parametrize(
    ("op", "weight", "options", "dead"),
    [
        # The last two thirds of the outputs are zero, seen along the operation's own axes.
        ("Conv", np.s_[4:], {"shape": (12, 8, 3, 3)}, 8),
        ("ConvTranspose", np.s_[:, 4:], {"shape": (8, 12, 3, 3)}, 8),
        ("Gemm", np.s_[4:], {"shape": (12, 8), "transB": 1}, 8),
        ("Gemm", np.s_[:, 4:], {"shape": (8, 12)}, 8),
        ("MatMul", np.s_[:, 4:], {"shape": (8, 12)}, 8),
        ("MatMul", np.s_[:, :, 4:], {"shape": (3, 8, 12)}, 24),
    ],
)
def test_each_operation_has_its_axes(model, tmp_path, op, weight, options, dead):
    shape = options.pop("shape")
    values = np.ones(shape, np.float32)
    values[weight] = 0
    node = helper.make_node(op, ["x", "w"], ["y"], "layer", **options)
    found = only(model([node], {"w": values}), tmp_path)
    assert (found["name"], found["op"], found["shape"]) == ("layer", op, list(shape))
    assert (found["dead_outputs"], found["dead_inputs"]) == (dead, 0)
    assert found["density"] == pytest.approx(1 / 3)


def test_the_weight_may_be_the_first_factor(model, tmp_path):
    values = np.ones((12, 8), np.float32)
    values[4:] = 0
    node = helper.make_node("MatMul", ["w", "x"], ["y"])
    found = only(model([node], {"w": values}), tmp_path)
    assert (found["name"], found["dead_outputs"], found["dead_inputs"]) == ("y", 8, 0)


@pytest.mark.parametrize("kept", [0.05, 0.6])
def test_compact_weights_are_decoded(model, tmp_path, kept):
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], pads=[1] * 4, group=2),
        helper.make_node("Flatten", ["c"], ["f"]),
        helper.make_node("MatMul", ["f", "m"], ["y"]),
    ]
    weights = {"w": pruned(16, 4, 3, 3, kept=kept), "m": pruned(576, 10, kept=kept)}
    plain = model(nodes, weights)
    compact = rewrite.compact(onnx.shape_inference.infer_shapes(plain))
    assert all(each["op"].startswith(("Sparse", "Bitmask")) for each in describe(compact, tmp_path))
    for old, new in zip(describe(plain, tmp_path), describe(compact, tmp_path), strict=True):
        facts = ("weights", "kept", "density", "dead_outputs", "dead_inputs", "4x1", "1x4", "2:4")
        assert [new[key] for key in facts] == [old[key] for key in facts]


def test_sparse_initializers_flat_and_as_coordinates(model, tmp_path):
    for indices in (np.array([0, 9], np.int64), np.array([[0, 0], [1, 1]], np.int64)):
        tensor = helper.make_sparse_tensor(
            numpy_helper.from_array(np.ones(2, np.float32), "w"),
            numpy_helper.from_array(indices, "i"),
            [8, 8],
        )
        node = helper.make_node("MatMul", ["x", "w"], ["y"])
        found = only(model([node], {}, sparse=[tensor]), tmp_path)
        assert (found["shape"], found["kept"], found["dead_outputs"]) == ([8, 8], 2, 6)


def test_weights_are_followed_to_their_constant(model, tmp_path):
    levels = np.full((4, 8), 3, np.int8)
    levels[1:] = 7
    node = helper.make_node
    nodes = [
        node("DequantizeLinear", ["q", "scale", "zero"], ["d"], axis=0),
        node("Transpose", ["d"], ["t"], perm=[1, 0]),
        node("Identity", ["t"], ["i"]),
        node("MatMul", ["x", "i"], ["y"]),
    ]
    zero = np.array([3, 7, 0, 0], np.int8)
    weights = {"q": levels, "scale": np.ones(4, np.float32), "zero": zero}
    found = only(model(nodes, weights), tmp_path)
    assert (found["shape"], found["dead_outputs"], found["density"]) == ([8, 4], 2, 0.5)


def test_constants_of_nodes_and_of_graphs_around(model, tmp_path):
    value = numpy_helper.from_array(np.eye(4, dtype=np.float32))
    inner = helper.make_graph(
        [
            helper.make_node("Constant", [], ["k"], value=value),
            helper.make_node("MatMul", ["x", "k"], ["a"], "inside"),
            helper.make_node("MatMul", ["a", "w"], ["b"], "outer weight"),
        ],
        "then",
        [],
        [helper.make_tensor_value_info("b", 1, None)],
    )
    node = helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner)
    weights = {"c": np.array(True), "w": np.ones((4, 4), np.float32)}
    found = describe(model([node], weights), tmp_path)
    assert [(x["name"], x["density"]) for x in found] == [("inside", 0.25), ("outer weight", 1)] * 2


def test_what_is_no_weight_is_left_out(model, tmp_path):
    nodes = [
        helper.make_node("MatMul", ["x", "computed"], ["a"]),
        helper.make_node("Add", ["a", "w"], ["b"]),
        helper.make_node("Conv", ["b"], ["y"]),
        helper.make_node("MatMul", ["x", "v"], ["z"], domain="else.where"),
    ]
    weights = {"w": np.ones((4, 4), np.float32), "v": np.ones((4, 4), np.float32)}
    assert describe(model(nodes, weights), tmp_path) == []


def claims(shape, content=b""):
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, raw_data=content)
    tensor.dims.extend(shape)
    return tensor


@pytest.mark.parametrize(
    "tensor",
    [
        claims([2**40, 2**20]),
        claims([2**31, 2**31], b"\0" * 64),
        claims([-4, -4], b"\0" * 64),
        claims([4, 4], b"\0" * 63),
        TensorProto(name="w", data_type=99, dims=[4, 4], raw_data=b"\0" * 64),
    ],
)
def test_damaged_weights_are_reported_where_they_are(model, tmp_path, tensor):
    node = helper.make_node("MatMul", ["x", "w"], ["y"], "layer")
    found = only(model([node], {"w": tensor}), tmp_path)
    assert found["name"] == "layer"
    assert found["problem"].startswith("tensor 'w': expected data of shape")


def test_attributes_of_another_type(model, tmp_path):
    node = helper.make_node("Gemm", ["x", "w"], ["y"], "layer", transB="yes")
    found = only(model([node], {"w": np.ones((4, 4), np.float32)}), tmp_path)
    assert found["problem"] == "node 'layer': its transB is of another type"


def test_a_ring_of_nodes_ends(model, tmp_path):
    node = helper.make_node
    nodes = [
        node("Identity", ["b"], ["a"]),
        node("Identity", ["a"], ["b"]),
        node("MatMul", ["x", "a"], ["y"]),
    ]
    assert describe(model(nodes, {}), tmp_path) == []


@pytest.mark.parametrize(
    ("index", "shape", "sentence"),
    [
        (np.array([1, 1], np.uint8), [2**30, 2**30], "expected a shape in proportion"),
        (np.array([1, 0], np.uint8), [4, 4], "got a damaged one"),
        (np.array([200, 200], np.uint8), [4, 4], "got a damaged one"),
        (np.array([1, 1], np.int64), [4, 4], "got a damaged one"),
        (np.array([1, 1], np.uint8), [], "got a damaged one"),
    ],
)
def test_damaged_compact_weights(model, tmp_path, index, shape, sentence):
    node = helper.make_node("SparseLinear", [*"xvsb"], ["y"], "layer", domain="sparseprune")
    integers = onnx.AttributeProto.INTS
    node.attribute.append(helper.make_attribute("weight_shape", shape, attr_type=integers))
    weights = {"v": np.ones(2, np.float32), "s": index, "b": np.ones(4, np.float32)}
    found = only(model([node], weights, imports=(("", 17), ("sparseprune", 1))), tmp_path)
    assert sentence in found["problem"]


@pytest.mark.parametrize("dims", [[2**40, 2**20], [4, 4]])
def test_damaged_sparse_weights(model, tmp_path, dims):
    tensor = helper.make_sparse_tensor(
        numpy_helper.from_array(np.ones(1, np.float32), "w"),
        numpy_helper.from_array(np.array([99], np.int64), "i"),
        dims,
    )
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    assert "problem" in only(model([node], {}, sparse=[tensor]), tmp_path)


def external(location, **entries):
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4, 4])
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, **entries}.items():
        tensor.external_data.add(key=key, value=str(value))
    return tensor


def test_external_weights_are_read_from_the_models_folder_alone(model, tmp_path):
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "w.bin").write_bytes(np.eye(4, dtype=np.float32).tobytes())
    (tmp_path / "secret.bin").write_bytes(bytes(64))
    (folder / "link.bin").symlink_to(tmp_path / "secret.bin")
    (folder / "long.bin").write_bytes(bytes(10_000))
    found = only(model([node], {"w": external("w.bin", offset=0, length=64)}), folder)
    assert found["density"] == 0.25
    outside = ["../secret.bin", str(tmp_path / "secret.bin"), "link.bin", "gone.bin", "long.bin"]
    for location in (*outside, ""):
        found = only(model([node], {"w": external(location)}), folder)
        assert "problem" in found, location
    found = only(model([node], {"w": external("long.bin", length=10_000)}), folder)
    assert "expected 64 bytes for shape [4, 4], got 10000" in found["problem"]
