import numpy as np
import pytest
from PIL import Image

from sparseprune import recipe
from sparseprune.data import loading, voc
from sparseprune.errors import InputError

NAMES = {"train": ["2008_000001", "2008_000002", "2008_000003"], "val": ["2008_000004"]}


@pytest.fixture
def root(tmp_path):
    place = tmp_path / "VOCdevkit" / "VOC2012"
    for folder in ("JPEGImages", "SegmentationClass", "ImageSets/Main", "ImageSets/Segmentation"):
        (place / folder).mkdir(parents=True)
    for split, names in NAMES.items():
        (place / "ImageSets/Segmentation" / f"{split}.txt").write_text("\n".join(names) + "\n")
        for number, kind in enumerate(voc.CLASSES):
            marks = [(" 1", "-1", " 0")[(number + row) % 3] for row in range(len(names))]
            lines = [f"{name} {mark}" for name, mark in zip(names, marks, strict=True)]
            (place / "ImageSets/Main" / f"{kind}_{split}.txt").write_text("\n".join(lines))
        for name in names:
            Image.new("RGB", (60, 40), (9, 8, 7)).save(place / "JPEGImages" / f"{name}.jpg")
            mask = np.zeros((40, 60), np.uint8)
            mask[10:30, 20:40] = 15
            mask[9, :] = 255
            picture = Image.fromarray(mask, "P")
            # Colours that a conversion to RGB would turn the class numbers into.
            picture.putpalette([(7 * i) % 256 for i in range(768)])
            picture.save(place / "SegmentationClass" / f"{name}.png")
    return tmp_path


def data(root, **settings):
    return recipe.Data(name="voc", root=root, **settings)


def test_a_picture_has_all_its_classes(root):
    train, test = loading.load(recipe.Data(name="voc_classes", root=root))
    assert train.labels.shape == (3, 20)
    assert train.labels[:, 0].tolist() == [1, 0, -1]
    assert train.labels[0, :4].tolist() == [1, 0, -1, 1]
    assert (train.classes, test.labels.shape) == (voc.CLASSES, (1, 20))
    assert train.images[:].shape == (3, 224, 224, 3)


@pytest.mark.parametrize("below", [".", "VOCdevkit/VOC2012"])
def test_masks_keep_their_numbers_and_the_void(root, below):
    train, test = voc.segmentation(data(root / below))
    assert (len(train.images), len(test.labels)) == (3, 1)
    masks = train.labels[:]
    assert masks.shape == (3, 513, 513)
    assert masks.dtype == np.int64
    assert set(np.unique(masks)) == {0, 15, 255}
    assert len(train.classes) == 21
    # Shorter side 40 -> 513: the square of 20 x 20 pixels becomes 256.5 wide, centred.
    assert masks[0, 256, 256] == 15
    assert abs(int((masks[0] == 15).sum()) - 256.5**2) < 4 * 257
    assert train.images[:1].shape == (1, 513, 513, 3)


def test_another_size_is_that_of_pictures_and_masks(root):
    train, _ = voc.segmentation(data(root, size=33))
    assert train.images[:].shape == (3, 33, 33, 3)
    assert train.labels[:].shape == (3, 33, 33)
    assert voc.classification(data(root, size=64))[0].images.shape == (3, 64, 64, 3)


def test_limits_keep_the_first(root):
    assert len(voc.segmentation(data(root, train=2))[0].labels) == 2
    assert len(voc.classification(data(root, train=1))[0].labels) == 1
    with pytest.raises(InputError, match="expected a limit of at most 3 pictures, got 4"):
        voc.segmentation(data(root, train=4))


def test_each_missing_or_damaged_file_is_named(root, tmp_path):
    place = root / "VOCdevkit" / "VOC2012"
    with pytest.raises(InputError, match=r"data\.root: expected a folder with VOCdevkit"):
        voc.classification(data(None))
    with pytest.raises(InputError, match=r"JPEGImages .*found none; unpack the archive"):
        voc.classification(data(tmp_path / "VOCdevkit"))
    (place / "ImageSets/Main/cat_train.txt").write_text("2008_000001 1\n")
    with pytest.raises(InputError, match=r"cat_train\.txt: expected 1, 0 or -1"):
        voc.classification(data(root))
    (place / "SegmentationClass/2008_000002.png").unlink()
    with pytest.raises(InputError, match=r"2008_000002\.png: expected this picture of the list"):
        voc.segmentation(data(root))
    for text in ("../../etc/passwd", "", "2008_000001 1"):
        (place / "ImageSets/Segmentation/train.txt").write_text(text)
        with pytest.raises(InputError, match=r"train\.txt: expected lines of 1 word"):
            voc.segmentation(data(root))


def test_a_mask_in_colour_is_refused(root):
    path = root / "VOCdevkit/VOC2012/SegmentationClass/2008_000001.png"
    Image.open(path).convert("RGB").save(path)
    with pytest.raises(InputError, match="expected a palette or grey picture, got mode RGB"):
        voc.segmentation(data(root))[0].labels[:]
