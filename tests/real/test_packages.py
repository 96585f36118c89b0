"""Networks that packages hold, pruned by magnitude, run by our provider."""

from pathlib import Path

import numpy as np
import onnx
import pytest

import sparseprune as sp
from sparseprune import onnxruntime
from sparseprune.errors import InputError

pytestmark = pytest.mark.slow  # for the download

SILERO = Path("silero_vad/data")
CASES = ["text detection", "text recognition", "text direction"]
CASES += ["captcha detection", "captcha recognition"]


@pytest.mark.parametrize("name", CASES)
def test_pruned_networks_answer_as_with_the_cpu_provider(name, packaged, real, assert_answers):
    case = real.PACKAGED[name]
    # By sparsity, so that all that can be claimed is, also what gains nothing on this CPU.
    claimed = assert_answers(real.pruned(case, packaged), case.shapes, min_sparsity=0.5)
    assert claimed is None or claimed >= case.claimed


@pytest.mark.parametrize("name", ["text detection", "captcha detection"])
def test_the_cost_model_claims_parts_of_them(name, packaged, real, assert_answers):
    case = real.PACKAGED[name]
    claimed = assert_answers(real.pruned(case, packaged), case.shapes)
    assert claimed is None or claimed > 0


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("text detection", "plain"),
        ("text detection", "compact"),
        ("text detection", "slim"),
        ("text direction", "compact"),
        ("captcha detection", "compact"),
    ],
)
def test_they_are_exported(name, form, packaged, real, assert_answers, tmp_path):
    """Every form runs with our provider, and without."""
    case, source, target = real.PACKAGED[name], tmp_path / "source.onnx", tmp_path / "target.onnx"
    model = real.pruned(case, packaged)
    onnx.save(model, source)
    sp.export(source, target, form=form, input_shapes=case.shapes, tune=0)
    for provider in ("sparseprune", "cpu"):
        assert_answers(model, case.shapes, file=target, provider=provider)
    size = target.stat().st_size / source.stat().st_size
    assert size < {"plain": 1.01, "compact": 0.5, "slim": 1.0}[form]
    assert (onnx.load(target).graph == model.graph) == (form == "plain")


def test_without_dead_channels_there_is_no_slim_form(packaged, real, tmp_path):
    case = real.PACKAGED["captcha recognition"]
    onnx.save(real.pruned(case, packaged), tmp_path / "source.onnx")
    with pytest.raises(InputError, match="no channel can leave"):
        sp.export(
            tmp_path / "source.onnx",
            tmp_path / "target.onnx",
            form="slim",
            input_shapes=case.shapes,
        )


def speech(rows):
    samples = np.random.default_rng(0).standard_normal((rows, 576)).astype(np.float32)
    return 0.1 * samples


STATE = np.zeros((2, 1, 128), np.float32)
RATE = np.array(16000, np.int64)
UNTOUCHED = {
    "branches": (SILERO / "silero_vad.onnx", {"input": speech(1), "state": STATE, "sr": RATE}),
    "branches of opset 18": (
        SILERO / "silero_vad_op18_ifless.onnx",
        {"input": speech(1), "state": STATE, "sr": RATE},
    ),
    "a loop over time": (
        SILERO / "silero_vad_16k_sequence.onnx",
        {"input": speech(4), "h": STATE[:1], "c": STATE[:1]},
    ),
    "int8": (
        Path("ddddocr/common_old.onnx"),
        {"input1": np.random.default_rng(0).random((1, 1, 64, 160), np.float32)},
    ),
}


@pytest.mark.parametrize("case", UNTOUCHED)
def test_what_we_do_not_run_is_exported_as_it_is(case, packaged, tmp_path):
    path, feeds = UNTOUCHED[case]
    # Of their intermediate representation (IR) 10, ONNX Runtime 1.18 was the first.
    sp.export(
        packaged / path,
        tmp_path / "exported.onnx",
        example_inputs=feeds,
        min_onnxruntime="1.18",
    )
    source, exported = onnx.load(packaged / path), onnx.load(tmp_path / "exported.onnx")
    assert exported.graph == source.graph
    assert exported.opset_import == source.opset_import


@pytest.mark.parametrize("case", UNTOUCHED)
def test_what_we_do_not_run_is_left_to_the_cpu_provider(case, packaged, run):
    path, feeds = UNTOUCHED[case]
    ours = onnxruntime.session(packaged / path, threads=1, provider="sparseprune", min_sparsity=0)
    assert (onnxruntime.assignment(ours) or (0,))[0] == 0
    expected = run(packaged / path, feeds, provider="cpu")
    for value, exact in zip(ours.run(None, feeds), expected, strict=True):
        np.testing.assert_array_equal(value, exact)
