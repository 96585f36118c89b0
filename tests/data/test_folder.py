import numpy as np
import pytest
from PIL import Image

from sparseprune import data, recipe
from sparseprune.data import folder
from sparseprune.data.pictures import FilePictures
from sparseprune.errors import InputError


def picture(value: int, mode: str = "RGB", size: tuple[int, int] = (20, 18)) -> Image.Image:
    pixels = np.random.default_rng(value).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(pixels).convert(mode)


def fill(root, mode: str = "RGB"):
    for split, count in (("train", 4), ("test", 2)):
        for label, name in enumerate(("cat", "dog")):
            place = root / split / name
            place.mkdir(parents=True)
            for number in range(count):
                picture(10 * label + number, mode).save(place / f"{number}.png")
    return root


def load(root, **limits):
    return data.load(recipe.Data(name="folder", root=root, **limits))


def test_colour_pictures_load_in_the_order_of_their_names(tmp_path):
    train, test = load(fill(tmp_path))
    assert train.images.shape == (8, 18, 20, 3)
    assert test.labels.tolist() == [0, 0, 1, 1]
    assert train.classes == ("cat", "dog")
    np.testing.assert_array_equal(train.images[5], np.asarray(picture(11)))


def test_grey_pictures_have_one_channel(tmp_path):
    train, _ = load(fill(tmp_path, "L"))
    assert train.images.shape == (8, 18, 20, 1)
    np.testing.assert_array_equal(train.images[0, ..., 0], np.asarray(picture(0, "L")))


def test_grey_among_colour_becomes_three_equal_channels(tmp_path):
    root = fill(tmp_path)
    picture(77, "L").save(root / "train" / "cat" / "0.png")
    train, _ = load(root)
    assert train.images.shape[-1] == 3
    assert (np.ptp(train.images[0], axis=-1) == 0).all()


def test_jpeg_suffixes_count_in_any_case_and_other_files_do_not(tmp_path):
    root = fill(tmp_path)
    picture(50).save(root / "train" / "cat" / "x.JPG", "JPEG")
    picture(51).save(root / "train" / "dog" / "y.jpeg")
    (root / "train" / "dog" / "notes.txt").write_text("not a picture")
    assert len(load(root)[0].images) == 10


def test_limits_open_only_the_balanced_prefix(tmp_path):
    root = fill(tmp_path)
    (root / "train" / "dog" / "3.png").write_bytes(b"never opened")
    train, _ = load(root, train=6)
    assert train.labels.tolist() == [0, 1, 0, 1, 0, 1]


def test_a_missing_root_is_named():
    with pytest.raises(InputError, match=r"data\.root: expected a folder of pictures"):
        data.load(recipe.Data(name="folder"))


def test_a_folder_without_classes_is_refused(tmp_path):
    with pytest.raises(InputError, match="train: expected one folder per class"):
        load(tmp_path)


def test_a_folder_without_pictures_is_refused(tmp_path):
    for split in ("train", "test"):
        (tmp_path / split / "cat").mkdir(parents=True)
    with pytest.raises(InputError, match=r"train/cat: expected pictures \(\.jpeg, \.jpg, \.png\)"):
        load(tmp_path)


def test_a_test_class_without_training_pictures_is_refused(tmp_path):
    root = fill(tmp_path)
    (root / "test" / "cow").mkdir()
    with pytest.raises(InputError, match=r"cow: expected one of the training classes \(cat, dog\)"):
        load(root)


def test_another_size_is_refused_and_named(tmp_path):
    root = fill(tmp_path)
    picture(1, size=(20, 19)).save(root / "test" / "dog" / "1.png")
    with pytest.raises(InputError, match=r"dog.1\.png: expected 20 x 18 pixels .* got 20 x 19"):
        load(root)


def test_sixteen_bits_per_channel_are_refused(tmp_path):
    root = fill(tmp_path)
    deep = Image.fromarray(np.full((18, 20), 40_000, np.uint16))
    deep.save(root / "train" / "cat" / "1.png")
    with pytest.raises(InputError, match=r"1\.png: expected a picture of 8 bits .* mode I"):
        load(root)


def test_a_damaged_picture_is_refused_and_named(tmp_path):
    root = fill(tmp_path)
    path = root / "train" / "dog" / "2.png"
    whole = path.read_bytes()
    for content in (b"", b"no picture", whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"dog.2\.png: expected a readable picture"):
            load(root)


def test_what_would_fill_the_memory_stays_on_disk_and_looks_the_same(tmp_path, monkeypatch):
    for mode in ("RGB", "L"):
        root = fill(tmp_path / mode, mode)
        held = load(root)
        with monkeypatch.context() as patch:
            patch.setattr(folder, "HELD_BYTES", 12 * 18 * 20 * 3 - 1)
            lazy = load(root)
        for one, other in zip(held, lazy, strict=True):
            assert isinstance(other.images, FilePictures)
            assert other.images.shape == one.images.shape
            np.testing.assert_array_equal(other.images[:], one.images)
            np.testing.assert_array_equal(other.labels, one.labels)
            assert (other.mean, other.std) == (one.mean, one.std)
            assert other.digest != one.digest


def test_pictures_of_any_size_are_resized_where_one_is_given(tmp_path):
    root = fill(tmp_path)
    picture(1, size=(50, 30)).save(root / "test" / "dog" / "1.png")
    _, test = load(root, size=16)
    assert test.images.shape == (4, 16, 16, 3)
    wide = picture(1, size=(50, 30)).resize((26, 16), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(test.images[3:][0], np.asarray(wide.crop((5, 0, 21, 16))))


def test_of_a_set_on_disk_the_first_picture_says_what_the_others_must_be(tmp_path, monkeypatch):
    monkeypatch.setattr(folder, "HELD_BYTES", 0)
    root = fill(tmp_path, "L")
    picture(1, size=(20, 19)).save(root / "test" / "dog" / "1.png")
    picture(1).save(root / "test" / "dog" / "0.png")
    _, test = load(root)
    with pytest.raises(InputError, match=r"dog.1\.png: expected 20 x 18 pixels like the first"):
        test.images[3:]
    with pytest.raises(InputError, match=r"dog.0\.png: expected an 8-bit grey picture, .* RGB"):
        test.images[2:3]


def test_only_sets_of_files_can_be_resized():
    with pytest.raises(InputError, match=r"data\.size: expected one of imagenet, .* got 'fashion"):
        data.load(recipe.Data(size=32))


def test_a_class_whose_pictures_cannot_be_read_is_named(tmp_path):
    fill(tmp_path)
    (tmp_path / "train" / "eel").mkdir()
    picture(1).save(tmp_path / "train" / "eel" / "0.bmp")
    with pytest.raises(
        InputError, match=r"eel: expected pictures \(.*\) of this class, found none"
    ):
        load(tmp_path)
