import math

import pytest
import torch
from torch import nn

from sparseprune import train
from sparseprune.errors import GateError, InputError
from sparseprune.formats import mask
from sparseprune.recipe import Train

# Tensors here are tiny: a second thread only waits for the first.
torch.set_num_threads(1)

QUICK = Train(epochs=2, batch_size=16, lr=0.05)


def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 6, 3, bias=False),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Dropout(0.1),
        nn.Flatten(),
        nn.Linear(6 * 36, 3),
    )


def pictures(number: int = 48) -> tuple[torch.Tensor, torch.Tensor]:
    """Noise plus one bright bar a class: learnable in a few steps."""
    generator = torch.Generator().manual_seed(1)
    labels = torch.arange(number) % 3
    images = 0.3 * torch.randn(number, 1, 8, 8, generator=generator)
    for row in range(3):
        images[labels == row, :, 2 * row : 2 * row + 2] += 1
    return images, labels


def weights(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def same(a: nn.Module, b: nn.Module) -> bool:
    return all(
        torch.equal(x, y) for x, y in zip(weights(a).values(), weights(b).values(), strict=True)
    )


def half_masks() -> mask.Masks:
    generator = torch.Generator().manual_seed(2)
    masks = {"0.weight": torch.rand(6, 1, 3, 3, generator=generator) < 0.5}
    masks["0.weight"][0] = False
    masks["1.weight"] = masks["1.bias"] = torch.arange(6) > 0
    masks["5.weight"] = torch.rand(3, 216, generator=generator) < 0.5
    return masks


def test_learns():
    model, (images, labels) = net(), pictures()
    before = train.accuracy(model, images, labels)
    losses = train.fit(model, images, labels, Train(epochs=6, batch_size=8, lr=0.05), seed=0)
    assert before < 0.7
    assert train.accuracy(model, images, labels) == 1.0
    assert len(losses) == 6
    assert losses[-1] < losses[0]
    assert not model.training


@pytest.mark.parametrize("flip", [False, True])
def test_same_seed_gives_bit_equal_weights_and_another_seed_does_not(flip):
    settings = QUICK.model_copy(update={"flip": flip})
    models = [net(), net(), net()]
    losses = [
        train.fit(model, *pictures(), settings, seed=seed)
        for model, seed in zip(models, (3, 3, 4), strict=True)
    ]
    assert losses[0] == losses[1] != losses[2]
    assert same(models[0], models[1])
    assert not same(models[0], models[2])


def test_callers_random_state_is_left_alone():
    model = net()
    before = torch.get_rng_state()
    train.fit(model, *pictures(), QUICK, seed=0)
    assert torch.equal(torch.get_rng_state(), before)


def test_result_does_not_depend_on_the_callers_random_state():
    models = [net(), net()]
    for seed, model in enumerate(models):
        torch.manual_seed(seed)
        train.fit(model, *pictures(), QUICK, seed=0)
    assert same(*models)


def test_masked_entries_are_zero_after_every_step():
    model, masks = net(), half_masks()
    seen = []

    def look(step: int, steps: int, loss: float) -> None:
        parameters = dict(model.named_parameters())
        seen.append(all(bool((parameters[n][~m] == 0).all()) for n, m in masks.items()))

    train.fit(model, *pictures(), QUICK, seed=0, masks=masks, progress=look)
    assert seen == [True] * 6
    assert any(bool((model[0].weight[k] != 0).any()) for k in range(1, 6))


def test_a_zero_revives_without_a_mask():
    """The enforcement above is not idle: these zeros move as soon as nobody holds them."""
    model = net()
    mask.apply(model, half_masks())
    train.fit(model, *pictures(), QUICK, seed=0)
    assert bool((model[5].weight[~half_masks()["5.weight"]] != 0).any())


def test_dead_channel_stays_exactly_zero_through_batchnorm():
    model = net()
    train.fit(model, *pictures(), QUICK, seed=0, masks=half_masks())
    images, _ = pictures()
    after_norm = model[1](model[0](images))
    assert bool((after_norm[:, 0] == 0).all())
    assert bool((after_norm[:, 1:] != 0).any())


def test_schedule_restarts_and_optimizer_is_fresh_with_every_call():
    twice, apart = net(), net()
    for _ in range(2):
        train.fit(twice, *pictures(), QUICK, seed=0)
    train.fit(apart, *pictures(), QUICK, seed=0)
    resumed = net()
    resumed.load_state_dict(apart.state_dict())
    train.fit(resumed, *pictures(), QUICK, seed=0)
    assert same(twice, resumed)


def test_steps_use_the_scheduled_rate(monkeypatch):
    used = []
    step = torch.optim.SGD.step

    def spy(optimizer, closure=None):
        used.append(optimizer.param_groups[0]["lr"])
        return step(optimizer, closure)

    monkeypatch.setattr(torch.optim.SGD, "step", spy)
    train.fit(net(), *pictures(), QUICK, seed=0)
    assert used == [train.learning_rate(k, 6, QUICK) for k in range(6)]


@pytest.mark.parametrize(("number", "steps"), [(48, 3), (50, 4), (49, 3), (16, 1), (1, 1)])
def test_last_partial_batch_is_used_unless_it_is_one_picture(number, steps):
    seen = []
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    settings = Train(epochs=1, batch_size=16)
    train.fit(
        model, *pictures(number), settings, seed=0, progress=lambda *step: seen.append(step[:2])
    )
    assert seen == [(k + 1, steps) for k in range(steps)]


def test_model_is_returned_row_major_and_in_evaluation_mode():
    model = net()
    train.fit(model, *pictures(), QUICK, seed=0)
    assert model[0].weight.is_contiguous()
    assert not any(module.training for module in model.modules())


def test_nan_pictures_stop_training_and_leave_evaluation_mode():
    model, (images, labels) = net(), pictures()
    images[5] = float("nan")
    with pytest.raises(GateError, match="training diverged: the loss is nan at step"):
        train.fit(model, images, labels, QUICK, seed=0)
    assert not model.training


def test_learning_rate_that_is_too_high_stops_training():
    settings = Train(epochs=50, batch_size=16, lr=1e12)
    with pytest.raises(GateError, match=r"lower the learning rate \(lr is 1e\+12\)"):
        train.fit(net(), *pictures(), settings, seed=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x, y: (x[0], y), r"expected float pictures of shape \[N, C, H, W\]"),
        (lambda x, y: (x.byte(), y), "got uint8"),
        (lambda x, y: (x, y[:-1]), "expected 48 int64 labels, one per picture"),
        (lambda x, y: (x, y.float()), "got float32"),
        (lambda x, y: (x[:0], y[:0]), "expected at least one picture"),
    ],
)
def test_bad_pictures_or_labels(change, message):
    for call in (
        lambda *data: train.fit(net(), *data, QUICK, seed=0),
        lambda *data: train.accuracy(net(), *data),
    ):
        with pytest.raises(InputError, match=message):
            call(*change(*pictures()))


def test_masks_of_another_model():
    with pytest.raises(InputError, match=r"mask '0.weight': expected bool of shape \[6, 1, 3, 3\]"):
        train.fit(net(), *pictures(), QUICK, seed=0, masks={"0.weight": torch.ones(1).bool()})


def test_losses_are_epoch_means():
    settings = Train(epochs=1, batch_size=16, lr=1e-30, schedule="constant", momentum=0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    images, labels = pictures(40)
    expected = nn.functional.cross_entropy(model(images), labels).item()
    (loss,) = train.fit(model, images, labels, settings, seed=0)
    assert math.isclose(loss, expected, rel_tol=1e-5)
