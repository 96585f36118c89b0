"""Copies that no cache holds; no GPU, no rows."""

import pytest
import torch
from gpu import place as places
from gpu.place import Place

from sparseprune.errors import InputError
from sparseprune.kernels.grouped_weight import pack

GPU = Place(torch.device("cuda"), cache=50 * 2**20, shared=227 * 1024)


@pytest.mark.parametrize(("size", "copies"), [(2**25, 5), (2**21, 75), (2**10, 512), (2**40, 1)])
def test_copies_exceed_the_cache(size, copies):
    assert GPU.copies(size) == copies
    assert copies in (1, 512) or copies * size >= 3 * GPU.cache


def test_copies_share_no_memory():
    weight = pack(torch.ones(64, 64))
    first, second = places.here(dry=True).rotated(weight, 1)
    assert first is weight
    assert torch.equal(first.to_dense(), second.to_dense())
    for name, value in vars(first).items():
        if torch.is_tensor(value):
            assert getattr(second, name).data_ptr() != value.data_ptr()


def test_numbers_are_the_same_every_time():
    place = places.here(dry=True)
    assert torch.equal(place.random(3, 4, seed=1), place.random(3, 4, seed=1))
    assert not torch.equal(place.random(3, 4, seed=1), place.random(3, 4, seed=2))
    assert place.random(2, seed=0, dtype=torch.float16).dtype == torch.float16


def test_without_a_gpu_only_a_dry_run_goes(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match=r"expected a CUDA device to measure on.*--dry"):
        places.here(dry=False)
    assert places.facts(places.here(dry=True))["gpu"] == "interpreter"


def test_a_dry_run_tries_one_of_many():
    assert list(places.here(dry=True).few((1, 2, 3))) == [1]
    assert list(GPU.few((1, 2, 3))) == [1, 2, 3]
