"""The verb export: what it writes, and what it says."""

import numpy as np
import onnx
import pytest
import torch
from safetensors.torch import save_file

from sparseprune import models


def test_a_network_is_deployed_in_any_form(chain):
    found = {}
    source = "ft.safetensors"
    for form in ("plain", "compact", "slim"):
        out = f"ft-{form}.onnx"
        words = (*("export", source, "-o", out, "--form", form), "--tune", "none")
        text = chain(*words, "--min-onnxruntime", "1.18").stdout
        first, second = text.splitlines()
        assert first.startswith(f"{out}: {form}, ")
        assert "dense" in first
        assert "0 labels changed (" in second
        assert all(len(line) <= 80 for line in text.splitlines())
        found[form] = (chain.folder / out).stat().st_size
        source = "ft-plain.onnx"
    assert found["slim"] < found["plain"]
    assert found["compact"] < found["plain"]


def test_float16_values_say_what_they_moved(chain):
    words = ("export", "wt.onnx", "-o", "half.onnx", "--form", "compact", "--values", "float16")
    text = chain(*words, "--tune", "none").stdout
    assert "float16 weights moved the outputs by" in text.splitlines()[2]
    found = chain.json(*words, "--tune", "none")
    assert found["onnx"] == "half.onnx"
    assert found["bytes"]["file"] < found["bytes"]["dense"] / 4
    assert found["parity"]["rounding"]["max_abs"] > found["parity"]["max_abs"]


def test_a_network_that_was_not_pruned_has_no_compact_form(chain):
    words = ("export", "parent.onnx", "-o", "whole.onnx", "--form", "compact", "--tune", "none")
    assert chain(*words).stdout.splitlines()[2].startswith("no layer would be smaller stored")
    assert chain.json(*words)["compacted"] == 0
    pruned = chain("export", "wt.onnx", "-o", "small.onnx", *words[4:]).stdout
    assert "no layer" not in pruned


def test_inputs_are_read_from_a_file(chain):
    x = np.random.default_rng(0).normal(size=(20, 1, 28, 28)).astype(np.float32)
    np.save(chain.folder / "x.npy", x)
    np.savez(chain.folder / "x.npz", input=x)
    for name in ("x.npy", "x.npz"):
        found = chain.json(
            *("export", "wt.onnx", "-o", "again.onnx", "--inputs", name, "--tune", "none")
        )
        assert found["parity"]["images"] == 20


def test_what_a_compact_file_says_of_its_origin(chain):
    chain("export", "wt.onnx", "-o", "small.onnx", "--form", "compact", "--tune", "none")
    proto = onnx.load(chain.folder / "small.onnx")
    assert {e.key for e in proto.metadata_props} >= {
        *("sparseprune.recipe", "sparseprune.method", "sparseprune.source"),
        *("sparseprune.export", "sparseprune.parity"),
    }


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--form", "tiny"],
            "sparseprune: --form: expected one of plain, compact, slim, got 'tiny'",
        ),
        (["--form", "slim"], "no channel can leave"),
        (["--inputs", "gone.npy"], "--inputs: expected a NumPy file of plain arrays"),
        (["--inputs", "pickled.npy"], "--inputs: expected a NumPy file of plain arrays"),
        (["--shape", "many"], "expected --shape like 1,3,224,224"),
        (["--min-onnxruntime", "1.2"], "expected an ONNX Runtime from 1.17 on, got 1.2"),
        (["--arch", "resnet20"], "--arch: expected a torch checkpoint to use it for, got wt.onnx"),
        (["--tune", "soon"], "--tune: expected seconds, 'full' or 'none', got 'soon'"),
    ],
)
def test_bad_input_ends_in_one_sentence(chain, words, message):
    np.save(chain.folder / "pickled.npy", np.array([{}], dtype=object), allow_pickle=True)
    stderr = chain("export", "wt.onnx", "-o", "bad.onnx", *words, code=2).stderr
    assert message in " ".join(stderr.split())
    assert not (chain.folder / "bad.onnx").exists()


def test_tensors_of_another_program_need_an_architecture(chain):
    save_file({"w": torch.zeros(2)}, chain.folder / "theirs.safetensors")
    stderr = chain("export", "theirs.safetensors", "-o", "bad.onnx", code=2).stderr
    assert "give --arch NAME or package.module:callable" in " ".join(stderr.split())


@pytest.fixture(scope="module")
def foreign(chain):
    """A state dict with zeros, as plain torch saves it, and a program of the same network."""
    torch.manual_seed(0)
    network = models.build("resnet8", input_shape=(3, 16, 16), classes=4, width=8).eval()
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if weight.dim() > 1 and name != "fc.weight":
                weight[torch.rand_like(weight) < 0.9] = 0
    torch.save(network.state_dict(), chain.folder / "net.pth")
    batch = {0: torch.export.Dim("batch")}
    program = torch.export.export(
        network, (torch.randn(2, 3, 16, 16),), dynamic_shapes=(batch,), strict=False
    )
    torch.export.save(program, chain.folder / "net.pt2")
    return chain


def test_a_torch_checkpoint_of_anyone(foreign):
    found = foreign.json(
        *("export", "net.pth", "-o", "net.onnx", "--arch", "resnet8", "--shape", "3,16,16"),
        *("--arch-options", '{"width": 8, "classes": 4}', "--form", "compact", "--tune", "none"),
    )
    assert found["bytes"]["file"] < found["bytes"]["dense"] / 2
    proto = onnx.load(foreign.folder / "net.onnx")
    notes = {entry.key: entry.value for entry in proto.metadata_props}
    assert notes["sparseprune.arch"] == "resnet8"
    assert notes["sparseprune.source_file"] == "net.pth"
    np.savez(foreign.folder / "three.npz", pictures=np.zeros((3, 3, 16, 16), np.float32))
    found = foreign.json(
        *("export", "net.pth", "-o", "net.onnx", "--arch", "resnet8", "--shape", "3,16,16"),
        *("--arch-options", '{"width": 8, "classes": 4}', "--inputs", "three.npz"),
        *("--tune", "none"),
    )
    assert found["parity"]["images"] == 16
    stderr = foreign("export", "net.pth", "-o", "no.onnx", code=2).stderr
    assert "give --arch NAME or package.module:callable" in " ".join(stderr.split())
    stderr = foreign(
        *("export", "net.pth", "-o", "no.onnx", "--arch", "resnet8"),
        *("--arch-options", "wide"),
        code=2,
    ).stderr
    assert "--arch-options: expected a mapping in JSON" in " ".join(stderr.split())


def test_a_torch_program(foreign):
    found = foreign.json("export", "net.pt2", "-o", "program.onnx", "--tune", "none")
    assert found["parity"]["images"] == 16
    proto = onnx.load(foreign.folder / "program.onnx")
    assert {e.key for e in proto.metadata_props} >= {"sparseprune.source_file"}
