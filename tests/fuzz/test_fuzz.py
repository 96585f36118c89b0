"""The fuzzers for some seconds each, and what they once found."""

import os
import re
import subprocess
from pathlib import Path

import pytest

CRASHES = sorted((Path(__file__).parent / "crashes").iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["differential", "structure", "bytes"])
def test_nothing_is_found(kind, fuzz, seed, tmp_path):
    printed = fuzz("--kinds", kind, "--seed", seed, "--seconds", 8, "--folder", tmp_path)
    ends = re.findall(r'"(\w+/\w+)": (\d+)', printed)
    # It did try something, and not only what does not open.
    assert sum(int(count) for how, count in ends if how == "answer/answer") > 10, printed


@pytest.mark.slow
def test_a_wrong_answer_is_found_and_kept(fuzz, faulty_library, tmp_path):
    printed = fuzz(
        *("--kinds", "differential", "--seed", 1, "--count", 30, "--jobs", 1),
        *("--folder", tmp_path),
        fails=True,
        SPARSEPRUNE_ORT_LIBRARY=str(faulty_library),
    )
    assert "beyond its bound" in printed
    kept = list(tmp_path.glob("differential-*.npz"))
    assert kept
    fuzz("--replay", kept[0])  # by the right library


def test_a_crash_is_found_and_kept(fuzz, tmp_path):
    """Of a library that aborts when it is loaded."""
    source, library = tmp_path / "aborts.c", tmp_path / "aborts.so"
    source.write_text(
        "#include <stdlib.h>\nvoid CreateEpFactories(void) { abort(); }\n"
        "void ReleaseEpFactory(void) {}\n"
    )
    compiler = os.environ.get("CC", "cc").split()
    subprocess.run([*compiler, "-shared", "-fPIC", source, "-o", library], check=True)
    printed = fuzz(
        *("--kinds", "structure", "--seed", 5, "--count", 1, "--jobs", 1, "--folder", tmp_path),
        fails=True,
        SPARSEPRUNE_ORT_LIBRARY=str(library),
    )
    assert "structure seed 5: exit status -6" in printed
    assert (tmp_path / "structure-5.npz").is_file()


def test_parsers(parsers, seed, tmp_path):
    command = [parsers, str(seed), "3", tmp_path / "current"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, (seed, done.stderr)
    assert int(done.stdout.split()[0]) > 1000


def test_what_was_found_in_models(fuzz):
    fuzz("--replay", *[path for path in CRASHES if path.suffix == ".npz"])


def test_what_was_found_in_parsers(parsers):
    files = [path for path in CRASHES if path.suffix == ".bin"]
    done = subprocess.run([parsers, *files], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
