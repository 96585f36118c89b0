"""The verb export: what it writes, and what it says."""

import numpy as np
import onnx
import pytest


def test_a_checkpoint_is_deployed_in_any_form(chain):
    found = {}
    for form in ("plain", "compact", "slim"):
        out = f"ft-{form}.onnx"
        text = chain(
            *("export", "ft.safetensors", "-o", out, "--form", form, "--tune", "none"),
            *("--min-onnxruntime", "1.18"),
        ).stdout
        first, second = text.splitlines()
        assert first.startswith(f"{out}: {form}, ")
        assert "dense" in first
        assert "0 labels changed (32 inputs)" in second
        assert all(len(line) <= 80 for line in text.splitlines())
        found[form] = (chain.folder / out).stat().st_size
    assert found["compact"] < found["slim"] < found["plain"]


def test_float16_values_say_what_they_moved(chain):
    words = ("export", "wt.onnx", "-o", "half.onnx", "--form", "compact", "--values", "float16")
    text = chain(*words, "--tune", "none").stdout
    assert "float16 weights moved the outputs by" in text.splitlines()[2]
    found = chain.json(*words, "--tune", "none")
    assert found["onnx"] == "half.onnx"
    assert found["bytes"]["file"] < found["bytes"]["dense"] / 4
    assert found["parity"]["rounding"]["max_abs"] > found["parity"]["max_abs"]


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
        (["--form", "tiny"], "form: expected one of plain, compact, slim, got 'tiny'"),
        (["--form", "slim"], "no channel can leave"),
        (["--inputs", "gone.npy"], "--inputs: expected a NumPy file of plain arrays"),
        (["--inputs", "pickled.npy"], "--inputs: expected a NumPy file of plain arrays"),
        (["--input-shape", "many"], "expected --input-shape like 1,3,224,224"),
        (["--min-onnxruntime", "1.2"], "expected an ONNX Runtime from 1.17 on, got 1.2"),
        (["--tune", "soon"], "--tune: expected seconds, 'full' or 'none', got 'soon'"),
    ],
)
def test_bad_input_ends_in_one_sentence(chain, words, message):
    np.save(chain.folder / "pickled.npy", np.array([{}], dtype=object), allow_pickle=True)
    stderr = chain("export", "wt.onnx", "-o", "bad.onnx", *words, code=2).stderr
    assert message in " ".join(stderr.split())
    assert not (chain.folder / "bad.onnx").exists()
