import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from sparseprune.train import workers

STAND_IN = Path(__file__).with_name("stand_in.py")


def start(*arguments, **environment):
    return subprocess.Popen(
        [sys.executable, STAND_IN, *map(str, arguments)], env={**os.environ, **environment}
    )


@pytest.mark.slow
def test_two_workers_train_as_one(tmp_path):
    """Same weights, statistics and losses but for the order of float32 additions.

    Fifteen steps amplify a rounding error (2^-24) by far less than 2^10 here: a wrong gradient
    scale, unshared statistics or other crops differ in the first digits.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    torchrun = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    running = [
        start(tmp_path / "pair", RANK=str(rank), LOCAL_RANK=str(rank), **torchrun)
        for rank in range(2)
    ]
    running.append(start(tmp_path / "alone"))
    assert [process.wait(timeout=100) for process in running] == [0, 0, 0]
    pair, alone = load_file(tmp_path / "pair"), load_file(tmp_path / "alone")
    assert pair.keys() == alone.keys()
    for name in pair:
        torch.testing.assert_close(pair[name], alone[name], rtol=2**-14, atol=2**-14)


def test_one_process_is_one_worker():
    with workers.joined():
        assert (workers.rank(), workers.count()) == (0, 1)
        assert workers.part(7) == slice(0, 7)


@pytest.mark.parametrize("size", [1, 2, 7, 8])
@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_parts_cover_a_batch_once(monkeypatch, size, count):
    monkeypatch.setattr(workers, "count", lambda: count)
    seen = []
    for rank in range(count):
        monkeypatch.setattr(workers, "rank", lambda rank=rank: rank)
        seen.append(list(range(size))[workers.part(size)])
    assert [place for part in seen for place in part] == list(range(size))
    assert max(map(len, seen)) - min(map(len, seen)) <= 1
