import numpy as np
import pytest
import torch
from scipy import optimize

from sparseprune.errors import InputError
from sparseprune.prune import cycle
from sparseprune.prune.sampled import Unit, allocate, draw, draws, error, wanted
from sparseprune.recipe import Prune


def unit(size: int, alpha: float, share: float, price: int = 1) -> Unit:
    return Unit("w", np.arange(size), np.full(size, 0.1), alpha, share, price)


def test_error_against_the_formula():
    alpha, kept = 2.0, 7.0
    x = alpha / (3 * kept)
    assert error(np.array(alpha), np.array(kept)) == pytest.approx(
        0.5 * ((x**2 + 6 * x) ** 0.5 + x)
    )


@pytest.mark.parametrize("cost", [3, 20, 60, 101])
def test_allocation_against_a_general_solver(cost):
    units = [unit(40, 3.0, 0.5), unit(10, 9.0, 0.5), unit(50, 1.0, 1.0, price=2)]
    prices = np.array([1, 1, 2])

    def total(kept):
        return sum(
            u.share * float(error(np.array(u.alpha), m)) for u, m in zip(units, kept, strict=True)
        )

    found = allocate(units, cost)
    assert prices @ found <= cost * (1 + 1e-9)
    best = optimize.minimize(
        total,
        np.full(3, cost / 6),
        bounds=[(1e-3, len(u.places)) for u in units],
        constraints={"type": "ineq", "fun": lambda kept: cost - prices @ kept},
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )
    assert best.success
    # The general solver stops when a step changes the sum by its ftol.
    assert total(found) <= total(best.x) + 1e-9


def test_allocation_keeps_everything_where_it_can():
    units = [unit(4, 3.0, 0.5), unit(6, 1.0, 0.5)]
    np.testing.assert_allclose(allocate(units, 10), [4, 6])


@pytest.mark.parametrize("kept", [1, 3, 7.5, 9.9])
def test_draws_give_the_number_wanted_on_average(kept):
    probabilities = np.array([0.4, 0.2, 0.1, 0.1, 0.05, 0.05, 0.04, 0.03, 0.02, 0.01])

    def different(number):
        return float((1 - (1 - probabilities) ** number).sum())

    number = draws(probabilities, kept)
    assert different(number) >= kept * (1 - 1e-12)
    assert number == 1 or different(number - 1) < kept


@pytest.mark.parametrize("seed", range(5))
def test_draws_of_probabilities_far_apart(seed):
    random = np.random.default_rng(seed)
    probabilities = 10 ** random.uniform(-8, 0, 60)
    probabilities /= probabilities.sum()
    for kept in (0.5, 1, 2, 30, 50, 59.5):
        number = draws(probabilities, kept)
        # What is missing after so many draws, and after one less: rounding of the sum is below.
        missing = [np.exp(n * np.log1p(-probabilities)).sum() for n in (number, number - 1)]
        assert missing[0] <= (60 - kept) * (1 + 1e-12)
        assert number == 1 or missing[1] > (60 - kept) * (1 - 1e-12)


@pytest.mark.parametrize("kept", [2.5, 3])
def test_what_never_comes_is_not_waited_for(kept):
    assert draws(np.array([0.5, 0.5, 0.0]), kept) == 10**9


@pytest.mark.parametrize("price", [1, 7])
def test_one_more_weight_lowers_the_error_as_said(price):
    alpha = 10 ** np.random.default_rng(0).uniform(-30, 30, 200)
    exponent = np.linspace(-40, 40, 200) + np.log(price)
    kept = wanted(alpha, exponent)
    x = alpha / (3 * kept)
    falls = ((x + 3) / np.sqrt(x * x + 6 * x) + 1) / 2 * x / kept
    np.testing.assert_allclose(np.log(falls), exponent, rtol=1e-12, atol=1e-12)


def test_weights_drawn_stand_for_those_that_are_not():
    """What is kept is scaled so that the mean over all draws is the weight itself."""
    sensitivities = np.array([0.9, 0.5, 0.2, 0.2, 0.1, 0.05])
    random = np.random.default_rng(0)
    found = np.array([draw(sensitivities, 3.5, random) for _ in range(4000)])
    standard_errors = found.std(0) / 4000**0.5
    assert (np.abs(found.mean(0) - 1) <= 5 * standard_errors).all()
    # More than one draw in ten would miss this by chance alone; the seed is fixed.
    assert abs((found > 0).sum(1).mean() - 3.5) < 0.3


def test_hybrid_takes_the_smaller_bound(residual):
    """The bound of drawing is above 1 for few weights; of keeping the largest, below 3 at most."""
    options = Prune(method="SiPPHybrid", ratios=[0.3], unit="weights")
    pruned = cycle(residual(), residual.inputs, options, 0.3, held_out=residual.held_out)
    factors = pruned.scales["conv1.weight"]
    assert set(factors.unique().tolist()) == {0.0, 1.0}


def test_seeds_differ(residual):
    first, second = (
        cycle(
            residual(),
            residual.inputs,
            Prune(method="SiPPRand", ratios=[0.5]),
            0.5,
            held_out=residual.held_out,
            seed=seed,
        )
        for seed in (1, 2)
    )
    assert not torch.equal(first.masks["conv1.weight"], second.masks["conv1.weight"])


def test_applying_scales_and_zeroes(residual):
    model = residual()
    before = model.conv1.weight.detach().clone()
    options = Prune(method="SiPPRand", ratios=[0.5])
    pruned = cycle(model, residual.inputs, options, 0.5, held_out=residual.held_out)
    pruned.apply(model)
    expected = before * pruned.scales["conv1.weight"] * pruned.masks["conv1.weight"]
    assert torch.equal(model.conv1.weight, expected)


def test_data_informed_methods_say_what_they_need(residual):
    for method in ("SiPP", "SiPPRand", "SNIP"):
        with pytest.raises(InputError, match="expected held-out inputs, because the method is"):
            cycle(residual(), residual.inputs, Prune(method=method, ratios=[0.5]), 0.5)
    inputs, labels = residual.held_out
    for method in ("SNIP", "Taylor"):
        with pytest.raises(InputError, match="expected labels of the inputs"):
            cycle(
                residual(),
                residual.inputs,
                Prune(method=method, ratios=[0.5]),
                0.5,
                held_out=inputs,
            )
    with pytest.raises(InputError, match="expected 12 int64 labels"):
        cycle(
            residual(),
            residual.inputs,
            Prune(method="SNIP", ratios=[0.5]),
            0.5,
            held_out=(inputs, labels[:3]),
        )
