import numpy as np
import pytest
import torch
from torch import nn

from sparseprune.errors import InputError
from sparseprune.runtime import Runner, TorchRunner


@pytest.fixture
def model():
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.5)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(64, 5)).train()


def pictures(count):
    return np.random.default_rng(1).normal(size=(count, 3, 4, 4)).astype(np.float32)


@pytest.mark.parametrize("count", [1, 250, 251, 600])
def test_answers_are_the_models_in_evaluation_mode(model, count):
    runner = TorchRunner(model)
    assert isinstance(runner, Runner)
    batch = pictures(count)
    logits = runner.predict(batch)
    assert (logits.shape, logits.dtype) == ((count, 5), np.float32)
    wide = model.double().eval()
    with torch.no_grad():
        exact = wide(torch.from_numpy(batch).double()).numpy()
    # 27 and 64 products per sum at unit scale: 1e-5 is gamma_200, far below a wrong layer's error.
    assert np.abs(logits - exact).max() < 1e-5


def test_the_model_given_is_left_as_it_was(model):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    runner = TorchRunner(model)
    runner.predict(pictures(3))
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert model[0].weight.is_contiguous()
    with torch.no_grad():
        model[0].weight.zero_()
    assert np.ptp(runner.predict(pictures(3)), axis=0).max() > 0


def test_threads_are_lent_for_the_call_only(model):
    seen = []
    model.register_forward_hook(lambda *_: seen.append(torch.get_num_threads()))
    before = torch.get_num_threads()
    TorchRunner(model, threads=before + 1).predict(pictures(1))
    assert seen == [before + 1]
    assert torch.get_num_threads() == before


def test_models_of_vectors_run_too():
    logits = TorchRunner(nn.Linear(3, 2)).predict(np.ones((4, 3), np.float32))
    assert logits.shape == (4, 2)


@pytest.mark.parametrize("name", ["out", "logits"])
def test_logits_may_be_part_of_a_mapping(name):
    class Answers(nn.Linear):
        def forward(self, x):
            return {"loss": None, name: super().forward(x)}

    logits = TorchRunner(Answers(3, 2)).predict(np.ones((4, 3), np.float32))
    assert logits.shape == (4, 2)


def test_bad_batches_are_refused(model):
    with pytest.raises(InputError, match=r"Sequential: expected a NumPy array.*got int64"):
        TorchRunner(model).predict(np.zeros((1, 3, 4, 4), np.int64))
    with pytest.raises(InputError, match="N >= 1"):
        TorchRunner(model).predict(np.zeros((0, 3, 4, 4), np.float32))


def test_a_forward_that_calls_view_runs_too():
    class Viewer(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 3, 3)

        def forward(self, x):
            return self.conv(x).view(x.shape[0], -1)

    model, batch = Viewer(), np.ones((2, 1, 5, 5), np.float32)
    with torch.no_grad():
        expected = model(torch.from_numpy(batch)).numpy()
    assert np.allclose(TorchRunner(model).predict(batch), expected, atol=1e-5)


def test_the_shape_of_a_checkpoint_is_checked():
    runner = TorchRunner(nn.Flatten(), input_shape=[1, 4, 4])
    with pytest.raises(InputError, match="expected"):
        runner.predict(np.ones((2, 1, 5, 5), np.float32))
