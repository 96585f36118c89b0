import numpy as np
import pytest
from PIL import Image

from sparseprune.data import Dataset, Masks
from sparseprune.data.dataset import digest_of
from sparseprune.data.decoding import Geometry
from sparseprune.data.held_out import hold_out
from sparseprune.data.pictures import FilePictures


@pytest.fixture
def dataset(tmp_path):
    """Ten pictures of one grey each; the mask of picture n holds n, and void along its top."""
    for number in range(10):
        Image.new("RGB", (20, 20), (number,) * 3).save(tmp_path / f"{number}.png")
        mask = np.full((20, 20), number, np.uint8)
        mask[0] = 255
        Image.fromarray(mask).save(tmp_path / f"{number}-mask.png")
    pictures, masks = (
        FilePictures(
            [tmp_path / f"{number}{kind}.png" for number in range(10)],
            Geometry(16, indices=bool(kind)),
            (16, 16),
            channels=1 if kind else 3,
        )
        for kind in ("", "-mask")
    )
    labels = Masks(masks)
    return Dataset("m", pictures, labels, ("a",), digest_of(pictures, labels), (0.5,) * 3, (1,) * 3)


def test_masks_are_labels_of_pixels(dataset):
    masks = dataset.labels
    assert (masks.shape, len(masks), masks.ndim) == ((10, 16, 16), 10, 3)
    found = masks[2:4]
    assert (found.dtype, found.shape) == (np.int64, (2, 16, 16))
    assert found[:, 8, 8].tolist() == [2, 3]
    assert masks.subset(np.array([7, 1]))[[0, 1]][:, 8, 8].tolist() == [7, 1]


def test_pictures_that_are_held_out_keep_their_masks(dataset):
    kept, held_out = hold_out(dataset, 0.3)
    assert (len(kept.labels), len(held_out.labels)) == (7, 3)
    for part in (kept, held_out):
        assert np.array_equal(part.images[:][:, 8, 8, 0], part.labels[:][:, 8, 8])
    assert len({dataset.digest, kept.digest, held_out.digest}) == 3


def test_the_digest_names_masks_too(dataset):
    with dataset.labels.files.files[4].open("ab") as stream:
        stream.write(b"x")
    assert digest_of(dataset.images, dataset.labels) != dataset.digest
