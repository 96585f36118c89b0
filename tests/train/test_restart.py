import pytest
import torch
from torch import nn

from sparseprune import train
from sparseprune.errors import InputError
from sparseprune.recipe import Train
from sparseprune.train import restart

TRAIN = Train(epochs=4, batch_size=8, lr=0.1, schedule="multi_step", milestones=[2, 3])
RETRAIN = Train(epochs=2, batch_size=8, lr=0.3, schedule="cosine", warmup_epochs=1)


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 2))


def pictures():
    return torch.randn(20, 1, 4, 4, generator=torch.Generator().manual_seed(1)), torch.arange(
        20
    ) % 2


def rates(plan, monkeypatch):
    """The rate of every step that ``fit`` makes of a plan."""
    used = []
    step = torch.optim.SGD.step

    def spy(optimizer, closure=None):
        used.append(optimizer.param_groups[0]["lr"])
        return step(optimizer, closure)

    monkeypatch.setattr(torch.optim.SGD, "step", spy)
    losses = train.fit(net(), *pictures(), plan.settings, seed=0, start=plan.start)
    return used, losses


def test_restart_is_the_whole_schedule_warm_up_included(monkeypatch):
    plan = restart.plan("restart", TRAIN, RETRAIN, images=20)
    used, losses = rates(plan, monkeypatch)
    assert used == [train.learning_rate(step, 6, RETRAIN) for step in range(6)]
    assert used[0] == 0
    assert len(losses) == 2


def test_finetuning_is_the_last_rate_of_the_training(monkeypatch):
    used, _ = rates(restart.plan("finetune", TRAIN, RETRAIN, images=20), monkeypatch)
    assert used == pytest.approx([0.001] * 6)


@pytest.mark.parametrize(("mode", "rewind"), [("rewind_lr", 5), ("rewind_weights", 6)])
def test_rewinding_is_the_end_of_the_first_schedule(monkeypatch, mode, rewind):
    plan = restart.plan(mode, TRAIN, RETRAIN, images=20, rewind=rewind)
    used, losses = rates(plan, monkeypatch)
    assert used == [train.learning_rate(step, 12, TRAIN) for step in range(rewind, 12)]
    assert len(losses) == (3 if rewind == 5 else 2)


@pytest.mark.parametrize("rewind", [-1, 12])
def test_rewinding_beyond_the_training_is_refused(rewind):
    with pytest.raises(InputError, match="expected a step from 0 to 11 of the training, got"):
        restart.plan("rewind_lr", TRAIN, RETRAIN, images=20, rewind=rewind)
    with pytest.raises(InputError, match="start: expected a step from 0 to 11, got"):
        train.fit(net(), *pictures(), TRAIN, seed=0, start=rewind)


@pytest.mark.parametrize("step", [0, 2])
def test_early_weights_are_those_of_their_step(tmp_path, step):
    path, seen = tmp_path / "early", []
    model = net()
    early = restart.EarlyWeights(model, step, path)

    def look(at, steps, loss):
        early(at, steps, loss)
        seen.append({name: value.clone() for name, value in model.state_dict().items()})

    train.fit(model, *pictures(), TRAIN, seed=0, progress=look)
    wanted = [net().state_dict(), *seen][step]
    masks = {"1.weight": torch.rand(2, 16) < 0.5}
    assert restart.rewind(model, path, masks) == step
    assert torch.equal(model[1].bias, wanted["1.bias"])
    assert torch.equal(model[1].weight, wanted["1.weight"] * masks["1.weight"])


def test_early_weights_of_another_network_are_refused(tmp_path):
    restart.EarlyWeights(net(), 0, tmp_path / "early")
    other = nn.Sequential(nn.Flatten(), nn.Linear(16, 3))
    before = other[1].weight.clone()
    with pytest.raises(InputError, match="expected early weights of this network"):
        restart.rewind(other, tmp_path / "early", {})
    assert torch.equal(other[1].weight, before)
