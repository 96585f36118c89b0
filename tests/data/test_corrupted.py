"""The cache of pictures, and the corrupted variants it remembers."""

import multiprocessing
import os
from pathlib import Path

import numpy as np
import pytest

from sparseprune import data
from sparseprune.data import cache, corrupted, corruptions
from sparseprune.errors import InputError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("SPARSEPRUNE_CACHE", str(tmp_path))
    return tmp_path / "pictures"


@pytest.fixture
def counted(monkeypatch):
    calls = []
    real = corruptions.corrupt

    def count(images, *arguments, **settings):
        calls.append(len(images))
        return real(images, *arguments, **settings)

    monkeypatch.setattr(corruptions, "corrupt", count)
    return calls


def test_a_variant_is_made_once(folder, colour, counted):
    first = data.corrupted.variant(colour, "glass_blur", 3, seed=5)
    again = data.corrupted.variant(colour, "glass_blur", 3, seed=5)
    np.testing.assert_array_equal(first, corruptions.corrupt(colour, "glass_blur", 3, seed=5))
    np.testing.assert_array_equal(again, first)
    assert counted == [8, 8]  # once for the variant, once for the comparison above
    assert len(list(folder.iterdir())) == 1
    again[:] = 0  # what was handed out is the caller's
    np.testing.assert_array_equal(corrupted.variant(colour, "glass_blur", 3, seed=5), first)


def test_everything_a_variant_depends_on_is_in_its_key(folder, colour, counted, monkeypatch):
    changed = colour.copy()
    changed[0, 0, 0, 0] ^= 1
    large = np.repeat(np.repeat(colour[:1], 3, axis=1), 3, axis=2)
    corrupted.variant(colour, "fog", 3)
    corrupted.variant(changed, "fog", 3)
    corrupted.variant(colour, "fog", 4)
    corrupted.variant(colour, "snow", 3)
    corrupted.variant(colour, "fog", 3, seed=1)
    corrupted.variant(large, "fog", 3)
    monkeypatch.setattr(corrupted, "code_version", lambda: "another")
    corrupted.variant(colour, "fog", 3)
    assert len(counted) == len(list(folder.iterdir())) == 7


def test_large_pictures_take_the_imagenet_table(folder, colour):
    large = np.repeat(np.repeat(colour[:1], 3, axis=1), 3, axis=2)
    expected = corruptions.corrupt(large, "contrast", 2, table="imagenet")
    np.testing.assert_array_equal(corrupted.variant(large, "contrast", 2), expected)


def test_pieces_are_corrupted_as_the_whole(folder, colour, tmp_path, monkeypatch):
    mapped = np.memmap(tmp_path / "x", np.uint8, "w+", shape=colour.shape)
    mapped[:] = colour
    monkeypatch.setattr("sparseprune.data.pictures._PIECE", 3 * colour[0].size)
    found = list(corrupted.variants(mapped, "gaussian_noise", 3, seed=2))
    assert [len(piece) for piece in found] == [3, 3, 2]
    expected = corruptions.corrupt(colour, "gaussian_noise", 3, seed=2)
    np.testing.assert_array_equal(np.concatenate(found), expected)


def test_bad_names_and_pictures_are_refused_with_and_without_a_cache(folder, colour):
    with pytest.raises(InputError, match="got 'fogg'; did you mean 'fog'"):
        corrupted.variant(colour, "fogg", 3)
    with pytest.raises(InputError, match="severity: expected a whole number from 1 to 5"):
        corrupted.variant(colour, "fog", 6)
    with pytest.raises(InputError, match="expected photographs of frost"):
        corrupted.variant(colour, "frost", 3, frost_textures=folder)
    assert not list(folder.glob("*.pictures"))


@pytest.mark.parametrize("damage", [b"", b"short", None], ids=["empty", "short", "one bit"])
def test_a_damaged_entry_is_made_again(folder, colour, counted, damage):
    first = corrupted.variant(colour, "fog", 3)
    (entry,) = folder.iterdir()
    whole = entry.read_bytes()
    flipped = bytes([whole[100] ^ 1])
    entry.write_bytes(whole[:100] + flipped + whole[101:] if damage is None else damage)
    np.testing.assert_array_equal(corrupted.variant(colour, "fog", 3), first)
    assert len(counted) == 2
    assert entry.read_bytes() == whole


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path, colour, monkeypatch):
    (tmp_path / "file").write_text("not a folder")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        monkeypatch.setenv("SPARSEPRUNE_CACHE", str(place))
        found = corrupted.variant(colour, "contrast", 3)
        np.testing.assert_array_equal(found, corruptions.corrupt(colour, "contrast", 3))


def test_the_cache_can_be_switched_off(folder, colour, counted, monkeypatch):
    monkeypatch.setenv("SPARSEPRUNE_PICTURES_BYTES", "0")
    corrupted.variant(colour, "fog", 3)
    corrupted.variant(colour, "fog", 3)
    assert len(counted) == 2
    assert not folder.exists()


def test_the_cache_has_a_place_only_if_the_user_has_one(monkeypatch, tmp_path):
    monkeypatch.delenv("SPARSEPRUNE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache.user_cache().folder == tmp_path / ".cache" / "sparseprune" / "pictures"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "x"))
    assert cache.user_cache().folder == tmp_path / "x" / "sparseprune" / "pictures"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.delenv("HOME")
    assert cache.user_cache() is None


def test_what_was_used_longest_ago_leaves_first(tmp_path):
    store = cache.Cache(tmp_path, limit=3 * 104)
    pictures = np.arange(100, dtype=np.uint8).reshape(1, 10, 10, 1)
    for age, key in enumerate("abc"):
        store.put(key, pictures)
        os.utime(tmp_path / f"{key}.pictures", (age, age))
    assert store.get("a", pictures.shape) is not None  # makes it the youngest
    store.put("d", pictures)
    kept = [key for key in "abcd" if store.get(key, pictures.shape) is not None]
    assert kept == ["a", "c", "d"]
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= store.limit


def test_what_is_larger_than_the_limit_is_not_kept(tmp_path):
    store = cache.Cache(tmp_path / "x", limit=103)
    store.put("a", np.zeros((1, 10, 10, 1), np.uint8))
    assert not (tmp_path / "x").exists()


def test_leftovers_of_killed_writers_leave(tmp_path):
    store = cache.Cache(tmp_path)
    old, new = (tmp_path / f".{name}.pictures.x.tmp" for name in ("old", "new"))
    for path in (old, new):
        path.write_bytes(b"part")
    os.utime(old, (1, 1))
    store.put("a", np.zeros((1, 10, 10, 1), np.uint8))
    assert not old.exists()
    assert new.exists()


def work(folder, results):
    """Many keys, a limit that removes them all the time: every answer is right or a miss."""
    store = cache.Cache(folder, limit=5 * 1004)
    wrong = 0
    for turn in range(300):
        key = turn * 7 % 11
        pictures = np.full((1, 10, 100, 1), key, np.uint8)
        found = store.get(str(key), pictures.shape)
        wrong += found is not None and not np.array_equal(found, pictures)
        store.put(str(key), pictures)
    results.put(wrong)


def test_two_processes_at_once_do_no_harm(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[2])  # worker processes look for ``work``
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    workers = [context.Process(target=work, args=(tmp_path, results)) for _ in range(2)]
    for worker in workers:
        worker.start()
    assert [results.get(timeout=60) for _ in workers] == [0, 0]
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
