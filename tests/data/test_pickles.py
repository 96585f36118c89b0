"""The reader against pickle itself on good files, and its refusals of bad ones."""

import os
import pickle
import tracemalloc

import numpy as np
import pytest

from sparseprune.data import pickles
from sparseprune.errors import InputError

DATA = np.arange(24, dtype=np.uint8).reshape(4, 6)
GOOD = {"data": DATA, "labels": [3, 1, 255, 70_000], "filenames": ["a.png", "é.png"], "n": None}

# How Python 2 wrote a dictionary {'data': uint8 [2, 3], 'labels': [1, 2]}: byte strings throughout.
PYTHON2 = (
    b"\x80\x02}q\x01(U\x04dataq\x02cnumpy.core.multiarray\n_reconstruct\nq\x03cnumpy\nndarray\nq\x04"
    b"K\x00\x85U\x01b\x87Rq\x05(K\x01K\x02K\x03\x86cnumpy\ndtype\nq\x06U\x02u1K\x00K\x01\x87Rq\x07"
    b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U\x06\x00\x01\xff\x03\x80\x05tb"
    b"U\x06labels]q\x08(K\x01K\x02eu."
)


def write(path, content: bytes):
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_what_pickle_writes_is_read(tmp_path, protocol):
    found = pickles.read(write(tmp_path / "a", pickle.dumps(GOOD, protocol)))
    assert list(found) == list(GOOD)
    np.testing.assert_array_equal(found["data"], DATA)
    assert {key: found[key] for key in found if key != "data"} == {
        key: GOOD[key] for key in GOOD if key != "data"
    }


def test_files_of_python_2_are_read(tmp_path):
    assert pickle.loads(PYTHON2, encoding="latin1")["labels"] == [1, 2]
    found = pickles.read(write(tmp_path / "a", PYTHON2))
    assert found["labels"] == [1, 2]
    np.testing.assert_array_equal(found["data"], np.array([[0, 1, 255], [3, 128, 5]], np.uint8))


class Command:
    def __reduce__(self):
        return os.system, ("touch never",)


def test_code_is_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path / "a", pickle.dumps({"data": Command()}))
    with pytest.raises(InputError, match=r"got the name posix\.system; fetch"):
        pickles.read(path)
    assert not (tmp_path / "never").exists()


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_no_truncation_is_an_unclear_error(tmp_path, protocol):
    whole = pickle.dumps(GOOD, protocol)
    for length in range(0, len(whole) - 1, 3):
        with pytest.raises(InputError, match="expected a pickled dictionary"):
            pickles.read(write(tmp_path / "a", whole[:length]))


def test_no_changed_byte_is_an_unclear_error(tmp_path):
    whole = bytearray(pickle.dumps(GOOD, 4))
    generator = np.random.default_rng(0)
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] = generator.integers(256)
        try:
            found = pickles.read(write(tmp_path / "a", changed))
        except InputError:
            continue
        assert isinstance(found, dict)


def nested(depth: int) -> bytes:
    """A dictionary whose key is a tuple of tuples: 2 ** depth leaves to hash."""
    return b"\x80\x02}K\x01K\x01\x86q\x00" + b"h\x00\x86q\x00" * depth + b"K\x01s."


BOMBS = {
    "memo of 2 ** 32 entries": b"\x80\x02}r\xff\xff\xff\xff.",
    "key that takes for ever to hash": nested(60),
    "array larger than its bytes": pickle.dumps({"data": DATA}, 4).replace(
        b"K\x04K\x06\x86", b"J\xff\xff\xff\x7fK\x06\x86"
    ),
    "bytes longer than the file": b"\x80\x04\x8e" + b"\xff" * 7 + b"\x7f.",
    "an instruction to build": b"\x80\x02c__builtin__\neval\n)\x81.",
    "persistent id": b"\x80\x02K\x01Q.",
    "extension": b"\x80\x02\x82\x01.",
    "no dictionary": b"\x80\x02K\x01.",
    "object array": pickle.dumps({"data": np.array([None, 1], object)}, 4),
    "float array": pickle.dumps({"data": np.zeros(3)}, 4),
    "empty": b"",
}


@pytest.mark.parametrize("name", [n for n in BOMBS if n != "memo of 2 ** 32 entries"])
def test_each_bomb_is_refused_in_little_memory(tmp_path, name):
    path = write(tmp_path / "a", BOMBS[name])
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="expected a pickled dictionary"):
            pickles.read(path)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_a_large_memo_number_costs_nothing(tmp_path):
    path = write(tmp_path / "a", BOMBS["memo of 2 ** 32 entries"])
    tracemalloc.start()
    try:
        assert pickles.read(path) == {}
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_bytes_do_not_multiply(tmp_path):
    """One text of a megabyte, encoded a hundred times over."""
    text = b"X" + (1 << 20).to_bytes(4, "little") + b"a" * (1 << 20) + b"q\x01"
    encode = b"c_codecs\nencode\nh\x01\x85R"
    path = write(tmp_path / "a", b"\x80\x02]" + text + encode * 100 + b".")
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="got bytes out of nothing"):
            pickles.read(path)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_too_large_a_file_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(pickles, "MAX_BYTES", 10)
    with pytest.raises(InputError, match="got more than 10 bytes"):
        pickles.read(write(tmp_path / "a", pickle.dumps(GOOD)))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match="none: expected a readable file"):
        pickles.read(tmp_path / "none")
