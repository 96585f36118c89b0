"""The whole of a file, and what would make it faster."""

import json

import numpy as np
import onnx
import pytest
from onnx import helper

from sparseprune import _cpu, onnxruntime, rewrite
from sparseprune.errors import InputError
from sparseprune.inspector import inspect

RNG = np.random.default_rng(0)


def pruned(*shape, kept=0.1):
    return (RNG.standard_normal(shape) * (RNG.random(shape) < kept)).astype(np.float32)


CONV = helper.make_node("Conv", ["x", "w", "b"], ["y"], "conv", pads=[1] * 4)


def test_totals_count_each_weight_once(save):
    weight, bias = pruned(8, 8, 3, 3), np.arange(8, dtype=np.float32)
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"], pads=[1] * 4),
        helper.make_node("Conv", ["c", "w", "b"], ["d"], pads=[1] * 4),
        helper.make_node("Reshape", ["d", "shape"], ["y"]),
    ]
    path = save(nodes, {"w": weight, "b": bias, "shape": np.array([-1, 288], np.int64)})
    found = inspect(path)
    zeros = int((weight == 0).sum())
    assert [each["weights"] for each in found["layers"]] == [576, 576]
    assert found["totals"]["layer_weights"] == 576
    assert (found["totals"]["parameters"], found["totals"]["zeros"]) == (584, zeros + 1)
    assert found["totals"]["weight_bytes"] == 584 * 4 + 16
    assert found["file"]["bytes"] == path.stat().st_size


def test_a_compact_file_holds_what_its_source_holds(save, tmp_path):
    path = save([CONV], {"w": pruned(64, 8, 3, 3), "b": np.ones(64, np.float32)})
    onnx.save(rewrite.compact(onnx.load(path)), tmp_path / "compact.onnx")
    plain, compact = inspect(path), inspect(tmp_path / "compact.onnx")
    assert (plain["file"]["form"], compact["file"]["form"]) == ("plain", "compact")
    for key in ("parameters", "zeros", "layer_weights", "layer_zeros"):
        assert compact["totals"][key] == plain["totals"][key]
    assert compact["totals"]["weight_bytes"] < plain["totals"]["weight_bytes"] / 4
    assert compact["provider"]["nodes"] == 1


def test_provenance_is_read_where_it_can_be(model, tmp_path):
    proto = model([CONV], {"w": pruned(8, 8, 3, 3), "b": np.ones(8, np.float32)})
    texts = {
        "sparseprune.parity": '{"max_abs": 1e-7}',
        "sparseprune.odd": '{"value": NaN}',
        "sparseprune.broken": "{",
        "sparseprune.deep": "[" * 100_000,
        "sparseprune.nested": "[" * 500 + "]" * 500,
        "sparseprune.export": '{"form": "slim"}',
        "foreign": "not ours",
    }
    for key, value in texts.items():
        proto.metadata_props.add(key=key, value=value)
    onnx.save(proto, tmp_path / "m.onnx")
    found = inspect(tmp_path / "m.onnx")
    assert found["provenance"] == {
        "parity": {"max_abs": 1e-7},
        "odd": '{"value": NaN}',
        "broken": "{",
        "deep": "[" * 100_000,
        "nested": "[" * 500 + "]" * 500,
        "export": {"form": "slim"},
    }
    assert found["file"]["form"] == "slim"
    json.dumps(found, allow_nan=False)


def test_what_runs_sparse_and_why_the_rest_does_not(save):
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"], "conv", pads=[1] * 4),
        helper.make_node("Tanh", ["c"], ["y"], "tail"),
    ]
    weights = {"w": pruned(64, 64, 3, 3), "b": np.ones(64, np.float32)}
    found = inspect(save(nodes, weights, axes=("n", 64, 28, 28)))["provider"]
    assert (found["claimed"], found["nodes"], found["uncounted"]) == (1, 2, 1)
    assert found["left"] == [
        {"name": "Tanh 'tail'", "op": "Tanh", "reason": "unsupported operation"}
    ]
    assert found["speedup"] > 1
    assert found["inputs"] == {"x": [1, 64, 28, 28]}


def test_without_the_library_the_rest_is_still_told(save, monkeypatch):
    def refuse(*_, **__):
        raise InputError("no library here")

    monkeypatch.setattr(onnxruntime, "session", refuse)
    found = inspect(save([CONV], {"w": pruned(8, 8, 3, 3), "b": np.ones(8, np.float32)}))
    assert found["provider"] is None
    assert found["unknown"] == "no library here"
    assert found["layers"][0]["weights"] == 576


def test_open_shapes_are_asked_for(save):
    path = save(
        [CONV], {"w": pruned(8, 8, 3, 3), "b": np.ones(8, np.float32)}, axes=("n", 8, "h", "w")
    )
    assert "give it with --shape x=?,8,?,?" in inspect(path)["unknown"]
    assert inspect(path, shapes={"": [2, 8, 9, 9]})["provider"]["inputs"] == {"x": [2, 8, 9, 9]}
    assert inspect(path, batch=3)["provider"] is None


def test_a_model_that_cannot_run_is_described(save):
    node = helper.make_node("Conv", ["x", "w"], ["y"], "conv")
    found = inspect(save([node], {"w": pruned(8, 5, 3, 3)}))
    assert found["layers"][0]["shape"] == [8, 5, 3, 3]
    assert "ONNX Runtime cannot run" in found["unknown"]


def sentences(found):
    return [tip["sentence"] for tip in found["tips"]]


def test_dead_filters_are_worth_slimming(save, tmp_path):
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], pads=[1] * 4),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("Conv", ["r", "v"], ["y"], pads=[1] * 4),
    ]
    weights = {"w": pruned(32, 8, 3, 3, kept=1), "v": pruned(8, 32, 3, 3, kept=1)}
    weights["w"][:16] = 0
    found = inspect(save(nodes, weights))
    (tip,) = [t for t in found["tips"] if "--form slim" in (t["command"] or "")]
    assert tip["sentence"].startswith("16 filters hold zeros alone")
    # In front of the output nothing can leave, and nothing is promised.
    (tmp_path / "last").mkdir()
    last = helper.make_node("Conv", ["x", "w"], ["y"], pads=[1] * 4)
    found = inspect(save([last], {"w": weights["w"]}))
    assert found["layers"][0]["dead_outputs"] == 16
    assert not any("hold zeros alone" in sentence for sentence in sentences(found))


def test_a_large_sparse_file_is_worth_storing_small(save):
    weights = {"w": pruned(256, 256, 3, 3, kept=0.05), "b": np.ones(256, np.float32)}
    found = inspect(save([CONV], weights, axes=("n", 256, 4, 4)))
    (tip,) = [t for t in found["tips"] if "--form compact" in (t["command"] or "")]
    told = float(tip["sentence"].partition(" about ")[2].partition(" MiB")[0])
    real = rewrite.compact(onnx.load(found["file"]["path"])).ByteSize() / 2**20
    assert told == pytest.approx(real, abs=0.06)


def test_few_zeros_are_too_few(save):
    weights = {"w": pruned(32, 8, 3, 3, kept=0.8), "b": np.ones(32, np.float32)}
    (sentence,) = sentences(inspect(save([CONV], weights)))
    assert "of the layers' weights are zeros, too few to gain from" in sentence


@pytest.mark.skipif(_cpu.lanes() < 16, reason="shorter vectors need more zeros to pay")
def test_what_is_claimed_has_enough_zeros(save):
    weights = {"w": pruned(64, 64, 3, 3, kept=0.55), "b": np.ones(64, np.float32)}
    found = inspect(save([CONV], weights, axes=("n", 64, 28, 28)))
    assert found["provider"]["claimed"]
    assert not any("too few" in sentence for sentence in sentences(found))


@pytest.mark.parametrize(
    ("node", "weights", "axes", "kind"),
    [
        (
            helper.make_node("GRU", ["x", "w", "v"], ["", "y"], hidden_size=16),
            {"w": pruned(1, 48, 8), "v": pruned(1, 48, 16)},
            (5, "n", 8),
            "GRU",
        ),
        (
            helper.make_node("Conv", ["x", "w"], ["y"]),
            {"w": pruned(32, 16, 3)},
            ("n", 16, 20),
            "1-D Conv",
        ),
    ],
)
def test_zeros_where_nothing_runs_sparse_are_told(node, weights, axes, kind, save):
    (sentence,) = sentences(inspect(save([node], weights, axes=axes)))
    assert f"always runs dense ({kind})" in sentence


def test_an_untuned_network_may_be_tuned(model, tmp_path):
    weights = {"w": pruned(64, 64, 3, 3), "b": np.ones(64, np.float32)}
    proto = model([CONV], weights, axes=("n", 64, 28, 28))
    onnx.save(proto, tmp_path / "m.onnx")
    (tip,) = inspect(tmp_path / "m.onnx")["tips"]
    assert tip["command"].endswith("--tune full")
    proto.metadata_props.add(key="sparseprune.tuning", value="...")
    onnx.save(proto, tmp_path / "m.onnx")
    assert inspect(tmp_path / "m.onnx")["tips"] == []


@pytest.mark.parametrize("content", [b"", b"\x08\x01garbage", b"\xff" * 1000, b"\x08\x08"])
def test_what_is_no_model_is_refused(tmp_path, content):
    (tmp_path / "x.onnx").write_bytes(content)
    with pytest.raises(InputError, match=r"expected an ONNX model, but .*x\.onnx is truncated"):
        inspect(tmp_path / "x.onnx")
    with pytest.raises(InputError, match="expected an ONNX file, found none"):
        inspect(tmp_path / "gone.onnx")


def test_names_have_to_be_text(save):
    weights = {"w": pruned(8, 8, 3, 3), "b": np.ones(8, np.float32)}
    path = save([CONV], weights)
    path.write_bytes(path.read_bytes().replace(b"conv", b"c\xff\xfev"))
    with pytest.raises(InputError, match=r"model\.onnx: expected names in UTF-8"):
        inspect(path)


def test_any_prefix_of_a_model_is_described_or_refused(save, tmp_path):
    weights = {"w": pruned(8, 8, 3, 3), "b": np.ones(8, np.float32)}
    content = save([CONV], weights).read_bytes()
    cut = tmp_path / "cut.onnx"
    for length in range(0, len(content), 97):
        cut.write_bytes(content[:length])
        assert "cut.onnx" in outcome(cut), length


def outcome(path):
    """The path that was described, or why it was not."""
    try:
        return inspect(path)["file"]["path"]
    except InputError as error:
        return str(error)


def test_weights_beside_the_file_are_counted_as_far_as_they_are_there(model, tmp_path):
    weights = {"w": pruned(64, 8, 3, 3), "b": np.ones(64, np.float32)}
    path = tmp_path / "model.onnx"
    onnx.save(
        model([CONV], weights),
        path,
        save_as_external_data=True,
        location="weights.bin",
        size_threshold=0,
    )
    proto = onnx.load(path, load_external_data=False)
    for tensor in proto.graph.initializer:
        entries = [entry for entry in tensor.external_data if entry.key != "length"]
        del tensor.external_data[:]
        tensor.external_data.extend(entries)
    onnx.save(proto, path)
    found = inspect(path)
    size = 4 * (64 * 8 * 9 + 64)
    assert found["file"]["bytes"] == path.stat().st_size < size
    assert found["file"]["beside"] == found["totals"]["weight_bytes"] == size
    del proto.graph.initializer[0].dims[:]
    proto.graph.initializer[0].dims.extend([2**62] * 20)
    onnx.save(proto, path)
    there = (tmp_path / "weights.bin").stat().st_size
    assert inspect(path)["file"]["beside"] == there + 4 * 64


def test_inputs_of_text_are_strings(tmp_path):
    text = helper.make_tensor_value_info("x", onnx.TensorProto.STRING, ["n"])
    again = helper.make_tensor_value_info("y", onnx.TensorProto.STRING, [None])
    graph = helper.make_graph(
        [helper.make_node("StringNormalizer", ["x"], ["y"])], "g", [text], [again]
    )
    imports = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=imports, ir_version=8), tmp_path / "m.onnx")
    found = inspect(tmp_path / "m.onnx")["file"]
    assert found["inputs"] == [{"name": "x", "type": "string", "shape": ["n"]}]
