import pytest
import torch

from sparseprune import train
from sparseprune.recipe import Train
from sparseprune.train import augment


def draw(count, **settings):
    return augment.draw(count, Train(**settings), torch.Generator().manual_seed(0))


def test_flip_mirrors_about_half_of_the_pictures():
    batch = torch.arange(400 * 6.0).reshape(400, 1, 2, 3)
    flipped = augment.augment(batch, draw(400, flip=True), 0)
    mirrored = (flipped == batch.flip(3)).flatten(1).all(1)
    kept = (flipped == batch).flatten(1).all(1)
    assert bool((mirrored ^ kept).all())
    # Six standard deviations of a fair coin: 6 * sqrt(400) / 2.
    assert abs(int(mirrored.sum()) - 200) <= 60


@pytest.mark.parametrize("format", [torch.contiguous_format, torch.channels_last])
def test_crops_are_those_of_the_padded_picture(format):
    batch = torch.rand(50, 2, 5, 6).to(memory_format=format)
    draws, black = draw(50, crop=4), [-1.0, -2.0]
    cropped = augment.augment(batch, draws, 4, black)
    assert cropped.is_contiguous(memory_format=format)
    for picture, (row, column), result in zip(batch, draws.corners, cropped, strict=True):
        padded = torch.tensor(black)[:, None, None].expand(2, 13, 14).clone()
        padded[:, 4:9, 4:10] = picture
        assert torch.equal(result, padded[:, row : row + 5, column : column + 6])


def test_every_place_of_a_crop_comes_up():
    corners = draw(2000, crop=4).corners
    assert len({tuple(corner) for corner in corners.tolist()}) == 81
    assert (int(corners.min()), int(corners.max())) == (0, 8)


def test_without_crop_and_flip_nothing_is_drawn_or_changed():
    batch = torch.rand(3, 1, 4, 4)
    assert augment.augment(batch, draw(3), 0) is batch


def test_labels_of_pixels_move_with_their_pictures():
    draws = draw(20, crop=2, flip=True)
    labels = torch.randint(0, 5, (20, 6, 6))
    moved = augment.augment_labels(labels, draws, 2, 255)
    pictures = augment.augment(labels[:, None].float(), draws, 2, [255.0])
    assert torch.equal(moved.float(), pictures[:, 0])
    assert moved.dtype == torch.int64
    assert bool((moved == 255).any())


def test_a_part_of_the_draws_is_that_of_the_batch():
    draws, batch = draw(9, crop=1, flip=True), torch.rand(9, 1, 4, 4)
    part = augment.augment(batch[2:5], draws.part(slice(2, 5)), 1)
    assert torch.equal(part, augment.augment(batch, draws, 1)[2:5])


def test_training_pads_with_black():
    seen = []

    class Look(torch.nn.Linear):
        def forward(self, batch):
            seen.append(batch)
            return super().forward(batch.flatten(1))

    pictures = train.Pictures(torch.ones(8, 1, 4, 4), [-3.0])
    settings = Train(epochs=1, batch_size=8, crop=4)
    train.fit(Look(16, 2), pictures, torch.zeros(8).long(), settings, seed=0)
    assert set(seen[0].unique().tolist()) == {-3.0, 1.0}
