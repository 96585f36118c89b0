import pytest
import torch

from sparseprune.train import batches


def draw(images, size, epochs):
    spans = batches.spans(images, size)
    order = batches.Order(images, spans, torch.Generator().manual_seed(0))
    return spans, [order.draw() for _ in range(epochs * len(spans))]


@pytest.mark.parametrize("images", [32, 33, 40])
def test_every_epoch_sees_every_picture_once_in_a_new_order(images):
    spans, drawn = draw(images, 16, 3)
    assert [epoch for epoch, _ in drawn] == [e for e in range(3) for _ in spans]
    epochs = torch.cat([chosen for _, chosen in drawn]).reshape(3, -1).tolist()
    assert all(len(set(epoch)) == len(epoch) == spans[-1][1] for epoch in epochs)
    assert all(set(epoch) <= set(range(images)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3


def test_the_picture_left_over_is_not_always_the_same():
    _, drawn = draw(33, 16, 20)
    assert set(torch.cat([chosen for _, chosen in drawn]).tolist()) == set(range(33))


def test_order_may_begin_in_the_middle_of_an_epoch():
    spans = batches.spans(40, 16)
    order = batches.Order(40, spans, torch.Generator().manual_seed(0), step=4)
    first, second = order.draw(), order.draw()
    assert (first[0], second[0]) == (1, 1)
    assert not set(first[1].tolist()) & set(second[1].tolist())
    assert order.draw()[0] == 2


def test_means_weigh_batches_by_their_size():
    spans = [(0, 4), (4, 6)]
    assert batches.epoch_means([1.0, 4.0, 0.0, 3.0], spans, 0) == [2.0, 1.0]
    assert batches.epoch_means([4.0, 0.0, 3.0], spans, 1) == [4.0, 1.0]
