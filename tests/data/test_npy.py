import io
import tracemalloc
import zipfile

import numpy as np
import pytest

from sparseprune.data import npy
from sparseprune.errors import InputError

SHAPE = (None, 4, 4, 3)


def read(path):
    return npy.read(path, ("uint8",), SHAPE)


def save(path, array):
    np.save(path, array)
    return path


def header(text: str) -> bytes:
    padded = text.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(padded).to_bytes(2, "little") + padded.encode()


def test_the_array_is_mapped_and_equal(tmp_path):
    array = np.arange(5 * 48, dtype=np.uint8).reshape(5, 4, 4, 3)
    found = read(save(tmp_path / "a.npy", array))
    np.testing.assert_array_equal(found, array)
    assert isinstance(found, np.memmap)
    assert not found.flags.writeable


@pytest.mark.parametrize(
    ("array", "sentence"),
    [
        (np.zeros((5, 4, 4, 3), np.float32), r"got float32 \[5, 4, 4, 3\]"),
        (np.zeros((5, 4, 4), np.uint8), r"got uint8 \[5, 4, 4\]"),
        (np.zeros((5, 4, 5, 3), np.uint8), r"got uint8 \[5, 4, 5, 3\]"),
        (np.zeros((0, 4, 4, 3), np.uint8), r"got uint8 \[0, 4, 4, 3\]"),
        (np.asfortranarray(np.zeros((5, 4, 4, 3), np.uint8)), "in Fortran order"),
        (np.array([[{"code": 1}]], object), "got object"),
    ],
)
def test_another_type_or_shape_is_refused(tmp_path, array, sentence):
    with pytest.raises(InputError, match=sentence):
        read(save(tmp_path / "a.npy", array))


def zipped() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data.npy", bytes(1 << 20))
    return stream.getvalue()


HUGE = "{'descr': '|u1', 'fortran_order': False, 'shape': (%s, 4, 4, 3), }"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x93NUMPY",
        zipped(),
        header(HUGE % 2**60),
        header(HUGE % 1000) + bytes(47),
        header(HUGE % 1) + bytes(49),
        header(HUGE % -1),
        header("{'descr': '|u1', 'shape': __import__('os').system('true')}"),
        header("(" * 100),
        b"\x93NUMPY\x02\x00\xff\xff\xff\x7f",
        b"\x93NUMPY\x09\x00\x10\x00",
    ],
)
def test_hostile_files_are_refused_in_little_memory(tmp_path, content):
    path = tmp_path / "a.npy"
    path.write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=r"a\.npy: expected"):
            read(path)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"a\.npy: expected this file, found none"):
        read(tmp_path / "a.npy")
