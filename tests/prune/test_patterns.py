import itertools

import pytest
import torch
from torch import nn

from sparseprune.errors import InputError
from sparseprune.prune import counts, cycle
from sparseprune.prune.patterns import Blocks, NofM, parse
from sparseprune.recipe import Prune


def wt(pattern: str, **options) -> Prune:
    return Prune(method="WT", ratios=[0.5], pattern=pattern, **options)


@pytest.mark.parametrize(
    "text", ["", "4", "4x", "0x1", "1x0", "4x1x1", "2000x1", "2:2", "0:4", "a:b"]
)
def test_patterns_that_are_none(text):
    with pytest.raises(InputError, match="pattern: expected outputs x inputs"):
        parse(text)


def test_reading_patterns():
    assert parse("4x1") == Blocks(4, 1)
    assert parse("64x16") == Blocks(64, 16)
    assert parse("2:4") == NofM(2, 4)


@pytest.mark.parametrize("shape", [(8, 8), (7, 5), (6, 9, 3, 3), (3, 2, 1, 2)])
@pytest.mark.parametrize("blocks", [Blocks(1, 1), Blocks(4, 1), Blocks(1, 4), Blocks(4, 3)])
def test_pooling_sums_each_block(shape, blocks):
    values = torch.randn(shape, dtype=torch.float64)
    pooled = blocks.pool(values)
    flat = values.reshape(shape[0], shape[1], -1)
    rows, columns = -(-shape[0] // blocks.rows), -(-shape[1] // blocks.columns)
    assert pooled.shape == (rows, columns, flat.shape[2])
    for i, j in itertools.product(range(rows), range(columns)):
        part = flat[
            i * blocks.rows : (i + 1) * blocks.rows, j * blocks.columns : (j + 1) * blocks.columns
        ]
        torch.testing.assert_close(pooled[i, j], part.sum((0, 1)))


@pytest.mark.parametrize("pattern", ["4x1", "1x4", "4x2"])
@pytest.mark.parametrize("unit", ["params", "weights", "flops"])
def test_blocks_go_whole(residual, pattern, unit):
    model = residual(width=10)
    dense = counts(model, residual.inputs)
    pruned = cycle(model, residual.inputs, wt(pattern, unit=unit), 0.4)
    blocks = parse(pattern)
    whole_network = True
    for layer in ("stem", "conv1", "conv2"):
        kept = pruned.masks[f"{layer}.weight"]
        whole = blocks.spread(blocks.pool(kept.float()) > 0, kept.shape)
        # A filter that nobody reads any more goes alone.
        live = kept.flatten(1).any(1).reshape(-1, 1, 1, 1)
        assert torch.equal(kept, whole & live)
        whole_network &= bool(live.all())
    pruned.apply(model)
    left, whole = (getattr(c, unit) for c in (counts(model, residual.inputs), dense))
    largest = blocks.rows * blocks.columns * (36 if unit == "flops" else 1)
    assert left <= int(0.6 * whole)
    if whole_network:
        assert int(0.6 * whole) - left < largest


def test_blocks_of_largest_mean_stay():
    model = nn.Sequential(nn.Linear(2, 4, bias=False))
    model[0].weight.data = torch.tensor([[1.0, 9], [2, -1], [3, 1], [4, 1]])
    settings = wt("2x1", unit="weights", prune_output_layer=True)
    kept = cycle(model, torch.zeros(1, 2), settings, 0.5).masks["0.weight"]
    # Means: 1.5 and 3.5 in the first column, 5 and 1 in the second.
    assert kept.tolist() == [[False, True], [False, True], [True, False], [True, False]]


@pytest.mark.parametrize(("most", "group"), [(2, 4), (1, 4), (1, 2)])
@pytest.mark.parametrize("shape", [(3, 8), (2, 7), (4, 8, 3, 3), (2, 5, 1, 1)])
def test_n_of_m_keeps_the_largest_of_every_group(most, group, shape):
    scores = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    kept = NofM(most, group).eligible(scores)
    moved, chosen = scores.movedim(1, -1), kept.movedim(1, -1)
    for start in range(0, shape[1], group):
        part, taken = moved[..., start : start + group], chosen[..., start : start + group]
        size = min(most, part.shape[-1])
        assert bool((taken.sum(-1) == size).all())
        smallest = part.masked_fill(~taken, 2).amin(-1)
        assert bool((part.masked_fill(taken, -1).amax(-1) < smallest).all())


def test_n_of_m_holds_whatever_the_target(residual):
    model = residual(width=8)
    for target in (0.1, 0.8):
        masks = cycle(model, residual.inputs, wt("2:4"), target).masks
        for layer in ("conv1", "conv2"):
            kept = masks[f"{layer}.weight"].movedim(1, -1).unflatten(-1, (-1, 4))
            assert int(kept.sum(-1).max()) <= 2


def test_uniform_allocation_takes_the_same_of_every_layer(residual):
    model = residual(width=12)
    settings = wt("1x1", unit="weights", allocation="uniform")
    masks = cycle(model, residual.inputs, settings, 0.5).masks
    shares = [masks[f"{n}.weight"].float().mean().item() for n in ("stem", "conv1", "conv2")]
    # The head is spared and counts, so a little more than half of the others goes.
    assert max(shares) - min(shares) <= 1 / model.stem.weight.numel()
    assert 0.4 < min(shares) < 0.5
