"""Bad input: one sentence, no traceback, the right exit code, nothing written."""

import errno
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from sparseprune import models
from sparseprune.cli import shell
from sparseprune.cli.app import app
from sparseprune.errors import InputError
from sparseprune.formats import checkpoint


def call(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def fails(*arguments, code=2):
    done = call(*arguments)
    assert done.exit_code == code, done.output
    assert "Traceback" not in done.output
    return done.stderr


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "r.yaml"
    path.write_text("prune: [{method: WT, ratios: [0.5]}]\ndata: {train: 20, test: 20}\n")
    return path


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--tran.epochs", "3"], "unknown key 'tran'; did you mean 'train'?"),
        (["--train.epochs", "three"], "sparseprune: --train.epochs: Input should be a"),
        (["--train.epochs"], "--train.epochs: expected a value after it"),
        (["--train.epochs", "[1"], "--train.epochs: expected a YAML value"),
        (["epochs=3"], "expected --key value to override the recipe, got 'epochs=3'"),
        (["--data.name", "mnst"], "data.name: expected one of fashion_mnist, idx, folder"),
        (["--data.root", "/nowhere"], "/nowhere"),
        (["--model.name", "resnet9"], "resnet9"),
        (["--evaluate.corruptions", "[fogg]"], "fogg"),
        (["--train.robust", "{corruptions: [fogg]}"], "got 'fogg'"),
        (["--retrain.robust", "{corruptions: [fogg]}"], "got 'fogg'"),
        (["--retrain.cut", "area"], "cut: expected centre for pictures that are not cut"),
        (["--prune.0.method", "SiPP"], "SiPP looks at pictures that neither training nor tests"),
        (["--report.must_hold", "[rain]"], "rain"),
        (["--report.must_hold", "[]"], "expected 'all' or at least one distribution"),
        (["--measure.batch", "21"], "measure.batch: expected at most the 20 test pictures"),
        (["--prune.0.unit", "channels"], "the method removes single weights"),
        (["--prune.0.ratios", "[0.999]"], "target params 0.999"),
        (["--prune.0.ignored_layers", "[stem]"], "ignored_layers: expected 'stem' to match"),
    ],
)
def test_bad_recipes(recipe, tmp_path, arguments, sentence):
    stderr = fails("run", recipe, "--out", tmp_path / "run", *arguments)
    assert sentence in stderr
    assert not (tmp_path / "run").exists()


def test_missing_files(tmp_path):
    gone = tmp_path / "gone"
    assert "expected a readable recipe" in fails("run", gone)
    assert "gone" in fails("prune", gone, "--ratio", "0.5", "-o", tmp_path / "x.safetensors")
    assert "gone" in fails("evaluate", gone)
    assert "expected a run folder" in fails("report", gone)


@pytest.mark.parametrize("content", [b"", b"\x08\x01garbage", b"\xff" * 1000])
def test_damaged_files(tmp_path, content):
    for name in ("x.onnx", "x.safetensors"):
        (tmp_path / name).write_bytes(content)
    assert "x.onnx" in fails("evaluate", tmp_path / "x.onnx")
    assert "x.safetensors" in fails("export", tmp_path / "x.safetensors", "-o", tmp_path / "y.onnx")
    assert not (tmp_path / "y.onnx").exists()


def test_a_truncated_checkpoint(tmp_path):
    path = tmp_path / "whole.safetensors"
    checkpoint.save(path, checkpoint.Checkpoint({}, {"w": torch.ones(100)}, {}))
    (tmp_path / "part.safetensors").write_bytes(path.read_bytes()[:-40])
    part, out = tmp_path / "part.safetensors", tmp_path / "y.safetensors"
    assert "part.safetensors" in fails("slim", part, "-o", out)


def test_a_checkpoint_that_does_not_fit_its_model(tmp_path):
    path = tmp_path / "odd.safetensors"
    spec = {"name": "resnet8", "options": {}, "input_shape": [1, 28, 28], "classes": 10}
    checkpoint.save(path, checkpoint.Checkpoint(spec, {"fc.weight": torch.ones(3, 3)}, {}))
    stderr = fails("export", path, "-o", tmp_path / "y.onnx", "--tune", "soon")
    assert "--tune: expected seconds, 'full' or 'none', got 'soon'" in stderr
    stderr = fails("export", path, "-o", tmp_path / "y.onnx")
    assert "expected" in stderr
    assert "Error" not in stderr


def test_an_onnx_file_without_a_recipe(tmp_path):
    onnx = pytest.importorskip("onnx")
    weight = onnx.numpy_helper.from_array(np.ones((10, 784), np.float32), "w")
    node = onnx.helper.make_node("Gemm", ["x", "w"], ["y"], transB=1)
    info = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [node], "g", [info("x", 1, ["n", 784])], [info("y", 1, ["n", 10])], [weight]
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.save(model, tmp_path / "plain.onnx")
    stderr = fails("evaluate", tmp_path / "plain.onnx")
    assert "found no recipe in its metadata" in stderr


def test_a_checkpoint_of_another_maker(tmp_path):
    model = models.build("resnet8", input_shape=(1, 28, 28), classes=10)
    spec = {"name": "resnet8", "options": {}, "input_shape": [1, 28, 28], "classes": 10}
    path = tmp_path / "foreign.safetensors"
    for meta, sentence in (
        ({}, "found no recipe in it"),
        ({"recipe": "x"}, "expected a mapping of settings, got 'x'"),
    ):
        checkpoint.save(path, checkpoint.Checkpoint(spec, model.state_dict(), meta))
        stderr = fails("prune", path, "--ratio", "0.5", "-o", tmp_path / "y.safetensors")
        assert sentence in stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["trian"], "No such command 'trian'"),
        (["train"], "Missing argument 'RECIPE'"),
        (["report", "run", "--owt", "x"], "--owt"),
        (["bench", "x.onnx", "--batch"], "--batch"),
    ],
)
def test_commands_that_are_none_are_json_too(arguments, sentence):
    done = call(arguments[0], "--json", *arguments[1:])
    assert done.exit_code == 2
    found = json.loads(done.stdout)
    assert sentence in found["error"]
    assert found["exit"] == 2
    assert call(*arguments).stdout == ""


def test_errors_are_json_too(tmp_path):
    done = call("report", tmp_path, "--json")
    assert done.exit_code == 2
    found = json.loads(done.stdout)
    assert found["exit"] == 2
    assert "expected a run folder" in found["error"]


@pytest.mark.slow
def test_of_torchruns_workers_one_says_as_json_what_failed(recipe, tmp_path):
    words = ("train", recipe, "-o", tmp_path / "x.safetensors", "--train.lr", "1e30", "--json")
    started = ("-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "sparseprune")
    command = [sys.executable, *started, *map(str, words), "--model.name", "feed_forward"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=200)
    found = json.loads(done.stdout)
    assert "training diverged" in found["error"]
    assert found["exit"] == 3


@pytest.mark.parametrize("verb", ["run", "sweep"])
def test_a_precision_of_gpus_is_refused_before_any_training(recipe, verb, monkeypatch, tmp_path):
    from sparseprune.train import workers

    monkeypatch.setattr(workers, "device", lambda: torch.device("cpu"))
    words = ("--retrain.precision", "float16", "--sweep.seeds", "[0]")
    stderr = fails(verb, recipe, "--out", tmp_path / "x", *words)
    assert "retrain.precision: expected float32 on cpu, got float16" in stderr
    assert not (tmp_path / "x").exists()


def test_the_workers_of_a_cluster_may_have_what_this_machine_lacks(recipe, monkeypatch, tmp_path):
    from sparseprune.cli import sweep_run
    from sparseprune.train import workers

    def reached(cluster, workers):
        raise InputError(f"connected to {cluster}")

    monkeypatch.setattr(workers, "device", lambda: torch.device("cpu"))
    monkeypatch.setattr(sweep_run, "_crew", reached)
    words = ("--retrain.precision", "float16", "--sweep.seeds", "[0]", "--cluster", "host:1")
    assert "connected to host:1" in fails("sweep", recipe, "--out", tmp_path / "x", *words)


@pytest.mark.parametrize("verb", ["run", "sweep"])
def test_what_torchrun_cannot_share(recipe, verb, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    done = CliRunner().invoke(app, [verb, str(recipe)])
    assert done.exit_code == 2
    assert "torchrun shares train and prune" in done.stderr
    assert f"call {verb} without it" in done.stderr


def test_the_verbs_fit_80_columns_with_their_summaries_whole():
    done = CliRunner(env={"COLUMNS": "80"}).invoke(app, ["--help"])
    assert "..." not in done.stdout.partition("Commands:")[2]
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_debug_shows_the_traceback(tmp_path):
    done = call("report", tmp_path, "--debug")
    assert done.exit_code == 2
    assert "Traceback" in done.stderr


def test_an_output_that_cannot_be_written_is_refused_before_the_work(recipe, monkeypatch):
    from sparseprune.pipeline import steps

    monkeypatch.setattr(steps, "train_network", lambda *_: pytest.fail("trained all the same"))
    assert "cannot write in" in fails("train", recipe, "-o", recipe / "x.safetensors")


def test_a_bug_of_ours_is_not_hidden(monkeypatch):
    from sparseprune import environment

    monkeypatch.setattr(environment, "diagnose", lambda: 1 / 0)
    assert isinstance(call("doctor").exception, ZeroDivisionError)


def test_a_full_disk_says_what_to_do(monkeypatch):
    from sparseprune import environment

    def full():
        raise OSError(errno.ENOSPC, "No space left on device", "x")

    monkeypatch.setattr(environment, "diagnose", full)
    assert "x: No space left on device; make room and run the same command" in fails("doctor")


@pytest.mark.parametrize(
    "verb",
    [
        "run",
        "train",
        "prune",
        "slim",
        "export",
        "evaluate",
        "inspect",
        "bench",
        "explain",
        "report",
        "doctor",
    ],
)
def test_every_verb_has_help_with_an_example(verb):
    done = call(verb, "--help")
    assert done.exit_code == 0
    assert f"sparseprune {verb}" in done.output


def test_doctor_is_fit_for_a_bug_report():
    done = call("doctor")
    for word in ("cpu", "instruction_sets", "torch", "onnxruntime", "loads"):
        assert word in done.output
    assert set(json.loads(call("doctor", "--json").stdout)) == {
        *("machine", "gpu", "versions", "provider")
    }


def test_doctor_speaks_to_people(monkeypatch):
    from sparseprune import onnxruntime

    lines = " ".join(call("doctor").stdout.split())
    assert "loads yes route provider" in lines
    assert "None" not in lines
    reason = "the library is not there"
    status = {"onnxruntime": None, "library": "x.so", "loads": False, "route": None}
    monkeypatch.setattr(onnxruntime, "status", lambda: {**status, "reason": reason})
    assert call("doctor").stdout.split("[onnxruntime provider]\n")[1].splitlines() == [
        "library           x.so",
        "loads             no",
        "reason            the library is not there",
    ]


def test_version():
    import sparseprune

    assert call("--version").stdout.strip() == f"sparseprune {sparseprune.__version__}"


def test_masks_do_not_replace_the_checkpoint(tmp_path):
    path = tmp_path / "x.safetensors"
    stderr = fails("prune", tmp_path / "p", "--ratio", "0.5", "-o", path, "--masks", path)
    assert "one path for --out and --masks" in stderr


def test_a_full_terminal_is_one_sentence():
    command = [sys.executable, "-m", "sparseprune", "doctor"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_deep_recipe(tmp_path):
    path = tmp_path / "deep.yaml"
    path.write_text("name: " + "[" * 3000)
    assert "expected YAML" in fails("run", path)


def test_a_terminal_without_the_characters_gets_question_marks(monkeypatch):
    narrow = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", narrow)
    shell._print("12 µs ±3 %")
    narrow.seek(0)
    assert narrow.read() == "12 ?s ?3 %\n"


def test_no_progress_is_shown_where_nobody_watches(capsys):
    shell.notes.cache_clear()
    with shell.bar("bench") as progress:
        progress(0.5, "half of it")
    assert capsys.readouterr().err == ""
    shell.notes.cache_clear()
