import copy

import pytest
import torch
from torch import nn

from sparseprune import train
from sparseprune.errors import InputError
from sparseprune.recipe import Train
from sparseprune.train import descent


def step(settings, rate=1.0):
    """One step from the same weights; the change of the weights.

    A step whose scaled gradient overflows float16 is not taken, and the scale is halved.
    """
    torch.manual_seed(0)
    model, batch, labels = nn.Linear(6, 3), 3 * torch.randn(8, 6), torch.arange(8) % 3
    before = copy.deepcopy(model)
    descends = descent.Descent(model, settings, None)
    change = torch.zeros(21)
    for _ in range(20):
        descends.step(batch, labels, 8, rate)
        pairs = zip(before.parameters(), model.parameters(), strict=True)
        change = torch.cat([(one - other).detach().reshape(-1) for one, other in pairs])
        if bool(change.any()):
            break
    return change


PLAIN = {"momentum": 0.0, "weight_decay": 0.0}


def test_clipping_shortens_the_whole_gradient_and_keeps_its_direction():
    free, clipped = step(Train(**PLAIN)), step(Train(**PLAIN, clip=0.1))
    assert float(free.norm()) > 0.2
    assert float(clipped.norm()) == pytest.approx(0.1, rel=1e-4)
    assert float(torch.cosine_similarity(free, clipped, 0)) == pytest.approx(1, abs=1e-5)


def test_a_short_gradient_is_not_clipped():
    assert torch.equal(step(Train(**PLAIN)), step(Train(**PLAIN, clip=100.0)))


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_mixed_precision_on_a_cpu_is_refused(precision):
    with pytest.raises(InputError, match=f"expected float32 on cpu, got {precision}; mixed"):
        step(Train(precision=precision))


@pytest.mark.parametrize(("precision", "bits"), [("bfloat16", 8), ("float16", 11)])
@pytest.mark.parametrize("clip", [None, 0.1])
def test_mixed_precision_differs_by_its_rounding(monkeypatch, precision, bits, clip):
    """Autocast and scaling as on a GPU, run where there is none."""
    monkeypatch.setattr(descent, "check_precision", lambda *given: None)
    exact, mixed = (
        step(Train(**PLAIN, clip=clip)),
        step(Train(**PLAIN, clip=clip, precision=precision)),
    )
    assert not torch.equal(exact, mixed)
    # Logits and gradients are sums of 8 products, each rounded to so many bits.
    assert float((exact - mixed).norm() / exact.norm()) < 8 * 2.0**-bits


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_trains_on_a_gpu(precision, tmp_path):
    torch.manual_seed(0)
    labels = torch.arange(64) % 2
    images = torch.randn(64, 1, 8, 8) + 2 * labels[:, None, None, None]
    model = nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(288, 2))
    settings = Train(epochs=6, batch_size=16, lr=0.05, precision=precision, crop=1, flip=True)
    resume = train.Resume(tmp_path / "state", steps=5)
    train.fit(model.cuda(), images, labels, settings, seed=0, resume=resume)
    assert train.accuracy(model, images, labels) > 0.95


@pytest.mark.parametrize(
    ("asked", "device", "used"),
    [
        ("auto", "cpu", "float32"),
        ("auto", "cuda", "float16"),
        ("bfloat16", "cuda", "bfloat16"),
        ("float32", "cuda", "float32"),
    ],
)
def test_auto_is_float16_where_there_is_a_gpu(asked, device, used):
    assert descent.precision_on(torch.device(device), Train(precision=asked)) == used
