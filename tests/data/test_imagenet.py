"""Tiny ImageNet, ImageNet-C and ObjectNet folders, and the shifts made of them."""

import json

import numpy as np
import pytest
from PIL import Image

from sparseprune import data, recipe
from sparseprune.data import imagenet, imagenet_c, objectnet, shifts
from sparseprune.errors import InputError

SYNSETS = ("n01440764", "n01443537", "n02084071")


def save(path, value, size=(300, 260)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (value, 2 * value, 255 - value)).save(path, quality=95)
    return path


@pytest.fixture
def root(tmp_path):
    for number, name in enumerate(reversed(SYNSETS)):
        for place in range(3):
            save(tmp_path / "train" / name / f"{name}_{place}.JPEG", 20 * number + place)
        for place in range(2):
            save(tmp_path / "val" / name / f"ILSVRC2012_val_{number}{place}.JPEG", 30 * number)
    return tmp_path


def load(root, **settings):
    return data.load(recipe.Data(name="imagenet", root=root, **settings))


def test_classes_are_sorted_synsets_and_pictures_stay_on_disk(root):
    train, test = load(root)
    assert train.classes == test.classes == SYNSETS
    assert train.images.shape == (9, 224, 224, 3)
    assert test.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert [file.parent.name for file in test.images.files[::2]] == list(SYNSETS)
    assert (test.mean, test.std) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def test_another_size_keeps_the_proportions(root):
    train, _ = load(root, size=56)
    assert train.images.shape == (9, 56, 56, 3)
    # 260 -> 64 pixels, and 56 of them.
    assert (train.images.cut.resize, train.images[:1].shape) == (64, (1, 56, 56, 3))


def test_limits_and_held_out_pictures_open_nothing(root):
    for file in root.rglob("*.JPEG"):
        file.write_bytes(b"never opened")
    parts = data.splits(recipe.Data(name="imagenet", root=root, train=6, test=3, validation=0.5))
    assert [len(part.labels) for part in parts] == [3, 3, 3]
    assert sorted(parts.held_out.labels.tolist()) == [0, 1, 2]
    assert not set(parts.train.images.files) & set(parts.held_out.images.files)


def test_each_wrong_layout_is_named(root, tmp_path):
    with pytest.raises(InputError, match=r"data\.root: expected a folder with train and val"):
        load(None)
    (root / "val" / "n99999999").mkdir()
    with pytest.raises(InputError, match="n99999999: expected one of the 3 training classes"):
        load(root)
    flat = tmp_path / "flat"
    save(flat / "ILSVRC2012_val_00000001.JPEG", 3)
    with pytest.raises(InputError, match="found pictures that are not sorted into them"):
        imagenet.split(flat, SYNSETS, None, imagenet.geometry(224))
    with pytest.raises(InputError, match="nowhere: expected a folder of synsets"):
        imagenet.synsets(tmp_path / "nowhere")


@pytest.fixture
def corrupted(root):
    for group, name in (("noise", "gaussian_noise"), (".", "fog")):
        for synset in SYNSETS:
            path = root / "c" / group / name / "3" / synset / "a.JPEG"
            path.parent.mkdir(parents=True)
            pixels = np.random.default_rng(0).integers(0, 256, (224, 224, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(path, quality=85)
    return root / "c"


def test_imagenet_c_is_not_resized_again(corrupted):
    for name in ("fog", "gaussian_noise"):
        found = imagenet_c.load(corrupted, name, 3, SYNSETS)
        np.testing.assert_array_equal(
            found.images[:1][0], np.asarray(Image.open(found.images.files[0]))
        )
        assert found.labels.tolist() == [0, 1, 2]
    with pytest.raises(InputError, match="expected the folder snow/3 of ImageNet-C"):
        imagenet_c.load(corrupted, "snow", 3, SYNSETS)


def mappings(root, **changes):
    files = {
        "folder_to_objectnet_label.json": {"dog_bed": "Dog bed", "chair": "Chair", "zip": "Zip"},
        "objectnet_to_imagenet_1k.json": {"Dog bed": "dog, hound; fish", "Chair": "fish"},
        # The outputs of published networks are in another order than the list of names.
        "pytorch_to_imagenet_2012_id.json": {"0": 2, "1": 0, "2": 1},
        **changes,
    }
    folder = root / "mappings"
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content))
    (folder / "imagenet_to_label_2012_v2").write_text("goldfish\ndog, hound\nfish\n")
    return root


@pytest.fixture
def objects(root):
    place = mappings(root / "o" / "objectnet-1.0")
    for folder in ("dog_bed", "chair", "zip"):
        path = place / "images" / folder / "x.png"
        path.parent.mkdir(parents=True)
        picture = Image.new("RGB", (260, 262), (255, 0, 0))
        picture.paste((10, 20, 30), (3, 3, 257, 259))
        picture.save(path)
    return root / "o"


def test_objectnet_takes_the_first_class_and_cuts_the_frame(objects):
    found = objectnet.load(objects, SYNSETS)
    labels = {f.parent.name: c for f, c in zip(found.images.files, found.labels, strict=True)}
    assert labels == {"dog_bed": 2, "chair": 0}
    assert (found.images[:] == (10, 20, 30)).all()
    framed = objectnet.load(objects, SYNSETS, border=2).images[:]
    assert (framed[:, 112, 112] == (10, 20, 30)).all()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"objectnet_to_imagenet_1k.json": {"Chair": "throne"}}, "belong together, got KeyError"),
        ({"pytorch_to_imagenet_2012_id.json": {"0": 2, "1": 0, "9": 1}}, "below 3, .* got 9"),
        ({"folder_to_objectnet_label.json": {"../up": "Chair"}}, r"got '\.\./up'"),
        ({"folder_to_objectnet_label.json": []}, "expected a JSON object, got list"),
    ],
)
def test_each_bad_mapping_is_named(objects, changes, sentence):
    mappings(objects / "objectnet-1.0", **changes)
    with pytest.raises(InputError, match=sentence):
        objectnet.load(objects, SYNSETS)


def test_published_sets_stand_beside_generated_ones(root, corrupted, objects):
    _, test = load(root)
    settings = recipe.Evaluate(
        corruptions=["fog"], published={"imagenet_c": corrupted, "objectnet": objects}
    )
    found = {shift.name: shift for shift in shifts.shifts(test, settings, seed=0)}
    assert list(found) == ["clean", "fog", "imagenetc-fog", "objectnet", "noise"]
    assert [len(shift.batch()) for shift in found.values()] == [6, 6, 3, 2, 6]
    assert found["objectnet"].labels.tolist() == [0, 2]
    assert found["imagenetc-fog"].severity == 3
    assert not any(shift.held for shift in found.values())


def test_streamed_shifts_do_not_depend_on_how_they_are_cut(root, monkeypatch):
    _, test = load(root)
    settings = recipe.Evaluate(corruptions=["gaussian_noise"])
    made = shifts.shifts(test, settings, seed=0)
    whole = [shift.batch() for shift in made]
    monkeypatch.setattr("sparseprune.data.pictures._PIECE", 4 * 224 * 224 * 3)
    for shift, expected in zip(made, whole, strict=True):
        for _ in range(2):
            batches = shift.batches()
            assert [len(batch) for batch in batches] == [4, 2]
            np.testing.assert_array_equal(np.concatenate(list(batches)), expected)
