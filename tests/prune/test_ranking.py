"""Against sorting everything."""

import pytest
import torch

from sparseprune.prune.ranking import Ranking


def taken(worth: torch.Tensor, costs: torch.Tensor, budget: int) -> torch.Tensor:
    kept = torch.zeros(len(worth), dtype=torch.bool)
    for unit in worth.argsort(descending=True, stable=True).tolist():
        budget -= int(costs[unit])
        if budget < 0:
            break
        kept[unit] = bool(costs[unit] > 0)
    return kept


def drawn(dtype: torch.dtype) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    worth = torch.rand(300, generator=generator, dtype=torch.float64) ** 8
    # Many equals, values that differ in their last bits only, nothing, and infinity.
    worth[50:120] = 0.25
    worth[::2][:100] = 1 + torch.rand(100, generator=generator, dtype=torch.float64) * 1e-6
    worth[200:240] = 0
    worth[7] = torch.inf
    return worth.to(dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("highest", [1, 9])
def test_the_best_are_kept_as_far_as_the_budget_goes(dtype, highest):
    worth = drawn(dtype)
    generator = torch.Generator().manual_seed(1)
    costs = torch.randint(0, highest + 1, worth.shape, generator=generator)
    ranking = Ranking(worth, costs)
    whole = int(costs.sum())
    for budget in (0, 1, 2, whole // 7, whole // 3, whole // 2, whole - 1, whole, whole + 5):
        assert torch.equal(ranking.kept(budget), taken(worth, costs, budget))


def test_nothing_to_rank():
    ranking = Ranking(torch.empty(0), torch.empty(0, dtype=torch.int64))
    assert ranking.kept(3).shape == (0,)
