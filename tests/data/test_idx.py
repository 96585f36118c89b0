import gzip
import hashlib
import lzma
import struct
import tracemalloc

import numpy as np
import pytest

from sparseprune import data, recipe
from sparseprune.data import idx
from sparseprune.errors import InputError

OPENERS = {"": open, ".gz": gzip.open, ".xz": lzma.open}


def content(array: np.ndarray) -> bytes:
    return (
        bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape) + bytes(array)
    )


def write(path, payload: bytes):
    with OPENERS[path.suffix](path, "wb") as stream:
        stream.write(payload)
    return path


@pytest.fixture
def folder(tmp_path):
    """An IDX data set of 30 training and 12 test pictures, 3 classes, 16 x 17 pixels."""
    generator = np.random.default_rng(0)
    for split, count in (("train", 30), ("test", 12)):
        images = generator.integers(0, 256, (count, 16, 17), dtype=np.uint8)
        write(tmp_path / idx.NAMES[split][0], content(images))
        write(tmp_path / idx.NAMES[split][1], content(np.arange(count, dtype=np.uint8) // 4 % 3))
    return tmp_path


@pytest.mark.parametrize("suffix", OPENERS)
def test_what_was_written_is_read(tmp_path, suffix):
    array = np.arange(60, dtype=np.uint8).reshape(3, 4, 5)
    path = write(tmp_path / f"a{suffix}", content(array))
    found = idx.read(path, 3, hashlib.sha256(content(array)).hexdigest())
    np.testing.assert_array_equal(found, array)


def test_any_idx_folder_loads(folder):
    train, test = data.load(recipe.Data(name="idx", root=folder))
    assert train.images.shape == (30, 16, 17, 1)
    assert test.images.shape == (12, 16, 17, 1)
    assert train.labels.dtype == np.int64
    assert train.classes == ("0", "1", "2")
    raw = idx.read(folder / idx.NAMES["train"][0], 3)
    np.testing.assert_array_equal(train.images[..., 0], raw)


def test_limits_take_balanced_pictures(folder):
    train, test = data.load(recipe.Data(name="idx", root=folder, train=9, test=4))
    assert np.bincount(train.labels).tolist() == [3, 3, 3]
    assert len(test.images) == 4


def test_a_missing_root_is_named():
    with pytest.raises(InputError, match=r"data\.root: expected a folder with IDX files"):
        data.load(recipe.Data(name="idx"))


def test_a_missing_file_is_named(folder):
    (folder / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(InputError, match="expected the file t10k-labels-idx1-ubyte"):
        data.load(recipe.Data(name="idx", root=folder))


def test_xz_is_not_read_from_other_folders(folder):
    path = folder / "t10k-labels-idx1-ubyte"
    write(folder / f"{path.name}.xz", path.read_bytes())
    path.unlink()
    with pytest.raises(InputError, match=r"t10k-labels-idx1-ubyte \(plain or \.gz\), found none"):
        data.load(recipe.Data(name="idx", root=folder))


@pytest.mark.parametrize(
    "header",
    [b"", b"\0\0\x08", b"\0\0\x0d\x01" + b"\0" * 12, b"\0\0\x08\x02" + b"\0" * 12, b"\x89PNG" * 4],
    ids=["empty", "short", "float", "two dimensions", "picture"],
)
def test_another_kind_of_file_is_refused(tmp_path, header):
    path = write(tmp_path / "a", header)
    with pytest.raises(
        InputError, match=r"expected an IDX file of unsigned bytes with 3 dimension"
    ):
        idx.read(path, 3)


@pytest.mark.parametrize("shape", [(2**32 - 1,) * 3, (2**31, 28, 28), (0, 28, 28)])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_hostile_header_is_refused_before_anything_is_allocated(tmp_path, shape, suffix):
    path = write(tmp_path / f"a{suffix}", b"\0\0\x08\x03" + struct.pack(">3I", *shape))
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="its header claims"):
            idx.read(path, 3)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_memory_follows_the_file_and_not_its_header(tmp_path):
    claimed = struct.pack(">3I", 1 << 10, 1 << 10, 1 << 10)  # 1 GiB: the most a header may ask for
    path = write(tmp_path / "a", b"\0\0\x08\x03" + claimed + b"123")
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=r"expected 1073741824 bytes of data .* got 3;"):
            idx.read(path, 3)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


def test_a_truncated_file_is_refused(tmp_path):
    array = np.zeros((3, 4, 5), np.uint8)
    path = write(tmp_path / "a", content(array)[:-7])
    with pytest.raises(InputError, match="expected 60 bytes of data as its header says, got 53"):
        idx.read(path, 3)


def test_trailing_bytes_are_refused(tmp_path):
    path = write(tmp_path / "a", content(np.zeros((3, 4, 5), np.uint8)) + b"x")
    with pytest.raises(InputError, match="expected 60 bytes of data as its header says, got more"):
        idx.read(path, 3)


@pytest.mark.parametrize("suffix", [".gz", ".xz"])
def test_a_damaged_archive_is_refused(tmp_path, suffix):
    noise = np.random.default_rng(0).integers(0, 256, (10, 20, 20), dtype=np.uint8)
    path = write(tmp_path / f"a{suffix}", content(noise))
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], whole[:200] + bytes(50) + whole[250:], b"not one"):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=r"fetch the file again|check which file it is"):
            idx.read(path, 3)


def test_another_content_is_refused_with_both_digests(tmp_path):
    payload = content(np.zeros((3, 4, 5), np.uint8))
    path = write(tmp_path / "a", payload)
    found = hashlib.sha256(payload).hexdigest()
    with pytest.raises(InputError, match=f"SHA-256 {'0' * 64}, got {found}; fetch"):
        idx.read(path, 3, "0" * 64)


def test_files_that_do_not_belong_together_are_refused(folder):
    write(folder / idx.NAMES["train"][1], content(np.zeros(29, np.uint8)))
    with pytest.raises(InputError, match=r"expected 30 labels, one for each picture .*, got 29"):
        data.load(recipe.Data(name="idx", root=folder))


def test_test_labels_unknown_in_training_are_refused(folder):
    write(folder / idx.NAMES["test"][1], content(np.full(12, 7, np.uint8)))
    with pytest.raises(InputError, match="expected test labels that occur in training, got 7"):
        data.load(recipe.Data(name="idx", root=folder))
