"""One case of the fuzzers: a model, what it is fed, and how its session is opened."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np


@dataclass
class Case:
    """`settings`: min_sparsity, threads, optimize (True), tuning (text), tune_seconds, and
    bounds: whether the float64 reference knows all of its nodes."""

    model: bytes
    feeds: dict[str, np.ndarray]
    settings: dict = field(default_factory=dict)
    # The same network of plain ONNX nodes, for the CPU provider; empty: the model itself.
    plain: bytes = b""

    def save(self, path: Path) -> None:
        """As one .npz; nothing in it is pickled."""
        text = json.dumps({"inputs": list(self.feeds), "settings": self.settings})
        arrays = {f"input{i}": array for i, array in enumerate(self.feeds.values())}
        parts = {"model": self.model, "plain": self.plain, "head": text.encode()}
        arrays |= {name: np.frombuffer(part, np.uint8) for name, part in parts.items()}
        with path.open("wb") as file:
            np.savez_compressed(file, **arrays)


def load(path: Path) -> Case:
    with np.load(path, allow_pickle=False) as file:
        head = json.loads(file["head"].tobytes())
        feeds = {name: file[f"input{i}"] for i, name in enumerate(head["inputs"])}
        model, plain = file["model"].tobytes(), file["plain"].tobytes()
        return Case(model, feeds, head["settings"], plain)
