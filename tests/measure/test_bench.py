"""Rows of any ONNX file; no test looks at how long anything took."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from sparseprune import onnxruntime
from sparseprune.errors import GateError, InputError
from sparseprune.files import sha256
from sparseprune.measure import answers, forms
from sparseprune.measure.bench import Settings, bench
from sparseprune.measure.memory import Footprint

RNG = np.random.default_rng(0)
QUICK = Settings(rounds=2)


@pytest.fixture(autouse=True)
def _no_processes(monkeypatch):
    """``test_memory`` loads files in processes of their own; here nothing waits for them."""
    found = Footprint(load_ms=1.0, first_ms=2.0, memory_bytes=3)
    monkeypatch.setattr("sparseprune.measure.bench.memory", lambda *_, **__: found)


def pruned(*shape, kept=0.1):
    return (RNG.standard_normal(shape) * (RNG.random(shape) < kept)).astype(np.float32)


@pytest.fixture
def save(tmp_path):
    """Writes a model; gives its path."""

    def write(nodes, weights, ports, name="model.onnx"):
        graph = helper.make_graph(
            nodes,
            "g",
            [helper.make_tensor_value_info(*port) for port in ports],
            [helper.make_tensor_value_info("y", 1, None)],
            [numpy_helper.from_array(w, key) for key, w in weights.items()],
        )
        opsets = [helper.make_opsetid("", 17)]
        onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), tmp_path / name)
        return tmp_path / name

    return write


@pytest.fixture
def network(save):
    """Two convolutions; a third of the channels between them is dead."""

    def write(name="model.onnx", axes=("n", 8, 9, 9)):
        weights = {"a": pruned(48, 8, 3, 3), "b": pruned(8, 48, 3, 3)}
        weights["a"][:16] = 0
        nodes = [
            helper.make_node("Conv", ["x", "a"], ["h"], pads=[1] * 4),
            helper.make_node("Relu", ["h"], ["r"]),
            helper.make_node("Conv", ["r", "b"], ["y"], pads=[1] * 4),
        ]
        return save(nodes, weights, [("x", 1, axes)], name)

    return write


def select(rows, kind):
    return [row for row in rows if row["kind"] == kind]


def test_every_form_of_a_file(network):
    path = network()
    rows = list(bench([path], None, Settings(rounds=2, threads=(1, 2), batches=(1, 3))))
    assert not select(rows, "missing")
    assert [(r["threads"], r["batch"]) for r in rows[::4]] == [(1, 1), (1, 3), (2, 1), (2, 3)]
    dense, sparse, compact, slim = rows[:4]
    assert [row["form"] for row in rows[:4]] == ["dense", "sparse", "compact", "slim"]
    assert {row["baseline"] for row in rows} == {"model.onnx dense"} == {dense["id"]}
    assert {row["digest"] for row in rows} == {sha256(path)}
    assert dense["file_bytes"] == sparse["file_bytes"] == path.stat().st_size
    assert compact["file_bytes"] < slim["file_bytes"] < dense["file_bytes"]
    assert dense["provider"] == "CPUExecutionProvider"
    assert dense["inputs"] == {"x": [1, 8, 9, 9]}
    for row in rows:
        assert 0 < row["p10_us"] <= row["median_us"] <= row["p90_us"] <= row["p99_us"]
        assert row["items_per_s"] == pytest.approx(row["batch"] * 1e6 / row["median_us"])
        assert row["speedup_low"] <= row["speedup"] <= row["speedup_high"]
        assert 0 <= row["difference"] < 1e-4
        assert (row["load_ms"], row["first_ms"], row["memory_bytes"]) == (1.0, 2.0, 3)


def test_files_against_a_baseline_are_timed_as_they_are(network):
    parent, child = network("parent.onnx"), network("child.onnx")
    rows = list(bench([child, child], parent, QUICK))
    assert [row["id"] for row in rows] == ["parent.onnx", "child.onnx"]
    assert {row["baseline"] for row in rows} == {"parent.onnx"}
    assert {row["form"] for row in rows} == {"file"}


def test_forms_that_would_not_differ_say_why(save):
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    path = save([node], {"w": pruned(8, 8, kept=1)}, [("x", 1, ["n", 8])])
    rows = list(bench([path], None, QUICK))
    assert [row["form"] for row in select(rows, "latency")] == ["dense", "sparse"]
    reasons = {row["form"]: row["reason"] for row in select(rows, "missing")}
    assert reasons["compact"] == "no layer would be smaller"
    assert "no channel can leave" in reasons["slim"]


def test_a_compact_file_is_not_made_again(network, tmp_path):
    (made,) = (f for f in forms.all_forms("m", network(), tmp_path).forms if f.form == "compact")
    again = forms.all_forms("c", made.path, tmp_path)
    assert [form.form for form in again.forms] == ["dense", "compact"]
    assert {form.path for form in again.forms} == {made.path}


def test_without_the_library_the_dense_form_is_left(network, monkeypatch, tmp_path):
    status = {"loads": False, "route": None, "reason": "no library here"}
    monkeypatch.setattr(onnxruntime, "status", lambda: status)
    group = forms.all_forms("m", network(), tmp_path)
    assert [form.form for form in group.forms] == ["dense", "slim"]
    assert group.missing == {"sparse": "no library here", "compact": "no library here"}


def test_custom_operators_run_the_compact_form_alone(network, monkeypatch, tmp_path):
    status = {"loads": True, "route": "custom operators", "onnxruntime": "1.20.1", "reason": None}
    monkeypatch.setattr(onnxruntime, "status", lambda: status)
    group = forms.all_forms("m", network(), tmp_path)
    assert [form.form for form in group.forms] == ["dense", "compact", "slim"]
    assert group.missing["sparse"].startswith("onnxruntime 1.20.1 runs only the compact form")


def test_inputs_of_any_number_and_type(save):
    nodes = [
        helper.make_node("Gather", ["table", "tokens"], ["g"]),
        helper.make_node("Cast", ["mask"], ["m"], to=TensorProto.FLOAT),
        helper.make_node("Cast", ["half"], ["h"], to=TensorProto.FLOAT),
        helper.make_node("Cast", ["bytes"], ["b"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["g", "m"], ["gm"]),
        helper.make_node("Add", ["gm", "h"], ["gh"]),
        helper.make_node("Add", ["gh", "b"], ["gb"]),
        helper.make_node("Mul", ["gb", "scale"], ["y"]),
    ]
    ports = [
        ("tokens", TensorProto.INT64, ["n"]),
        ("mask", TensorProto.BOOL, ["n", "k"]),
        ("half", TensorProto.FLOAT16, ["n", 4]),
        ("bytes", TensorProto.UINT8, ["n", 4]),
        ("scale", TensorProto.FLOAT, []),
    ]
    path = save(nodes, {"table": pruned(2, 4, kept=1)}, ports)
    settings = Settings(rounds=2, batches=(5,), shapes={"mask": (1, 4)})
    rows = select(bench([path], None, settings), "latency")
    assert rows[0]["batch"] == 5
    assert rows[0]["inputs"]["mask"] == [5, 4]
    assert rows[0]["inputs"]["scale"] == []


def test_a_fixed_batch_is_said(network):
    path = network(axes=(2, 8, 9, 9))
    rows = list(bench([path], None, Settings(rounds=2, batches=(1, 2))))
    (missing,) = select(rows, "missing")
    assert (missing["batch"], missing["threads"], missing["group"]) == (1, 1, "model.onnx")
    assert missing["reason"] == "input 'x' has a fixed batch of 2, got 1"
    assert {row["batch"] for row in select(rows, "latency")} == {2}
    assert {row["batch"] for row in bench([path], None, QUICK)} == {2}


def test_a_batch_that_only_running_refuses_is_said(save):
    nodes = [helper.make_node("Reshape", ["x", "s"], ["y"])]
    path = save(nodes, {"s": np.array([2, 4], np.int64)}, [("x", 1, ["n", 4])])
    rows = list(bench([path], None, Settings(rounds=2, batches=(2, 3))))
    assert {row["batch"] for row in select(rows, "latency")} == {2}
    reason = select(rows, "missing")[-1]["reason"]
    assert reason.startswith("ONNX Runtime cannot run model.onnx dense")


def test_nothing_measured_is_an_error(network, tmp_path):
    with pytest.raises(InputError, match="give it with --shape x="):
        list(bench([network(axes=("n", 8, "h", "w"))], None, QUICK))
    with pytest.raises(InputError, match="there is no such file"):
        list(bench([tmp_path / "gone.onnx"], None, QUICK))
    (tmp_path / "odd.onnx").write_bytes(b"\xff" * 99)
    with pytest.raises(InputError, match=r"odd\.onnx is truncated or something else"):
        list(bench([tmp_path / "odd.onnx"], None, QUICK))


def test_text_is_no_input(save):
    nodes = [
        helper.make_node("Shape", ["x"], ["s"]),
        helper.make_node("Cast", ["s"], ["y"], to=TensorProto.FLOAT),
    ]
    path = save(nodes, {}, [("x", TensorProto.STRING, ["n"])])
    with pytest.raises(InputError, match="expected inputs that are numbers"):
        list(bench([path], None, QUICK))


def test_random_answers_are_not_timed(save):
    nodes = [helper.make_node("RandomNormalLike", ["x"], ["y"])]
    with pytest.raises(InputError, match="take its random nodes out"):
        list(bench([save(nodes, {}, [("x", 1, ["n", 4])])], None, QUICK))


def test_wrong_answers_are_not_timed(network, monkeypatch):
    def spoil(proto):
        made = onnx.ModelProto()
        made.CopyFrom(proto)
        made.graph.node[0].domain = ""
        made.graph.initializer[1].raw_data = bytes(len(proto.graph.initializer[1].raw_data))
        return made

    monkeypatch.setattr("sparseprune.rewrite.slim", spoil)
    monkeypatch.setattr("sparseprune.measure.pairs.Contest.run", lambda *_: pytest.fail("timed"))
    with pytest.raises(GateError, match=r"model\.onnx slim: output 0 differs from the dense"):
        list(bench([network()], None, QUICK))


def test_what_finished_is_there_when_it_is_interrupted(network, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    rows = bench([network()], None, Settings(rounds=2, batches=(1, 2)))
    assert [next(rows)["batch"] for _ in range(4)] == [1] * 4
    monkeypatch.setattr(answers, "check", interrupt)
    with pytest.raises(KeyboardInterrupt):
        next(rows)


def test_files_of_one_name_are_told_apart():
    assert forms.named([Path("a/m.onnx"), Path("b/m.onnx"), Path("c.onnx"), Path("c.onnx")]) == {
        "a/m.onnx": Path("a/m.onnx"),
        "b/m.onnx": Path("b/m.onnx"),
        "c.onnx": Path("c.onnx"),
    }
