"""Bytes changed at random, most where a change says most."""

import functools
import tempfile
from pathlib import Path

import numpy as np
from networks import RandomNetwork

from sparseprune import onnxruntime

# Lengths and numbers that code gets wrong; long runs of 0xff are the largest varint.
SPECIAL = [b"\x00", b"\x01", b"\x7f", b"\x80", b"\xff", b"\xff" * 9 + b"\x01", b"\x80\x80\x04"]
WORDS = [
    *(b"0", b"-1", b"1", b"2147483648", b"9223372036854775808", b"1e9", b" = ", b"tile=", b"x"),
    *(b"channels=", b" rows=", b" prefetch", b"\n", b"\x00", b"\xff\xfe", b"%", b"inf"),
]


def file(rng: np.random.Generator, data: bytes) -> bytes:
    """Weights are most of a file, and their values say little: nodes come before them, inputs,
    outputs and opsets after."""
    for _ in range(int(rng.integers(1, 4))):
        nodes, size = max(1, data.find(b"network")), len(data)
        first, last = [(0, nodes), (0, size), (max(0, size - 200), size)][int(rng.integers(3))]
        data = data[:first] + change(rng, data[first:last], SPECIAL) + data[last:]
    return data


def text(rng: np.random.Generator, data: bytes) -> bytes:
    first = data.find(b"\n") + 1
    head, rest = (data[:first], data[first:]) if rng.random() < 0.9 else (b"", data)
    for _ in range(int(rng.integers(1, 6))):
        rest = change(rng, rest, WORDS)
    return head + rest


def change(rng: np.random.Generator, data: bytes, tokens: list[bytes]) -> bytes:
    at = int(rng.integers(max(1, len(data))))
    size = int(rng.choice([1, 2, 4, 16, 64]))
    kind = int(rng.integers(6))
    if kind == 0 and at < len(data):
        return data[:at] + bytes([data[at] ^ 1 << int(rng.integers(8))]) + data[at + 1 :]
    if kind == 1:
        return data[:at]
    if kind == 2:
        return data[:at] + data[at + size :]
    if kind == 3:
        return data[: at + size] + data[at:]
    token = tokens[int(rng.integers(len(tokens)))]
    return data[:at] + token + data[at + (len(token) if kind == 4 else 0) :]


@functools.cache
def tuning() -> bytes:
    """A real one, of this CPU."""
    model, feeds = RandomNetwork(3).build()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tuning.txt"
        arguments = {"tuning_file": path, "tune_seconds": 0.5, "tuning_cache": "off"}
        session = onnxruntime.session(
            model, provider="sparseprune", threads=1, min_sparsity=0, **arguments
        )
        session.run(None, feeds)
        return path.read_bytes()
