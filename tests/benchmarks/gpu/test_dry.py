"""Everything but the clock, end to end, in Triton's interpreter; on this machine no GPU is used."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import run
import torch

ROOT = Path(__file__).parents[3]
RUN = ROOT / "benchmarks" / "run.py"


def files():
    folders = (ROOT / "benchmarks" / "results", ROOT / "kernels" / "configs")
    return {path: path.stat().st_mtime for folder in folders for path in folder.rglob("*")}


@pytest.mark.slow
def test_a_dry_run_checks_every_contestant_and_writes_nothing():
    pytest.importorskip("triton")
    before = files()
    done = subprocess.run(
        [sys.executable, RUN, "--suite", "gpu", "--dry"],
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    right = {line.split("right,")[0].strip() for line in lines if "right," in line}
    assert right >= {
        *("cublas", "cublas fused", "cudnn", "grouped 64x16 75 %", "grouped 64x16 halo 75 %"),
        *("segments 25:256 90 %", "grouped 64x64 90 %", "torch eager", "slim eager", "slim graph"),
    }
    missing = [line for line in lines if "missing:" in line]
    assert missing
    assert all(line.endswith("needs a CUDA device") for line in missing)
    assert files() == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--part", "linear"], "expected a CUDA device to measure on, got none"),
        (["--dry", "--part", "semi", "--only", "x"], "no case 'x' in these parts; there are: semi"),
    ],
)
def test_what_cannot_be_run_is_said(monkeypatch, options, message):
    pytest.importorskip("triton")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", [str(RUN), "--suite", "gpu", *options])
    monkeypatch.setenv("TRITON_INTERPRET", "0")  # put back when this test is over
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", False)
    before = files()
    with pytest.raises(SystemExit) as ended:
        run.main()
    assert message in str(ended.value)
    assert files() == before


def test_rows_have_one_place(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [str(RUN), "--suite", "gpu", "--out", "rows.jsonl"])
    with pytest.raises(SystemExit):
        run.main()
    assert "there is no --out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["cpu", "--dry"], "--suite cpu has no --dry; leave it out"),
        (["cpu", "--part", "conv"], "--suite cpu has no --part"),
        (["gpu", "--isa", "avx2"], "--suite gpu has no --isa"),
        (["gpu", "--rounds", "3"], "--suite gpu has no --rounds"),
        (["gpu", "--budget", "nan"], "--budget: expected seconds above zero, got nan"),
        (["gpu", "--budget", "0"], "--budget: expected seconds above zero, got 0"),
    ],
)
def test_options_that_would_not_be_read_are_refused(monkeypatch, capsys, options, message):
    monkeypatch.setattr(sys, "argv", [str(RUN), "--suite", *options])
    with pytest.raises(SystemExit):
        run.parse()
    assert message in capsys.readouterr().err


def test_nothing_is_measured_in_the_interpreter(monkeypatch):
    pytest.importorskip("triton")
    from gpu import suite

    seen, ends = [], []
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    monkeypatch.setattr(
        run.faulthandler, "dump_traceback_later", lambda *end, exit: ends.append(end)
    )
    monkeypatch.setattr(suite, "main", lambda *_: seen.append(os.environ["TRITON_INTERPRET"]))
    monkeypatch.setattr(sys, "argv", [str(RUN), "--suite", "gpu"])
    run.main()
    assert seen == ["0"]
    assert ends == [(590,)]  # whatever hangs


def test_the_gpu_suite_needs_no_kernels_for_the_cpu():
    """A machine with a GPU may have no compiler for them."""
    pytest.importorskip("triton")
    program = """
import sys
sys.modules["sparseprune._cpu"] = None
from gpu import suite
"""
    path = filter(None, [str(ROOT), str(RUN.parent), os.environ.get("PYTHONPATH")])
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
