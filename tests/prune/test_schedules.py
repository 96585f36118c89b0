import pytest

from sparseprune.errors import InputError
from sparseprune.prune import Cubic, Geometric, Iterative, OneShot


def test_one_shot():
    assert OneShot().ratios(0.9) == [0.9]


def test_iterative():
    assert Iterative((0.3, 0.6, 0.9)).ratios(0.9) == [0.3, 0.6, 0.9]


@pytest.mark.parametrize("steps", [(), (0.3,), (0.6, 0.3, 0.9), (0.5, 0.5, 0.9), (0.0, 0.9)])
def test_iterative_ratios_that_do_not_lead_to_the_target(steps):
    with pytest.raises(InputError, match=r"expected ratios that rise .* to the target 0.9"):
        Iterative(steps).ratios(0.9)


def test_geometric_removes_the_same_share_of_what_is_left():
    ratios = Geometric(3).ratios(0.875)
    assert ratios == pytest.approx([0.5, 0.75, 0.875])
    assert ratios[-1] == 0.875


def test_geometric_is_the_grid_of_the_study():
    """From 15 % to 85 % in 20 cycles: 8.7 % of what remains each (spec 3.3)."""
    kept = [1 - ratio for ratio in Geometric(19).ratios(1 - 0.15 / 0.85)]
    grid = [100 * (1 - 0.85 * part) for part in (1.0, *kept)]
    study = [15.0, 22.4, 29.2, 35.4, 41.0, 46.2, 50.8, 55.1, 59.1, 62.6]
    assert grid[:10] == pytest.approx(study, abs=0.06)


def test_geometric_without_rounds():
    with pytest.raises(InputError, match="expected at least 1 round, got 0"):
        Geometric(0).ratios(0.5)


def test_geometric_goes_on_from_what_is_gone():
    assert Geometric(2).ratios(0.875, start=0.5) == pytest.approx([0.75, 0.875])


def test_cubic_is_the_gradual_schedule():
    """Zhu and Gupta 2017, equation 1, after each of n steps."""
    ratios = Cubic(4).ratios(0.8)
    assert ratios == pytest.approx([0.8 * (1 - (3 / 4) ** 3), 0.7, 0.8 * (1 - (1 / 4) ** 3), 0.8])
    assert ratios[-1] == 0.8
    assert Cubic(2).ratios(0.9, start=0.5) == pytest.approx([0.9 - 0.4 / 8, 0.9])
    with pytest.raises(InputError, match="expected at least 1 round, got 0"):
        Cubic(0).ratios(0.5)
