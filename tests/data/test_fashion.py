import gzip
import hashlib
import lzma
import struct
from pathlib import Path

import numpy as np
import pytest

from sparseprune import data, recipe
from sparseprune.data import fashion, idx
from sparseprune.errors import InputError

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
FILES = [name for names in idx.NAMES.values() for name in names]


def test_the_subset_has_the_stated_counts(splits):
    for split, count in zip(splits, (10_000, 2_000), strict=True):
        assert split.images.shape == (count, 28, 28, 1)
        assert np.bincount(split.labels).tolist() == [count // 10] * 10
        assert split.classes == fashion.CLASSES


def test_the_subset_is_interleaved_so_that_every_prefix_is_balanced(splits):
    for split in splits:
        np.testing.assert_array_equal(split.labels, np.arange(len(split.labels)) % 10)


def test_training_and_test_pictures_are_disjoint(splits):
    train, test = ({image.tobytes() for image in split.images} for split in splits)
    # Upstream itself repeats a few pictures across its splits; the subset has none.
    assert not train & test


def test_limits_keep_the_first_pictures(splits):
    train, test = data.load(recipe.Data(train=70, test=30))
    np.testing.assert_array_equal(train.images, splits[0].images[:70])
    np.testing.assert_array_equal(test.labels, splits[1].labels[:30])
    assert train.digest != splits[0].digest


def test_a_damaged_subset_is_refused(tmp_path, monkeypatch):
    for name in FILES:
        target = tmp_path / f"{name}.xz"
        target.write_bytes((fashion.SUBSET_ROOT / target.name).read_bytes())
    labels = tmp_path / "t10k-labels-idx1-ubyte.xz"
    content = bytearray(lzma.decompress(labels.read_bytes()))
    content[-1] ^= 1
    labels.write_bytes(lzma.compress(bytes(content)))
    monkeypatch.setattr(fashion, "SUBSET_ROOT", tmp_path)
    expected = fashion.SUBSET_SHA256["t10k-labels-idx1-ubyte"]
    with pytest.raises(InputError, match=f"t10k-labels.*SHA-256 {expected}, got [0-9a-f]{{64}}"):
        data.load(recipe.Data())


def test_another_data_set_in_the_root_is_refused(tmp_path):
    images = bytes((0, 0, 8, 3)) + struct.pack(">3I", 1, 28, 28) + bytes(784)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(images)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(b"\0\0\x08\x01\0\0\0\x01\0")
    with pytest.raises(InputError, match=r"got [0-9a-f]{64}; .* use data\.name 'idx'"):
        data.load(recipe.Data(root=tmp_path))


def test_provenance_states_the_digests_of_the_stored_files():
    text = (fashion.SUBSET_ROOT / "PROVENANCE.md").read_text()
    for name in FILES:
        stored = (fashion.SUBSET_ROOT / f"{name}.xz").read_bytes()
        assert hashlib.sha256(stored).hexdigest() in text
        assert f"{len(stored):,}".replace(",", " ") in text
        assert fashion.SUBSET_SHA256[name] in text
        assert fashion.FULL_SHA256[name] in text
    assert "Zalando SE" in (fashion.SUBSET_ROOT / "LICENSE").read_text()


@pytest.mark.skipif(not DEBIAN.is_dir(), reason="needs Debian's dataset-fashion-mnist")
class TestFullSet:
    @pytest.mark.parametrize(("split", "each"), [("train", 1000), ("test", 200)])
    def test_the_stated_rule_rebuilds_the_subset_byte_for_byte(self, split, each):
        names = idx.NAMES[split]
        contents = [gzip.decompress((DEBIAN / f"{name}.gz").read_bytes()) for name in names]
        for name, content in zip(names, contents, strict=True):
            assert hashlib.sha256(content).hexdigest() == fashion.FULL_SHA256[name]
        images = np.frombuffer(contents[0], np.uint8, offset=16).reshape(-1, 28, 28)
        labels = np.frombuffer(contents[1], np.uint8, offset=8)
        order = np.stack([np.flatnonzero(labels == c)[:each] for c in range(10)], axis=1).ravel()
        rebuilt = (
            struct.pack(">4I", 0x803, len(order), 28, 28) + images[order].tobytes(),
            struct.pack(">2I", 0x801, len(order)) + labels[order].tobytes(),
        )
        for name, content in zip(names, rebuilt, strict=True):
            assert lzma.decompress((fashion.SUBSET_ROOT / f"{name}.xz").read_bytes()) == content

    def test_the_full_set_loads_from_its_folder(self):
        train, test = data.load(recipe.Data(root=DEBIAN, train=50))
        assert len(train.images) == 50
        assert test.images.shape == (10_000, 28, 28, 1)
