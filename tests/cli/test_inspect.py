"""``sparseprune inspect``: an overview that fits the terminal, of files from anyone."""

import json
import subprocess
import sys

import numpy as np
import pytest
from typer.testing import CliRunner

from sparseprune.cli.app import app

onnx = pytest.importorskip("onnx")
RNG = np.random.default_rng(0)
# The name of what training and exporting modules need, and inspecting must not.
BLOCKED = ("torch", "onnxscript", "safetensors", "scipy", "PIL", "psutil", "matplotlib")


def call(*arguments, code=0):
    done = CliRunner(env={"COLUMNS": "80"}).invoke(app, ["inspect", *map(str, arguments)])
    assert done.exit_code == code, done.output
    return done


def words(text):
    return " ".join(text.split())


def widest(output):
    """The longest line, but for the temporary folder's path in a command."""
    return max(len(line) for line in output.splitlines() if "sparseprune export" not in line)


def sparse(*shape, kept=0.1):
    return (RNG.standard_normal(shape) * (RNG.random(shape) < kept)).astype(np.float32)


@pytest.fixture
def save(tmp_path):
    """Writes a model of one convolution called ``name``, and metadata; gives its path."""

    def write(name="conv", axes=("n", 64, 28, 28), weight=None, **metadata):
        info = onnx.helper.make_tensor_value_info
        nodes = [
            onnx.helper.make_node("Conv", ["x", "w"], ["c"], name, pads=[1] * 4),
            onnx.helper.make_node("Tanh", ["c"], ["y"], "tail"),
        ]
        weight = sparse(64, 64, 3, 3) if weight is None else weight
        initializers = [onnx.numpy_helper.from_array(weight, "w")]
        graph = onnx.helper.make_graph(
            nodes, "g", [info("x", 1, axes)], [info("y", 1, None)], initializers
        )
        model = onnx.helper.make_model(
            graph, opset_imports=[onnx.helper.make_opsetid("", 18)], producer_name="someone"
        )
        model.ir_version = 9
        for key, value in metadata.items():
            model.metadata_props.add(key=f"sparseprune.{key}", value=value)
        onnx.save(model, tmp_path / "model.onnx")
        return tmp_path / "model.onnx"

    return write


def test_the_overview(save):
    parity = json.dumps({"max_abs": 3.14159e-7, "images": 32, "shape": [1, 28, 28]})
    path = save("/layer1/layer1.0/conv1/Conv", method="WT", parity=parity, tuning="a\nb\nc\n")
    output = call(path).stdout
    assert widest(output) <= 80
    flat = words(output)
    for sentence in (
        "plain ONNX with zeros kept, IR 9, opset ai.onnx 18, by someone",
        "input x float32 [n, 64, 28, 28]",
        "36 864 parameters, ",
        "method WT",
        "parity max_abs 3.14e-07, images 32, shape 1x28x28",
        "tuning 3 lines: tiles found by timing",
        "…1/layer1.0/conv1 Conv 64x64x3x3",
        "1 of 2 nodes would run in our provider",
        "times as fast as without it (one thread, input 1x64x28x28; nodes of unknown cost, not",
        "1 Tanh unsupported operation",
    ):
        assert sentence in flat, sentence


def test_long_names_of_notes_are_whole(save):
    long = "how_the_network_was_retrained_after_pruning"
    notes = {"training_versions": '{"numpy": "2.4"}', "k" * 300: "x" * 300, "ratio": "0.9"}
    notes[long] = "with the same schedule"
    output = call(save(**notes)).stdout
    assert "\ntraining_versions  numpy 2.4\n" in output
    assert "\nratio       0.9\n" in output
    assert f"\n{long}  with the same schedule\n" in output
    assert widest(output) <= 80


def test_json_has_all_of_it(save):
    found = json.loads(call(save(), "--batch", 2, "--json").stdout)
    assert set(found) == {
        *("file", "provenance", "totals", "layers", "provider", "unknown", "tips")
    }
    assert found["provider"]["inputs"] == {"x": [2, 64, 28, 28]}


def test_a_shape_may_be_given(save):
    path = save(axes=("n", 64, "h", "w"))
    assert "not estimated: the shape of input 'x' is open" in words(call(path).stdout)
    assert "estimated" in call(path, "--shape", "1,64,9,9").stdout
    assert "expected --shape like" in call(path, "--shape", "1,a", code=2).stderr


@pytest.mark.parametrize("name", ["a\u2028b", "[/red]", "[red]:smile:", "a\nb", "\x1b[2J\x07"])
def test_names_are_shown_and_not_obeyed(save, name):
    path = save(name, weight=sparse(8, 8, 3, 3), axes=(name, 8, 9, 9), odd=name * 30)
    done = call(path)
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in name)
    assert f"\n{shown}  " in done.stdout
    assert f"[{shown}, 8, 9, 9]" in done.stdout
    assert all(c.isprintable() or c == "\n" for c in done.stdout)
    assert widest(done.stdout) <= 80


def test_a_damaged_weight_is_one_line(save):
    path = save(axes=("n", 8, 9, 9), weight=sparse(8, 8, 3, 3))
    model = onnx.load(path)
    model.graph.initializer[0].dims[0] = 2**40
    onnx.save(model, path)
    flat = words(call(path).stdout)
    assert "conv Conv damaged" in flat
    assert "tensor 'w': expected data of shape [1099511627776, 8, 3, 3]" in flat
    assert "damaged tensors that cannot be read: 1" in flat


def test_a_graph_without_weights(tmp_path):
    info = onnx.helper.make_tensor_value_info
    node = onnx.helper.make_node("Relu", ["x"], ["y"])
    graph = onnx.helper.make_graph([node], "g", [info("x", 1, [2])], [info("y", 1, [2])])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)])
    model.ir_version = 9
    onnx.save(model, tmp_path / "m.onnx")
    assert "no layer holds weights" in call(tmp_path / "m.onnx").stdout


def test_files_that_do_not_do(tmp_path):
    assert "found none; check the path" in call(tmp_path / "gone.onnx", code=2).stderr
    (tmp_path / "x.onnx").write_bytes(b"\xff" * 100)
    assert "expected an ONNX model" in call(tmp_path / "x.onnx", code=2).stderr


@pytest.mark.parametrize("verb", [["inspect"], ["bench", "--rounds", "2"]])
def test_torch_is_not_needed(save, verb):
    code = (
        "import sys\n"
        "class Block:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name.partition('.')[0] in {BLOCKED}:\n"
        "            raise ModuleNotFoundError(name, name=name)\n"
        "sys.meta_path.insert(0, Block())\n"
        "from sparseprune.cli import main\n"
        "main()\n"
    )
    path = save(weight=sparse(8, 8, 3, 3), axes=("n", 8, 9, 9))
    command = [sys.executable, "-c", code, *verb, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def test_without_a_library_the_rest_is_shown(save, tmp_path):
    command = [sys.executable, "-m", "sparseprune", "inspect", str(save())]
    environment = {
        "SPARSEPRUNE_ORT_LIBRARY": str(tmp_path / "gone.so"),
        "PATH": "",
        "COLUMNS": "80",
    }
    done = subprocess.run(
        command,
        env={**environment, "PYTHONPATH": ":".join(p for p in sys.path if p)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "36 864 parameters" in done.stdout
    assert "not estimated: the sparse execution provider's library is not at" in words(done.stdout)
