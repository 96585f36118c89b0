import numpy as np
import pytest

from sparseprune.errors import InputError
from sparseprune.evaluate import noise
from sparseprune.evaluate.metrics import softmax

PICTURES = np.random.default_rng(0).normal(size=(40, 1, 4, 4)).astype(np.float32)
LABELS = np.arange(40) % 3


class Linear:
    """A Runner that remembers what it was shown."""

    def __init__(self, seed):
        self.name = str(seed)
        self.weight = np.random.default_rng(seed).normal(size=(16, 3)).astype(np.float32)
        self.seen = []

    def predict(self, batch):
        self.seen.append(batch)
        return batch.reshape(len(batch), 16) @ self.weight


def networks():
    return {"parent": Linear(1), "WT": Linear(2), "separate": Linear(3)}


def test_every_network_sees_the_same_noise():
    every = networks()
    noise.compare(PICTURES, LABELS, every, "parent", widths=[0.3], draws=3)
    for shown in zip(*(runner.seen for runner in every.values()), strict=True):
        assert all(np.array_equal(shown[0], other) for other in shown)
    first, second, _ = every["parent"].seen
    assert not np.array_equal(first, second)


def test_noise_is_uniform_in_normalised_units_and_not_clipped():
    ((_, copy),) = noise.noisy(np.full((500, 3, 8, 8), 2, np.float32), 0.7, (1, 0))
    added = copy - 2
    assert np.abs(added).max() <= 0.7 + 2**-22
    # Far beyond 2, as no clipping at the largest picture would leave it.
    assert copy.max() > 2.69
    n = added.size
    assert abs(added.mean()) < 6 * 0.7 / np.sqrt(3 * n)
    assert abs(added.var() / (0.7**2 / 3) - 1) < 6 * np.sqrt(0.8 / n)


def test_without_noise_draws_do_not_differ_and_the_parent_is_like_itself():
    rows = noise.compare(PICTURES, LABELS, networks(), "parent", widths=[0, 0.5], draws=4)
    for row in rows:
        if row["width"] == 0:
            assert row["agreement_std"] == row["softmax_distance_std"] == 0
            assert len(set(row["correct"])) == 1
        if row["id"] == "parent":
            assert (row["agreement"], row["softmax_distance"]) == (1, 0)
    assert [(r["id"], r["width"]) for r in rows][:3] == [("parent", 0), ("WT", 0), ("separate", 0)]


def test_pictures_are_averaged_before_the_deviation_is_taken():
    every = networks()
    rows = noise.compare(PICTURES, LABELS, every, "parent", widths=[0.4], draws=5)
    parent, pruned = (
        [batch.reshape(40, 16) @ every[id].weight for batch in every[id].seen]
        for id in ("parent", "WT")
    )
    distances = [
        np.linalg.norm(softmax(a) - softmax(b), axis=1).mean()
        for a, b in zip(pruned, parent, strict=True)
    ]
    same = [(a.argmax(1) == b.argmax(1)).mean() for a, b in zip(pruned, parent, strict=True)]
    (row,) = [r for r in rows if r["id"] == "WT"]
    assert row["softmax_distance"] == pytest.approx(np.mean(distances))
    assert row["softmax_distance_std"] == pytest.approx(np.std(distances, ddof=1))
    assert row["agreement"] == pytest.approx(np.mean(same))
    assert row["agreement_std"] == pytest.approx(np.std(same, ddof=1))


def test_noise_does_not_depend_on_how_many_pictures_are_shown_at_once(monkeypatch):
    ((_, whole),) = noise.noisy(PICTURES, 0.3, (1, 2))
    monkeypatch.setattr(noise, "_VALUES", 7 * 16)
    pieces = list(noise.noisy(PICTURES, 0.3, (1, 2)))
    assert [len(batch) for _, batch in pieces] == [7, 7, 7, 7, 7, 5]
    assert np.array_equal(np.concatenate([batch for _, batch in pieces]), whole)


def test_numbers_do_not_either(monkeypatch):
    def rows():
        return noise.compare(PICTURES, LABELS, networks(), "parent", widths=[0.3], draws=3)

    whole = rows()
    monkeypatch.setattr(noise, "_VALUES", 7 * 16)
    for row, other in zip(rows(), whole, strict=True):
        assert row["correct"] == other["correct"]
        assert row["softmax_distance"] == pytest.approx(other["softmax_distance"])
        assert row["agreement"] == pytest.approx(other["agreement"])


def test_potential_is_taken_per_draw_and_its_deviation_is_the_median():
    counts = {"parent": [900, 900, 900], "WT-50": [900, 895, 894], "WT-80": [895, 0, 0]}
    about = {"kind": "network", "role": "pruned", "method": "WT"}
    rows = [
        {**about, "id": "parent", "role": "parent"},
        {**about, "id": "WT-50", "ratio": 0.5},
        {**about, "id": "WT-80", "ratio": 0.8},
    ]
    rows += [
        {"kind": "noise", "id": id, "width": 0.1, "total": 1000, "correct": correct}
        for id, correct in counts.items()
    ]
    (row,) = noise.potentials(rows, 0.005)
    assert (row["method"], row["width"]) == ("WT", 0.1)
    # Draws: 0.8, 0.5, 0; distances from their mean 0.4333: 0.3667, 0.0667, 0.4333.
    assert row["potential"] == pytest.approx(1.3 / 3)
    assert row["deviation"] == pytest.approx(0.8 - 1.3 / 3)


def test_bad_input_is_named():
    with pytest.raises(InputError, match="parent: expected one of parent, WT, separate, got 'p'"):
        noise.compare(PICTURES, LABELS, networks(), "p", widths=[0], draws=2)
    with pytest.raises(InputError, match="draws: expected at least 2"):
        noise.compare(PICTURES, LABELS, networks(), "parent", widths=[0], draws=1)
