"""Networks users have: layers that are frozen, never called, or in another precision."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from sparseprune.errors import InputError
from sparseprune.graph import trace
from sparseprune.prune import METHODS, Pruner, counts, cycle, ratios
from sparseprune.prune.observe import gather
from sparseprune.prune.sampled import allocate, draw
from sparseprune.prune.sensitivity import maximum, mean, sensitivities
from sparseprune.recipe import Prune

INPUTS = torch.randn(9, 2, 6, 6, generator=torch.Generator().manual_seed(1))
LABELS = torch.arange(9) % 3


class Odd(nn.Module):
    """A layer never called, one called for nothing, one under two names, a constant of forward."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(2, 6, 3)
        self.again = self.middle = nn.Conv2d(6, 6, 1)
        self.unused = nn.Linear(6, 3)
        self.idle = nn.Conv2d(6, 2, 1)
        self.head = nn.Linear(6, 3)
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.stem(x))
        x = torch.relu(self.again(torch.relu(self.middle(x))))
        self.idle(x)
        return self.head(x.mean((2, 3))) * torch.tensor(2.0, dtype=x.dtype)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_prunes_an_odd_frozen_network(filled, method):
    model = filled(Odd(), 0).requires_grad_(False)
    settings = Prune(method=method, ratios=[0.3])
    cycle(model, INPUTS[:2], settings, 0.3, held_out=(INPUTS, LABELS)).apply(model)
    dense = counts(filled(Odd(), 0), INPUTS[:2])
    assert ratios(counts(model, INPUTS[:2]), dense)["params"] == pytest.approx(0.3, abs=0.1)


@pytest.mark.parametrize("reduce", [mean, maximum])
@pytest.mark.parametrize("kind", [torch.float64, torch.float16, torch.bfloat16])
def test_sensitivities_are_those_of_single_precision(filled, reduce, kind):
    model = filled(nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(), nn.Conv2d(4, 3, 3)), 0).to(kind)
    # What the weights and inputs are once rounded to that precision.
    rounded = copy.deepcopy(model).float()
    found, expected = (
        sensitivities(
            gather((graph := trace(net, inputs)), net.state_dict(), inputs), graph.layers, reduce
        )
        for net, inputs in ((model, INPUTS.to(kind)), (rounded, INPUTS.to(kind).float()))
    )
    # The first layer reads the inputs themselves; later ones, what was rounded on the way.
    np.testing.assert_allclose(found["0"], expected["0"], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(found["2"], expected["2"], atol=0.1)
    assert float(expected["2"].max()) > 0.2


def test_a_block_in_half_precision_is_ranked_by_what_its_weights_add_up_to():
    model = nn.Sequential(nn.Linear(64, 128, bias=False), nn.ReLU(), nn.Linear(128, 2)).half()
    with torch.no_grad():
        # Sums of 1024 weights that differ by 0.25 are equal in float16, whose steps are 1 there.
        model[0].weight[:64] = 1.0
        model[0].weight[64:] = 1.0
        model[0].weight[64:, 0] += 2**-8
    inputs = torch.zeros(2, 64).half()
    settings = Prune(method="WT", unit="weights", ratios=[0.49], pattern="64x16")
    mask = cycle(model, inputs, settings, 0.49).masks["0.weight"]
    assert mask[64:, :16].all()


def test_gradients_are_followed_where_the_caller_has_switched_them_off(residual):
    with torch.no_grad():
        pruner = Pruner(
            residual(),
            residual.inputs,
            method="SNIP",
            target={"params": 0.5},
            held_out=residual.held_out,
        )
        pruner.step()
    assert pruner.ratio == pytest.approx(0.5, abs=0.01)


def test_what_a_method_does_not_look_at_may_be_anything(residual):
    settings = Prune(method="WT", ratios=[0.5])
    assert cycle(residual(), residual.inputs, settings, 0.5, held_out=INPUTS[:, :1]).masks


@pytest.mark.parametrize(
    ("held_out", "sentence"),
    [
        (INPUTS[:, :1], r"held-out inputs the network takes.* got \[1, 1, 6, 6\]"),
        (INPUTS[:0], "n >= 1, got none"),
        (INPUTS.numpy(), "expected held-out inputs .* got ndarray"),
        ((INPUTS, None), "expected labels of the inputs"),
        ((INPUTS, LABELS - 1), "expected labels from 0 and below the 3 classes .* got -1"),
        ((INPUTS, LABELS + 1), "expected labels from 0 and below the 3 classes .* got 3"),
    ],
)
def test_unfit_evidence_is_refused(residual, held_out, sentence):
    with pytest.raises(InputError, match=sentence):
        cycle(
            residual(),
            residual.inputs,
            Prune(method="SNIP", ratios=[0.5]),
            0.5,
            held_out=held_out,
        )


def test_labels_of_pictures_do_not_fit_a_network_that_answers_for_pixels(filled):
    model = filled(nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(), nn.Conv2d(4, 3, 3)), 0)
    settings = Prune(method="SNIP", ratios=[0.3])
    with pytest.raises(InputError, match=r"expected labels \[9, 2, 2\], .* got \[9\]"):
        cycle(model, INPUTS[:2], settings, 0.3, held_out=(INPUTS, LABELS))


def test_a_network_that_answers_with_nan_is_refused(residual):
    model = residual()
    model.norm1.running_var.fill_(float("nan"))
    with pytest.raises(InputError, match="expected finite answers to held-out inputs"):
        cycle(
            model,
            residual.inputs,
            Prune(method="SiPP", ratios=[0.5]),
            0.5,
            held_out=residual.held_out,
        )


@pytest.mark.parametrize(("target", "unit"), [(0.3, "flops"), (0.6, "params"), (0.9, "flops")])
@pytest.mark.parametrize("method", ["SiPPRand", "SiPPHybrid"])
def test_drawing_stays_within_the_budget(residual, method, target, unit):
    model = residual()
    dense = counts(model, residual.inputs)
    settings = Prune(method=method, ratios=[target], unit=unit, prune_output_layer=True)
    for seed in range(2):
        pruned = cycle(
            model, residual.inputs, settings, target, held_out=residual.held_out[0], seed=seed
        )
        smaller = residual()
        pruned.apply(smaller)
        assert ratios(counts(smaller, residual.inputs), dense)[unit] >= target


@pytest.mark.parametrize("changed", [{"pattern": "4x1"}, {"allocation": "uniform"}])
def test_drawing_refuses_patterns_and_allocations(residual, changed):
    settings = Prune(method="SiPPRand", ratios=[0.5], **changed)
    with pytest.raises(InputError, match="draws single weights"):
        cycle(residual(), residual.inputs, settings, 0.5, held_out=residual.held_out)


def test_layers_that_inputs_never_reach_lose_all_when_drawn(residual, caplog):
    settings = Prune(method="SiPPRand", ratios=[0.1])
    cycle(residual(), residual.inputs, settings, 0.1, held_out=residual.inputs)
    assert "no weights left" in caplog.text


def test_entries_of_no_probability_are_not_waited_for():
    random = np.random.default_rng(0)
    factors = draw(np.array([1.0, 1e-40, 1e-40]), 2.5, random)
    np.testing.assert_allclose(factors, [1, 0, 0])
    assert allocate([], 10).shape == (0,)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"pattern": None}, "pattern: expected .* got None"),
        ({"method": ["WT"]}, "method: expected one of WT, "),
        ({"ignored_layers": [3]}, "ignored_layers: expected a list of names"),
        ({"ignored_layers": None}, "ignored_layers: expected a list of names"),
        ({"method": "RandomFilter", "seed": -1}, "seed: expected"),
        ({"method": "FT", "pattern": "4x1"}, "FT removes whole filters"),
        ({"method": "PFP", "allocation": "uniform"}, "PFP removes whole filters"),
        ({"round_to": 8}, "WT removes single weights"),
        ({"method": "SiPP"}, "give them as held_out"),
    ],
)
def test_settings_that_fit_nothing_are_refused(residual, changed, sentence):
    with pytest.raises(InputError, match=sentence):
        Pruner(residual(), residual.inputs, target={"params": 0.5}, **changed).step()


@pytest.mark.parametrize(
    ("model", "inputs", "sentence"),
    [
        (3, INPUTS, "expected a torch.nn.Module to prune, got int"),
        (nn.ReLU(), "inputs", "example_inputs: expected a tensor"),
        (nn.ReLU(), INPUTS, "expected a network that calls convolutions or linear layers"),
    ],
)
def test_what_cannot_be_pruned_is_refused(model, inputs, sentence):
    with pytest.raises(InputError, match=sentence):
        Pruner(model, inputs, target={"params": 0.5})


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
def test_a_layer_of_no_features_is_refused():
    model = nn.Sequential(nn.Linear(4, 0), nn.Linear(0, 6), nn.ReLU(), nn.Linear(6, 2))
    with pytest.raises(InputError, match=r"layer '0': .* got a weight \[0, 4\]"):
        Pruner(model, torch.zeros(2, 4), target={"weights": 0.5})
