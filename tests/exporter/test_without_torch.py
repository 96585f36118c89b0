"""ONNX files are exported where torch is not installed."""

import subprocess
import sys

import onnx

PROGRAM = """
import sys

class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "onnxscript", "safetensors"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, NoTorch())
from sparseprune.cli import main
main()
"""


def test_the_verb_exports_onnx_files_without_torch(exported, tmp_path):
    for form in ("plain", "compact"):
        out = tmp_path / f"{form}.onnx"
        words = ["export", exported[0], "-o", out, "--form", form, "--tune", "none"]
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, *map(str, words)],
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )
        assert done.returncode == 0, done.stderr
        assert f"{out}: {form}, " in done.stdout
        onnx.checker.check_model(onnx.load(out), full_check=True)


def test_a_checkpoint_says_what_is_missing(tmp_path):
    words = ["export", str(tmp_path / "x.safetensors"), "-o", str(tmp_path / "x.onnx")]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 2
    assert (
        "needs torch, which is not installed; run: pip install 'sparseprune[train]'" in done.stderr
    )
