"""Training on sets that are not held in memory."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from sparseprune import train
from sparseprune.data import Dataset, Masks, normalise
from sparseprune.data.decoding import Geometry, Whole
from sparseprune.data.pictures import FilePictures
from sparseprune.errors import InputError
from sparseprune.recipe import Train

torch.set_num_threads(1)

QUICK = Train(epochs=2, batch_size=8, lr=0.05, flip=True)
COUNT, SIDE = 24, 20


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Pictures of noise with a bright square; its mask is 1, its border void."""
    place = tmp_path_factory.mktemp("pictures")
    generator = np.random.default_rng(0)
    for number in range(COUNT):
        pixels = generator.integers(0, 90, (SIDE, SIDE, 3), dtype=np.uint8)
        mask = np.zeros((SIDE, SIDE), np.uint8)
        top, left = generator.integers(2, 10, 2)
        pixels[top : top + 8, left : left + 8] += 150
        mask[top - 1 : top + 9, left - 1 : left + 9] = 255
        mask[top : top + 8, left : left + 8] = 1
        Image.fromarray(pixels).save(place / f"{number}.png")
        Image.fromarray(mask).save(place / f"{number}-mask.png")
    return place


def files(folder, kind="", cut=None):
    names = [folder / f"{number}{kind}.png" for number in range(COUNT)]
    how = cut or Whole((SIDE, SIDE), indices=bool(kind))
    return FilePictures(names, how, (SIDE, SIDE), 1 if kind else 3)


def dataset(folder, labels=None, cut=None):
    labels = np.arange(COUNT) % 2 if labels is None else labels
    return Dataset("f", files(folder, "", cut), labels, ("a", "b"), "", (0.4,) * 3, (0.25,) * 3)


def masked(folder, random=False):
    cuts = [Geometry(SIDE, SIDE, indices=flag) for flag in (False, True)] if random else [None] * 2
    return dataset(folder, Masks(files(folder, "-mask", cuts[1])), cuts[0])


def classifier():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 18 * 18, 2))


def segmenter():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, 2, 3, padding=1))


def fit(model, data, settings, **more):
    pictures, targets = train.pictures(data, settings, 3), train.targets(data, settings, 3)
    losses = train.fit(model, pictures, targets, settings, seed=3, **more)
    return losses, model.state_dict()


@pytest.mark.parametrize("robust", [None, {"corruptions": ["contrast", "shot_noise"]}])
def test_the_same_weights_as_from_memory_to_the_bit(folder, robust):
    lazy, settings = dataset(folder), QUICK.model_copy(update={"crop": 2})
    if robust:
        settings = Train(**{**settings.model_dump(), "robust": robust})
    held = replace(lazy, images=lazy.images[:])
    one, other = fit(classifier(), lazy, settings), fit(classifier(), held, settings)
    assert one[0] == other[0]
    assert all(torch.equal(one[1][name], other[1][name]) for name in one[1])


def test_masks_in_files_train_as_masks_in_memory(folder):
    data = masked(folder)
    losses, state = fit(segmenter(), data, QUICK)
    held = segmenter()
    inputs = torch.from_numpy(normalise(data.images, data))
    again = train.fit(held, inputs, torch.from_numpy(data.labels[:]), QUICK, seed=3)
    assert losses == again
    assert all(torch.equal(value, state[name]) for name, value in held.state_dict().items())
    assert losses[-1] < losses[0]


def test_no_more_than_a_batch_is_ever_decoded(folder, monkeypatch):
    asked = []
    whole = FilePictures.__getitem__
    monkeypatch.setattr(FilePictures, "__getitem__", lambda *a: asked.append(a) or whole(*a))
    sizes = []
    join = np.concatenate
    monkeypatch.setattr(
        "sparseprune.train.files.np.concatenate",
        lambda it: sizes.append(len(it)) or join(it),
    )
    fit(segmenter(), masked(folder), QUICK)
    assert not asked
    assert sizes == [8] * (2 * 2 * COUNT // 8)


@pytest.mark.parametrize("cut", ["area", "scale"])
def test_random_cuts_are_new_each_epoch_and_the_same_for_masks(folder, cut):
    data, settings = masked(folder, random=True), QUICK.model_copy(update={"cut": cut})
    pictures, targets = train.pictures(data, settings, 3), train.targets(data, settings, 3)
    every = torch.arange(COUNT)
    first, second = (pictures.batch(epoch, every) for epoch in (0, 1))
    assert torch.equal(first, pictures.batch(0, every))
    assert not torch.equal(first, second)
    masks = targets.batch(0, every)
    # The squares are the bright pixels, whatever is cut; blending blurs their borders alone.
    bright = (first * 0.25 + 0.4).amin(1) > 0.5
    counted = masks != 255
    assert (bright == (masks == 1))[counted].float().mean() > 0.97
    assert not torch.equal(masks, targets.batch(1, every))


def test_a_training_that_was_stopped_goes_on_with_the_same_cuts(folder, tmp_path):
    data = masked(folder, random=True)
    settings = QUICK.model_copy(update={"cut": "scale"})
    whole = fit(segmenter(), data, settings)

    class Stopped(Exception):
        pass

    def stop(step, steps, loss):
        if step == 4:
            raise Stopped

    resume = train.Resume(tmp_path / "state", steps=1)
    with pytest.raises(Stopped):
        fit(segmenter(), data, settings, resume=resume, progress=stop)
    found = fit(segmenter(), data, settings, resume=resume)
    assert found[0] == whole[0]
    assert all(torch.equal(found[1][name], whole[1][name]) for name in found[1])


def test_pictures_that_are_cut_already_cannot_be_cut_at_random(folder):
    settings = QUICK.model_copy(update={"cut": "area"})
    for data in (dataset(folder), replace(dataset(folder), images=dataset(folder).images[:])):
        with pytest.raises(InputError, match=r"cut: expected centre for pictures .* got area"):
            train.pictures(data, settings, 0)
