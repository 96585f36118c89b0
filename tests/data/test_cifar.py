import pickle

import numpy as np
import pytest

from sparseprune import data, recipe
from sparseprune.data import cifar
from sparseprune.errors import InputError

NAMES = {10: list(cifar.CIFAR10_CLASSES), 100: [f"class {n}" for n in range(100)]}


def pictures(count: int, classes: int, seed: int):
    generator = np.random.default_rng(seed)
    rows = generator.integers(0, 256, (count, 3072), dtype=np.uint8)
    return rows, generator.permutation(np.arange(count) % classes)


def batches(classes: int):
    """(file name, rows, labels) of every file of the layout, with 20 pictures each."""
    names = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    for seed, name in enumerate(names if classes == 10 else ["train", "test"]):
        yield name, *pictures(20 if classes == 10 else 200, classes, seed)


def write_python(root, classes: int):
    folder = root / ("cifar-10-batches-py" if classes == 10 else "cifar-100-python")
    folder.mkdir()
    for name, rows, labels in batches(classes):
        key = "labels" if classes == 10 else "fine_labels"
        content = {"data": rows, key: labels.tolist(), "filenames": ["x.png"] * len(rows)}
        (folder / name).write_bytes(pickle.dumps(content, 4))
    meta, key = ("batches.meta", "label_names") if classes == 10 else ("meta", "fine_label_names")
    (folder / meta).write_bytes(pickle.dumps({key: NAMES[classes]}, 2))
    return folder


def write_binary(root, classes: int):
    folder = root / ("cifar-10-batches-bin" if classes == 10 else "cifar-100-binary")
    folder.mkdir()
    for name, rows, labels in batches(classes):
        columns = [labels[:, None]] if classes == 10 else [labels[:, None] // 5, labels[:, None]]
        np.hstack([*columns, rows]).astype(np.uint8).tofile(folder / f"{name}.bin")
    meta = "batches.meta.txt" if classes == 10 else "fine_label_names.txt"
    (folder / meta).write_text("\n".join(NAMES[classes]) + "\n\n")
    return folder


def load(root, classes: int = 10, **settings):
    settings = {"checksums": False, **settings}
    return data.load(recipe.Data(name=f"cifar{classes}", root=root, **settings))


@pytest.mark.parametrize("classes", [10, 100])
@pytest.mark.parametrize("write", [write_python, write_binary])
def test_both_layouts_hold_the_same_pictures(tmp_path, classes, write):
    folder = write(tmp_path, classes)
    *learn, test_file = list(batches(classes))
    for root in (tmp_path, folder):
        train, test = load(root, classes)
        for found, files in ((train, learn), (test, [test_file])):
            rows = np.concatenate([rows for _, rows, _ in files])
            labels = np.concatenate([labels for *_, labels in files])
            assert found.labels.tolist() == labels.tolist()
            # A row is a red, a green and a blue plane, row by row.
            assert found.images[3, 5, 7].tolist() == [
                rows[3, plane * 1024 + 5 * 32 + 7] for plane in range(3)
            ]
            assert found.images.shape == (len(rows), 32, 32, 3)
            assert found.classes == tuple(NAMES[classes])


def test_cifar10_is_normalised_as_in_the_study(tmp_path):
    write_python(tmp_path, 10)
    for split in load(tmp_path):
        assert (split.mean, split.std) == ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010))


def test_limits_take_balanced_pictures(tmp_path):
    write_binary(tmp_path, 10)
    train, test = load(tmp_path, train=30, test=10)
    assert np.bincount(train.labels).tolist() == [3] * 10
    assert np.bincount(test.labels).tolist() == [1] * 10


def test_files_that_are_not_the_published_ones_are_refused(tmp_path):
    write_python(tmp_path, 10)
    sentence = r"data_batch_1: expected the published file \(MD5 c99cafc152244af753f735de768cd75f\)"
    with pytest.raises(InputError, match=sentence):
        load(tmp_path, checksums=True)


def test_a_missing_root_and_a_wrong_one_are_named(tmp_path):
    with pytest.raises(InputError, match=r"data\.root: expected a folder with cifar10's files"):
        load(None)
    with pytest.raises(InputError, match=r"cifar-10-batches-py/data_batch_1 or .*unpack"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({}, "under 'data', got NoneType"),
        ({"data": np.zeros((2, 9), np.uint8)}, r"under 'data', got uint8 \[2, 9\]"),
        ({"data": np.zeros((2, 3072), np.uint8)}, "whole numbers under 'labels'"),
        ({"data": np.zeros((2, 3072), np.uint8), "labels": [1, "x"]}, "whole numbers"),
        ({"data": np.zeros((2, 3072), np.uint8), "labels": [1]}, "got 1 for 2"),
        ({"data": np.zeros((2, 3072), np.uint8), "labels": [1, 10]}, "labels 0 to 9, got 1 to 10"),
    ],
)
def test_each_bad_batch_is_named(tmp_path, content, sentence):
    folder = write_python(tmp_path, 10)
    (folder / "data_batch_3").write_bytes(pickle.dumps(content, 4))
    with pytest.raises(InputError, match=f"data_batch_3: .*{sentence}"):
        load(tmp_path)


def test_a_truncated_record_file_is_refused(tmp_path):
    path = write_binary(tmp_path, 10) / "data_batch_2.bin"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match=r"data_batch_2\.bin: expected records of 3073 bytes"):
        load(tmp_path)


def test_too_few_class_names_are_refused(tmp_path):
    folder = write_binary(tmp_path, 100)
    (folder / "fine_label_names.txt").write_text("apple\n")
    with pytest.raises(InputError, match="expected 100 names of classes, got list of 1"):
        load(tmp_path, 100)
