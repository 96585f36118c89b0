import numpy as np
import pytest

from sparseprune import data, recipe
from sparseprune.data import cifar, cifar_shifts, corruptions, shifts
from sparseprune.errors import InputError


@pytest.fixture
def root(tmp_path):
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (20, 32, 32, 3), dtype=np.uint8)
    np.save(tmp_path / "cifar10.1_v6_data.npy", images)
    np.save(tmp_path / "cifar10.1_v6_labels.npy", np.arange(20, dtype=np.int32) % 10)
    folder = tmp_path / "CIFAR-10-C"
    folder.mkdir()
    for name in corruptions.NAMES:
        rows = np.zeros((50, 32, 32, 3), np.uint8)
        rows[:, 0, 0, 0] = np.arange(50)
        np.save(folder / f"{name}.npy", rows)
    np.save(folder / "labels.npy", np.tile(np.arange(10, dtype=np.uint8), 5))
    return tmp_path


@pytest.fixture
def test_split():
    images = np.random.default_rng(1).integers(0, 256, (10, 32, 32, 3), dtype=np.uint8)
    mean, std = cifar.CIFAR10_STATISTICS
    return data.Dataset("cifar10", images, np.arange(10), cifar.CIFAR10_CLASSES, "", mean, std)


def evaluate(root, **settings):
    published = {"cifar10_1": root, "cifar10_c": root, "checksums": False, **settings}
    return recipe.Evaluate(generated=False, noise=0, published=published)


def test_all_nineteen_files_are_read_at_the_severity_asked_for(root, test_split):
    found = shifts.shifts(test_split, evaluate(root), seed=0)
    names = [f"cifar10c-{name}" for name in corruptions.NAMES]
    assert [shift.name for shift in found] == ["clean", "cifar10.1-v6", *names]
    for shift in found[2:]:
        # Severity 3 is the third fifth of the rows.
        expected = np.zeros((10, 32, 32, 3), np.uint8)
        expected[:, 0, 0, 0] = np.arange(20, 30)
        np.testing.assert_array_equal(shift.batch(), data.normalise(expected, test_split))
        assert shift.labels.tolist() == list(range(10))
    assert len(found[1].batch()) == 20
    assert found[1].labels.tolist() == [*range(10)] * 2


def test_a_limit_keeps_balanced_pictures(root, test_split):
    found = shifts.shifts(test_split, evaluate(root, limit=10, cifar10_c=None), seed=0)
    assert sorted(found[1].labels.tolist()) == list(range(10))
    assert found[1].batch().shape == (10, 3, 32, 32)


def test_the_published_labels_are_demanded(root):
    sentence = (
        r"v6_labels\.npy: expected the published .* set evaluate\.published\.checksums to false"
    )
    with pytest.raises(InputError, match=sentence):
        cifar_shifts.cifar10_1(root, "v6")


def test_other_classes_and_sizes_are_refused(root, splits):
    with pytest.raises(InputError, match=r"evaluate\.published\.cifar10_1: expected test pictures"):
        shifts.shifts(splits[1], evaluate(root), seed=0)
    settings = recipe.Evaluate(published={"objectnet": root})
    with pytest.raises(InputError, match="expected test pictures of ImageNet, got fashion_mnist"):
        shifts.shifts(splits[1], settings, seed=0)


def test_each_damaged_file_is_named(root, test_split):
    folder = root / "CIFAR-10-C"
    np.save(folder / "labels.npy", np.full(50, 10, np.uint8))
    with pytest.raises(InputError, match=r"labels\.npy: expected labels 0 to 9, got 10 to 10"):
        cifar_shifts.cifar10_c(root, "fog", 1)
    np.save(folder / "labels.npy", np.zeros(49, np.uint8))
    with pytest.raises(InputError, match=r"labels\.npy: expected .*\[50\] in C order"):
        cifar_shifts.cifar10_c(root, "fog", 1)
    np.save(folder / "fog.npy", np.zeros((49, 32, 32, 3), np.uint8))
    with pytest.raises(InputError, match=r"fog\.npy: expected five severities of equal length"):
        cifar_shifts.cifar10_c(root, "fog", 1)
    np.save(folder / "labels.npy", np.zeros(50, np.uint8))
    (folder / "fog.npy").unlink()
    with pytest.raises(InputError, match=r"fog\.npy: expected this file, found none"):
        shifts.shifts(test_split, evaluate(root), seed=0)
