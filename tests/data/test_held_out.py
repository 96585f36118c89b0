from dataclasses import replace

import numpy as np
import pytest

from sparseprune import data, recipe
from sparseprune.data import dataset, held_out
from sparseprune.errors import InputError


@pytest.fixture
def toy():
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (100, 4, 4, 1), dtype=np.uint8)
    labels = generator.permutation(np.repeat(np.arange(5), 20))
    return dataset.pair("toy", (images, labels), (images, labels), tuple("abcde"))[0]


def rows(split):
    return {picture.tobytes() for picture in split.images}


def test_the_parts_are_disjoint_balanced_and_whole(toy):
    kept, out = held_out.hold_out(toy, 0.1)
    assert (len(kept.labels), len(out.labels)) == (90, 10)
    assert np.bincount(out.labels).tolist() == [2] * 5
    assert rows(kept) | rows(out) == rows(toy)
    assert not rows(kept) & rows(out)
    assert len({kept.digest, out.digest, toy.digest}) == 3
    assert (kept.mean, kept.std) == (toy.mean, toy.std)


def test_labels_stay_with_their_pictures(toy):
    label = {p.tobytes(): int(c) for p, c in zip(toy.images, toy.labels, strict=True)}
    for part in held_out.hold_out(toy, 0.3):
        for picture, number in zip(part.images, part.labels, strict=True):
            assert label[picture.tobytes()] == number


def test_the_choice_is_fixed_for_ever(toy):
    """A changed shuffle would leak training pictures into sensitivities of older checkpoints."""
    places = np.argsort(held_out._mixed(10), kind="stable")
    mask = 2**64 - 1

    def reference(index):
        value = (index + 1) * 0x9E3779B97F4A7C15 & mask
        value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 & mask
        value = (value ^ value >> 27) * 0x94D049BB133111EB & mask
        return value ^ value >> 31

    assert places.tolist() == sorted(range(10), key=reference)
    assert held_out.hold_out(toy, 0.1)[1].digest == held_out.hold_out(toy, 0.1)[1].digest


def test_the_recipe_takes_pictures_out_of_training():
    whole = data.splits(recipe.Data(train=200, test=20))
    parts = data.splits(recipe.Data(train=200, test=20, validation=0.1))
    assert whole.held_out is None
    assert (len(parts.train.labels), len(parts.held_out.labels)) == (180, 20)
    assert rows(parts.train) | rows(parts.held_out) == rows(whole.train)
    assert parts.test.digest == whole.test.digest
    loaded = data.load(recipe.Data(train=200, test=20, validation=0.1))
    assert [split.digest for split in loaded] == [parts.train.digest, parts.test.digest]


def test_one_picture_is_too_few(toy):
    one = replace(toy, images=toy.images[:1], labels=toy.labels[:1])
    with pytest.raises(
        InputError, match=r"at least 2 training pictures .* got 1; give more, or set"
    ):
        held_out.hold_out(one, 0.5)


@pytest.mark.parametrize("fraction", [0.001, 0.999])
def test_an_empty_part_is_refused(toy, fraction):
    with pytest.raises(InputError, match=r"data\.validation: expected a fraction that holds out"):
        held_out.hold_out(toy, fraction)
