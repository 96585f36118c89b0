"""Telling compact files from plain ones without the package onnx."""

import numpy as np
import pytest

from sparseprune.onnxruntime.domains import is_compact


@pytest.mark.parametrize("as_file", [True, False])
def test_compact_files_are_told_from_plain_ones(as_file, files, networks, tmp_path):
    weight, bias = np.eye(4, dtype=np.float32), np.zeros(4, np.float32)
    compact, plain = files.one_layer(networks, "BitmaskLinear", weight, bias, ["N", 4])
    for name, model, expected in (
        ("compact", compact, True),
        ("plain", plain, False),
        ("cut inside the graph", compact[:30], False),
        ("empty", b"", False),
        ("text", b"sparseprune" * 100, False),
        ("domain in a name", plain + b"\x3a\x0bsparseprune", False),
    ):
        path = tmp_path / name
        path.write_bytes(model)
        assert is_compact(path if as_file else model) is expected, name


def test_random_bytes_are_not_compact():
    rng = np.random.default_rng(0)
    assert not any(is_compact(rng.bytes(int(rng.integers(1, 40)))) for _ in range(3000))
