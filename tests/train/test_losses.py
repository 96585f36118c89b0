import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from sparseprune import train
from sparseprune.errors import InputError
from sparseprune.recipe import Distill, Train
from sparseprune.train.losses import counted, loss


def softmax(logits, temperature=1.0):
    wide = np.exp(logits.double().numpy() / temperature)
    return wide / wide.sum(1, keepdims=True)


def test_classes_are_the_mean_cross_entropy():
    logits, labels = torch.randn(5, 4), torch.tensor([0, 3, 1, 1, 2])
    expected = -np.log(softmax(logits)[np.arange(5), labels]).mean()
    assert float(loss(logits, labels, 5)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("weight", [0.3, 1.0])
@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_distillation_is_its_formula(weight, temperature):
    ours, theirs, labels = torch.randn(5, 4), torch.randn(5, 4), torch.tensor([0, 3, 1, 1, 2])
    hard = -np.log(softmax(ours)[np.arange(5), labels]).mean()
    p, q = softmax(theirs, temperature), softmax(ours, temperature)
    soft = temperature**2 * (p * np.log(p / q)).sum(1).mean()
    found = loss(ours, labels, 5, theirs, Distill(weight=weight, temperature=temperature))
    assert float(found) == pytest.approx((1 - weight) * hard + weight * soft, rel=1e-5)


def test_segments_ignore_255_and_the_auxiliary_head_counts_half():
    main, aux = torch.randn(2, 3, 4, 4), torch.randn(2, 3, 4, 4)
    labels = torch.randint(0, 3, (2, 4, 4))
    labels[0, :2] = 255
    seen = (labels != 255).numpy()

    def mean(logits):
        chosen = np.take_along_axis(softmax(logits), labels[:, None].numpy() % 255, 1)[:, 0]
        return -np.log(chosen)[seen].mean()

    assert counted(labels) == seen.sum() == 24
    found = loss({"out": main, "aux": aux}, labels, counted(labels))
    assert float(found) == pytest.approx(mean(main) + 0.5 * mean(aux), rel=1e-5)


def test_a_batch_of_nothing_but_255_has_loss_0():
    labels = torch.full((1, 2, 2), 255)
    assert float(loss(torch.randn(1, 3, 2, 2), labels, counted(labels))) == 0


@pytest.mark.parametrize("distill", [None, Distill(weight=0.3, temperature=2.0)])
def test_of_several_classes_the_loss_is_the_mean_binary_cross_entropy(distill):
    ours, theirs = torch.randn(5, 4), torch.randn(5, 4)
    labels = torch.randint(0, 2, (5, 4))
    labels[1] = labels[2, 0] = -1
    seen = labels != -1
    assert counted(labels) == 15
    expected = functional.binary_cross_entropy_with_logits(ours[seen], labels[seen].float())
    if distill:
        p, q = torch.sigmoid(theirs[seen] / 2), torch.sigmoid(ours[seen] / 2)
        apart = p * (p / q).log() + (1 - p) * ((1 - p) / (1 - q)).log()
        expected = 0.7 * expected + 0.3 * 4 * apart.mean()
    parents = theirs if distill else None
    found = loss(ours, labels, counted(labels), parents, distill)
    assert float(found) == pytest.approx(float(expected), rel=1e-5)
    # Shares of two workers add up to the loss of one.
    halves = [loss(ours[part], labels[part], 15) for part in (slice(2), slice(2, None))]
    assert float(sum(halves)) == pytest.approx(float(loss(ours, labels, 15)), rel=1e-5)


def test_several_classes_are_learnt():
    torch.manual_seed(0)
    images = torch.randn(40, 1, 4, 4)
    labels = (images.flatten(1)[:, :3] > 0).long()
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 3))
    losses = train.fit(model, images, labels, Train(epochs=30, batch_size=8, lr=0.5), seed=0)
    assert losses[-1] < losses[0] / 4


def test_a_segmenter_learns():
    torch.manual_seed(0)
    images = torch.randn(12, 1, 8, 8)
    labels = (images[:, 0] > 0).long()
    labels[:, 0] = 255
    model = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 2, 1))
    settings = Train(epochs=20, batch_size=4, lr=0.2, crop=1, flip=True)
    losses = train.fit(model, images, labels, settings, seed=0)
    assert losses[-1] < losses[0] / 3


def test_a_child_comes_near_its_parent():
    torch.manual_seed(0)
    images = torch.randn(60, 1, 4, 4)
    parent, child = (nn.Sequential(nn.Flatten(), nn.Linear(16, 3)) for _ in range(2))
    before = {name: value.clone() for name, value in parent.state_dict().items()}
    settings = Train(epochs=60, batch_size=20, lr=0.5, distill={"weight": 1.0, "temperature": 2.0})
    # Every label is wrong for most pictures: only the parent can have taught what is learnt.
    losses = train.fit(child, images, torch.zeros(60).long(), settings, seed=0, parent=parent)
    assert losses[-1] < losses[0] / 20
    assert torch.equal(child(images).argmax(1), parent(images).argmax(1))
    assert all(torch.equal(value, parent.state_dict()[name]) for name, value in before.items())


@pytest.mark.parametrize(
    ("settings", "parent", "sentence"),
    [
        (Train(distill={}), None, "got no parent; give both"),
        (Train(), nn.Linear(1, 1), "got only a parent; give both"),
    ],
)
def test_parent_and_settings_come_together(settings, parent, sentence):
    with pytest.raises(InputError, match=sentence):
        train.fit(
            nn.Linear(2, 2),
            torch.zeros(2, 1, 1, 2),
            torch.zeros(2).long(),
            settings,
            seed=0,
            parent=parent,
        )
