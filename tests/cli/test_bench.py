"""``sparseprune bench``: what it prints and writes; no test looks at how long anything took."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from sparseprune import records
from sparseprune.cli.app import app
from sparseprune.cli.timing import text
from sparseprune.measure.memory import Footprint

onnx = pytest.importorskip("onnx")
RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _no_processes(monkeypatch):
    """tests/measure loads files in processes of their own; here nothing waits for them."""
    found = Footprint(load_ms=1.0, first_ms=2.0, memory_bytes=3 * 2**20)
    monkeypatch.setattr("sparseprune.measure.bench.memory", lambda *_, **__: found)


def call(*arguments, code=0):
    words = ["bench", *map(str, arguments)]
    done = CliRunner(env={"COLUMNS": "80"}).invoke(app, words)
    assert done.exit_code == code, done.output
    return done


@pytest.fixture
def save(tmp_path):
    """Writes a model of one sparse convolution; gives its path."""

    def write(name="model.onnx", axes=("n", 8, 9, 9)):
        weight = RNG.standard_normal((8, 8, 3, 3)) * (RNG.random((8, 8, 3, 3)) < 0.1)
        info = onnx.helper.make_tensor_value_info
        graph = onnx.helper.make_graph(
            [onnx.helper.make_node("Conv", ["x", "w"], ["y"], pads=[1] * 4)],
            "g",
            [info("x", 1, axes)],
            [info("y", 1, None)],
            [onnx.numpy_helper.from_array(weight.astype(np.float32), "w")],
        )
        opsets = [onnx.helper.make_opsetid("", 17)]
        model = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8)
        onnx.save(model, tmp_path / name)
        return tmp_path / name

    return write


def test_a_table_for_every_batch_and_number_of_threads(save, tmp_path):
    out = tmp_path / "rows.jsonl"
    done = call(save(), "--batch", "1,3", "--threads", "1,2", "--rounds", 2, "--out", out)
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    titles = [line.partition(", noise")[0] for line in lines if ", noise ±" in line]
    assert titles == [
        "model.onnx: batch 1, 1 thread",
        "model.onnx: batch 3, 1 thread",
        "model.onnx: batch 1, 2 threads",
        "model.onnx: batch 3, 2 threads",
    ]
    assert [line.split()[0] for line in lines[3:6]] == ["dense", "sparse", "compact"]
    assert "model.onnx, slim: not measured: no channel can leave" in done.stdout
    machine, missing, *rows = records.read(out)
    assert set(machine) == {"kind", "machine", "versions"}
    assert (missing["kind"], missing["form"]) == ("missing", "slim")
    assert len(rows) == 12
    assert all(len(row["digest"]) == 64 for row in rows)


def test_files_against_a_baseline(save):
    parent, child = save("parent.onnx"), save("a-child-of-it-at-90.onnx")
    done = call(child, "--baseline", parent, "--rounds", 2)
    assert "as deployed: batch 1, 1 thread" in done.stdout
    assert child.name in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    rows = json.loads(call(child, "--baseline", parent, "--rounds", 2, "--json").stdout)
    assert [row["id"] for row in rows] == ["parent.onnx", child.name]


def test_a_batch_the_file_does_not_take(save):
    done = call(save(axes=(2, 8, 9, 9)), "--batch", "1,2", "--rounds", 2)
    assert "model.onnx: batch 2, 1 thread" in done.stdout
    flat = " ".join(done.stdout.split())
    assert "1 thread, batch 1: not measured: input 'x' has a fixed batch of 2" in flat


def test_an_interrupt_keeps_what_was_measured(save, tmp_path, monkeypatch):
    from sparseprune.measure.pairs import Contest

    run, out = Contest.run, tmp_path / "rows.jsonl"

    def once(self, *arguments):
        monkeypatch.setattr(Contest, "run", interrupt)
        run(self, *arguments)

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Contest, "run", once)
    done = call(save(), "--batch", "1,3", "--rounds", 2, "--out", out, code=130)
    assert "interrupted; what had finished is kept" in done.stderr
    assert "model.onnx: batch 1, 1 thread" in done.stdout
    assert {row["batch"] for row in records.read(out) if row["kind"] == "latency"} == {1}
    monkeypatch.setattr(Contest, "run", interrupt)
    assert "interrupted" in call(save(), "--baseline", save(), code=130).stderr


def test_wrong_answers_end_with_their_own_code(save, monkeypatch):
    def other(*_):
        from sparseprune.errors import GateError

        raise GateError("model.onnx sparse: output 0 differs")

    monkeypatch.setattr("sparseprune.measure.answers._compare", other)
    monkeypatch.setattr("sparseprune.measure.bench._repeats", lambda *_: None)
    assert "output 0 differs" in call(save(), code=3).stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--batch", "1,x"], "--batch: expected numbers from 1 on, like 1 or 1,8, got '1,x'"),
        (["--threads", "0"], "--threads: expected numbers from 1 on"),
        (["--threads", ""], "--threads: expected numbers from 1 on"),
        (["--out", "rows.csv"], "expected a path that ends in .jsonl"),
        (["--shape", "x=1,9,9,9"], "input 'x' has shape [n, 8, 9, 9], got --shape [1, 9, 9, 9]"),
        (["--baseline", "gone.onnx"], "there is no such file"),
    ],
)
def test_arguments_that_do_not_do(save, arguments, sentence):
    assert sentence in " ".join(call(save(), *arguments, code=2).stderr.split())


def test_large_numbers_fit_the_terminal():
    head = {"kind": "latency", "group": "m.onnx", "form": "compact", "baseline": "m.onnx dense"}
    row = {
        **head,
        "id": "m.onnx compact",
        "threads": 16,
        "batch": 1024,
        "calls": 100,
        "noise": 0.123,
        "median_us": 9999.0,
        "p90_us": 9999.0,
        "p99_us": 99999.0,
        "items_per_s": 1234567.8,
        "speedup": 13.4,
        "speedup_low": 11.4,
        "speedup_high": 15.3,
        "memory_bytes": 9999 * 2**20,
        "load_ms": 9999.0,
        "file_bytes": 9999 * 2**20,
    }
    for shown in (row, {**row, "median_us": 1e8}, {**row, "p99_us": None, "memory_bytes": None}):
        table = text([shown])
        assert max(map(len, table.splitlines())) <= 80
        assert "13.4 (11.4-15.3)" in table
        assert "the noise is large" in table
    assert "the noise is large" not in text([{**row, "noise": 0.05}])
