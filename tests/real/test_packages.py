"""Networks that packages hold, pruned by magnitude, run by our provider."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from sparseprune import onnxruntime

pytestmark = pytest.mark.slow  # for the download

RAPIDOCR = Path("rapidocr_onnxruntime/models")
SILERO = Path("silero_vad/data")
# File, shapes of its open inputs, the last operation if it would saturate, nodes we claim at least
# (those of ONNX Runtime 1.32, less a few that other versions may fold).
PRUNED = {
    "text detection": (
        RAPIDOCR / "ch_PP-OCRv4_det_infer.onnx",
        {"x": [1, 3, 160, 224]},
        "Sigmoid",
        150,
    ),
    "text recognition": (
        RAPIDOCR / "ch_PP-OCRv4_rec_infer.onnx",
        {"x": [2, 3, 48, 160]},
        "Softmax",
        130,
    ),
    "text direction": (
        RAPIDOCR / "ch_ppocr_mobile_v2.0_cls_infer.onnx",
        {"x": [3, 3, 48, 192]},
        "Softmax",
        80,
    ),
    "captcha detection": (Path("ddddocr/common_det.onnx"), {}, None, 150),
    "captcha recognition": (Path("ddddocr/common.onnx"), {"input1": [1, 1, 64, 160]}, None, 25),
}


@pytest.mark.parametrize("case", PRUNED)
def test_pruned_networks_answer_as_with_the_cpu_provider(case, packaged, real, assert_answers):
    path, shapes, last, nodes = PRUNED[case]
    model = real.before_last(onnx.load(packaged / path), last)
    assert real.prune(model, 0.9) > 15
    # By sparsity, so that all that can be claimed is, also what gains nothing on this CPU.
    claimed = assert_answers(model, shapes, min_sparsity=0.5)
    assert claimed is None or claimed >= nodes


@pytest.mark.parametrize("case", ["text detection", "captcha detection"])
def test_the_cost_model_claims_parts_of_them(case, packaged, real, assert_answers):
    path, shapes, last, _ = PRUNED[case]
    model = real.before_last(onnx.load(packaged / path), last)
    real.prune(model, 0.9)
    claimed = assert_answers(model, shapes)
    assert claimed is None or claimed > 0


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
def test_what_we_do_not_run_is_left_alone(case, packaged, run):
    path, feeds = UNTOUCHED[case]
    ours = onnxruntime.session(packaged / path, threads=1, provider="sparseprune", min_sparsity=0)
    assert (onnxruntime.assignment(ours) or (0,))[0] == 0
    expected = run(packaged / path, feeds, provider="cpu")
    for value, exact in zip(ours.run(None, feeds), expected, strict=True):
        np.testing.assert_array_equal(value, exact)
