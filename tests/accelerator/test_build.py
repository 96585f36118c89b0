import copy
import io

import pytest
import torch
from torch import nn

import sparseprune as sp
from sparseprune.accelerator import build as module
from sparseprune.accelerator.candidates import Candidate
from sparseprune.accelerator.dense import Dense
from sparseprune.errors import GateError, InputError

CPU = torch.device("cpu")
X = torch.randn(2, 16, 6, 6, generator=torch.Generator().manual_seed(1))


class Twin(Dense):
    """Another right way."""


@pytest.fixture
def twins(monkeypatch):
    """The only candidate of each layer is its twin."""
    contests = pytest.importorskip("sparseprune.accelerator.contest")
    monkeypatch.setattr(
        contests,
        "candidates",
        lambda layer, *_, **__: ([Candidate("twin", lambda: Twin(layer))], {}),
    )


def test_answers_are_those_of_the_model(resnet, judge):
    accelerated = module.build(resnet, X, CPU, torch.float32, judge)
    with torch.no_grad():
        exact = copy.deepcopy(resnet).double()(X.double())
    assert torch.allclose(accelerated(X).double(), exact, atol=1e-5)
    assert accelerated.batch == 2
    assert accelerated(X[:1]).shape == (1, 10)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_inputs_are_rounded_to_the_type(resnet, judge, dtype):
    accelerated = module.build(resnet, X, CPU, dtype, judge)
    y = accelerated(X)
    assert y.dtype == dtype
    with torch.no_grad():
        assert torch.allclose(y.float(), resnet(X), rtol=0.1, atol=0.1)


class Overwritten(nn.Module):
    """Channels last, the view is a copy: what is written to it does not reach the image."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(16, 4, 3)

    def forward(self, x):
        y = self.conv(x)
        y.view(y.size(0), -1).mul_(0.5)
        return y


def test_networks_that_answer_otherwise_are_refused(judge):
    with pytest.raises(GateError, match=r"1 of their norm .* expected at most 0\.1; .* views"):
        module.build(Overwritten(), X, CPU, torch.float32, judge)


def test_numbers_too_large_for_the_type_are_refused(judge):
    model = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 1))
    nn.init.constant_(model[0].weight, 1e4)
    nn.init.constant_(model[1].weight, 0.1)
    x = torch.rand(2, 8, generator=torch.Generator().manual_seed(0)) + 1
    with pytest.raises(GateError, match="bfloat16"):
        module.build(model, x, CPU, torch.float16, judge)
    module.build(model, x, CPU, torch.bfloat16, judge)


def test_what_is_drawn_at_random_is_no_mistake(judge):
    module.build(Drawing(), X, CPU, torch.float32, judge)


class Drawing(nn.Module):
    """Drops values in eval mode too."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(16, 4, 3)

    def forward(self, x):
        return nn.functional.dropout(self.conv(x), 0.5, training=True)


def test_example_inputs_stay_as_they_are(judge):
    x = torch.randn(2, 16, generator=torch.Generator().manual_seed(0))
    before = x.clone()
    module.build(nn.Sequential(nn.ReLU(inplace=True), nn.Linear(16, 2)), x, CPU, x.dtype, judge)
    assert torch.equal(x, before)


def test_faster_layers_take_the_places_of_dense_ones(resnet, clock, ceilings, twins):
    judge = module.Judge(clock(dense=2e-6, twin=1e-6, chosen=5e-6), ceilings)
    judge.timer.seconds["dense"] = 9e-6
    accelerated = module.build(resnet, X, CPU, torch.float32, judge)
    found = accelerated.explain()
    assert [row["choice"] for row in found.rows] == ["twin"] * 6
    assert [row["layer"] for row in found.rows][:3] == ["0.conv1", "0.conv2", "0.shortcut.0"]
    assert sum(isinstance(layer, Twin) for layer in accelerated.modules()) == 6
    assert found.total == pytest.approx({"dense": 9.0, "chosen": 5.0})
    with torch.no_grad():
        assert torch.allclose(accelerated(X), resnet(X), atol=1e-5)


def test_a_network_slower_than_its_layers_promised_stays_dense(resnet, clock, ceilings, twins):
    judge = module.Judge(clock(dense=2e-6, twin=1e-6, chosen=3e-6), ceilings)
    accelerated = module.build(resnet, X, CPU, torch.float32, judge)
    found = accelerated.explain()
    assert {row["choice"] for row in found.rows} == {"dense"}
    assert all("the whole network was slower" in row["why"] for row in found.rows)
    assert not any(isinstance(layer, Twin) for layer in accelerated.modules())
    assert found.total["dense"] == found.total["chosen"]
    with torch.no_grad():
        assert torch.allclose(accelerated(X), resnet(X), atol=1e-5)


def test_rows_say_what_was_found_out(resnet, judge):
    with torch.no_grad():
        resnet[1].conv1.weight[:, :16] = 0
    rows = {
        row["layer"]: row
        for row in module.build(resnet, X, CPU, torch.float32, judge).explain().rows
    }
    row = rows["1.conv1"]
    assert row["shape"] == (32, 32, 3, 3)
    assert row["input"] == (2, 32, 3, 3)
    assert row["density"] == row["fit_density"] == 0.5
    assert row["fit"] == "32x16"
    assert row["bound"] == "launch"
    assert 0 < row["sparse_bound_us"] < row["bound_us"]
    assert row["choice"] == "dense"
    assert row["candidates"] == {"dense": pytest.approx(1e6)}
    assert row["refused"]


def test_the_table_has_eighty_columns(resnet, judge, clock, ceilings, twins):
    padded = nn.Conv2d(16, 16, 3, padding=1, padding_mode="circular")
    model = nn.Sequential()
    model.add_module("a_name_that_is_longer_than_any_column_of_the_table", padded)
    model.add_module("rest", resnet)
    judge = module.Judge(clock(dense=12345.6e-6, twin=1e-6), ceilings)
    text = str(module.build(model, X, CPU, torch.float32, judge).explain())
    assert max(map(len, text.splitlines())) <= 80
    assert "pads with 'circular'" in text
    assert "f_the_table" in text
    assert "network:" in text


def test_state_and_copies(resnet, judge):
    accelerated = module.build(resnet, X, CPU, torch.float32, judge)
    expected = accelerated(X)
    assert not list(accelerated.parameters())
    other = module.build(copy.deepcopy(resnet), X, CPU, torch.float32, judge)
    for value in other.state_dict().values():
        value.zero_()
    other.load_state_dict(accelerated.state_dict())
    assert torch.equal(other(X), expected)
    assert torch.equal(copy.deepcopy(accelerated)(X), expected)
    stored = io.BytesIO()
    torch.save(accelerated.state_dict(), stored)
    assert accelerated.to(torch.float64)(X).dtype == torch.float64


def test_it_stays_in_eval_mode(judge):
    model = nn.Sequential(nn.Dropout(0.9), nn.Linear(8, 8))
    accelerated = module.build(model, torch.ones(2, 8), CPU, torch.float32, judge)
    accelerated.train()
    assert torch.equal(accelerated(torch.ones(2, 8)), accelerated(torch.ones(2, 8)))
    assert not accelerated(torch.ones(2, 8)).requires_grad


def test_several_inputs_and_integers(judge):
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.words, self.out = nn.Embedding(9, 4), nn.Linear(4, 3)

        def forward(self, words, scale):
            return {"out": self.out(self.words(words)) * scale}

    torch.manual_seed(0)
    words, scale = torch.tensor([[1, 2], [3, 4]]), torch.rand(2, 1, 1)
    model = Two()
    accelerated = module.build(model, (words, scale), CPU, torch.float32, judge)
    with torch.no_grad():
        expected = model(words, scale)["out"]
    assert torch.allclose(accelerated(words, scale)["out"], expected, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"device": "cpu"}, r"expected a CUDA device, got 'cpu'; for a CPU use .* sp\.export"),
        ({"device": "toaster"}, r"expected a CUDA device, got 'toaster'"),
        pytest.param(
            {},
            r"torch .* finds none; for a CPU use the C\+\+ engine: sp\.export\(.*sp\.load\(",
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU"),
        ),
    ],
)
def test_machines_without_a_gpu_are_told_what_to_do(resnet, options, message):
    with pytest.raises(InputError, match=message):
        sp.accelerate(resnet, X, **options)


@pytest.mark.parametrize(
    ("dtype", "tf32", "message"),
    [
        (torch.int8, False, "got torch.int8"),
        (torch.float64, False, "got torch.float64"),
        (torch.float16, True, "leave it out"),
    ],
)
def test_types_that_cannot_be(resnet, monkeypatch, dtype, tf32, message):
    monkeypatch.setattr(module, "_gpu", lambda _: CPU)
    with pytest.raises(InputError, match=message):
        sp.accelerate(resnet, X, dtype=dtype, tf32=tf32)


def test_models_of_another_type_are_refused(judge):
    class Wide(nn.Module):
        def __init__(self):
            super().__init__()
            self.out = nn.Linear(4, 3)

        def forward(self, x):
            return self.out(x.float())

    with pytest.raises(InputError, match="choose another dtype"):
        module.build(Wide(), torch.ones(2, 4), CPU, torch.float16, judge)


def test_autocast_around_it_changes_nothing(resnet, judge):
    accelerated = module.build(resnet, X, CPU, torch.float32, judge)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert accelerated(X).dtype == torch.float32


@pytest.mark.parametrize(("given", "index"), [("cuda:0", 0), ("cuda", 1), ("cuda:1", 1)])
def test_a_gpu_that_is_named_is_the_one(monkeypatch, given, index):
    for name, value in {"is_available": True, "device_count": 2, "current_device": 1}.items():
        monkeypatch.setattr(torch.cuda, name, lambda value=value: value)
    assert module._gpu(given) == torch.device("cuda", index)


def test_tensors_by_name_are_refused(resnet, judge):
    accelerated = module.build(resnet, X, CPU, torch.float32, judge)
    with pytest.raises(InputError, match="expected tensors"):
        accelerated([X])
