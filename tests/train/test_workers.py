import os
import socket
import subprocess
import sys
from datetime import timedelta
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


@pytest.fixture
def store(monkeypatch):
    """The store of a torchrun that has started two workers; this process is the second."""
    kept = torch.distributed.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    monkeypatch.setenv("TORCHELASTIC_USE_AGENT_STORE", "True")
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    monkeypatch.setenv("MASTER_PORT", str(kept.port))
    monkeypatch.setenv("RANK", "1")
    return kept


def test_the_first_worker_to_fail_is_one(store, monkeypatch):
    assert workers.first_to_fail()
    monkeypatch.setenv("RANK", "0")
    assert not workers.first_to_fail()
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")
    assert workers.first_to_fail()


@pytest.mark.parametrize("change", [("MASTER_PORT", "1"), ("TORCHELASTIC_USE_AGENT_STORE", "no")])
def test_without_a_store_the_first_rank_speaks(store, monkeypatch, change):
    monkeypatch.setenv(*change)
    monkeypatch.setattr(workers, "_STORE_PATIENCE", timedelta(milliseconds=100))
    assert not workers.first_to_fail()
    monkeypatch.setenv("RANK", "0")
    assert workers.first_to_fail()


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
