"""Pictures with several classes each, against sums over single decisions."""

from dataclasses import dataclass

import numpy as np
import pytest

from sparseprune import records
from sparseprune.errors import InputError
from sparseprune.evaluate import Pair, excess_error, hidden_loss, potential, ranking, run, several

COUNT, CLASSES = 30, 4


def noise(seed):
    return np.random.default_rng(seed).normal(size=(COUNT, CLASSES)).astype(np.float32)


LABELS = np.random.default_rng(5).integers(-1, 2, (COUNT, CLASSES))
COUNTED = LABELS >= 0


@dataclass
class Shift:
    name: str = "clean"
    severity: int = 0
    labels: None = None

    def batches(self):
        """The number of each picture in its only pixel, in pieces of 7."""
        numbers = np.arange(COUNT, dtype=np.float32)[:, None, None, None]
        return [numbers[start : start + 7] for start in range(0, COUNT, 7)]


@dataclass
class Runner:
    """Fixed logits for each numbered picture."""

    logits: np.ndarray
    name: str = "fake"

    def predict(self, batch):
        return self.logits[batch[:, 0, 0, 0].astype(int)]


def networks():
    dense = noise(0)
    pruned = dense + 0.7 * noise(1)
    deployed = pruned + 0.3 * noise(2)
    return {"pruned": Pair(Runner(deployed), Runner(pruned)), "parent": Pair(Runner(dense))}


def sigmoid(logits):
    return 1 / (1 + np.exp(-logits.astype(np.float64)))


def test_rows_count_decisions_and_rank_pictures():
    every = networks()
    rows = run([Shift()], LABELS, every, parent="parent")
    dense, mine = every["parent"].accelerated.logits, every["pruned"].accelerated.logits
    (row,) = records.select(rows, "evaluation", id="pruned", runner="accelerated")
    right = (mine > 0) == (LABELS == 1)
    assert (row["correct"], row["total"]) == (right[COUNTED].sum(), COUNTED.sum())
    assert row["agreement"] == ((mine > 0) == (dense > 0))[COUNTED].sum()
    # Of the two probabilities p and 1 - p of each decision.
    apart = np.sqrt(2) * np.abs(sigmoid(mine) - sigmoid(dense))[COUNTED].mean()
    assert row["softmax_distance"] == pytest.approx(apart)
    assert row["mean_average_precision"] == ranking.mean_average_precision(mine, LABELS)
    assert records.quality(row) == "mean_average_precision"
    assert float(records.score(row)) == row["mean_average_precision"]


def test_without_a_parent_there_is_nothing_to_be_like():
    (row,) = run([Shift()], LABELS, {"model": Pair(Runner(noise(0)))})
    assert row["agreement"] is row["softmax_distance"] is None


def test_hidden_loss_is_that_of_decisions_of_whole_pictures():
    deployed, twin = (it.logits for _, it in networks()["pruned"].runners())
    found = several.compare(deployed, twin, LABELS)
    two = [np.stack([0 * it, it], -1)[COUNTED] for it in (deployed, twin)]
    expected = hidden_loss.compare(*two, LABELS[COUNTED])
    same = ("total", "flipped", "gained", "lost", "difference", "unexplained")
    assert {key: found[key] for key in same} == {key: expected[key] for key in same}
    assert found["pictures"] == COUNT
    assert found["max_abs"] == pytest.approx(expected["max_abs"])
    # The same picture thirty times tells no more of other pictures than it does once.
    copies = [np.repeat(it[:1], COUNT, 0) for it in (deployed, twin, LABELS)]
    assert several.compare(*copies)["error"] == 0
    assert several.compare(*(it[:1] for it in (deployed, twin, LABELS)))["error"] == 1


def test_a_flip_within_rounding_is_explained():
    twin = np.ones((5, CLASSES), np.float32)
    twin[0, 0] = 1e-5
    deployed = twin.copy()
    deployed[0, 0] = -1e-5
    deployed[1, 1] = -1
    found = several.compare(deployed, twin, np.ones((5, CLASSES), np.int64))
    assert (found["flipped"], found["unexplained"], found["lost"]) == (2, 1, 2)


def test_potentials_and_excess_errors_go_by_average_precision():
    about = {"kind": "network", "role": "pruned", "method": "WT"}
    found = [{**about, "id": "parent", "role": "parent", "ratio": 0.0}]
    rows = found + [{**about, "id": f"WT-{ratio}", "ratio": ratio} for ratio in (0.5, 0.9)]
    for id, clean, fog in (("parent", 0.8, 0.5), ("WT-0.5", 0.79, 0.495), ("WT-0.9", 0.6, 0.2)):
        for name, value in (("clean", clean), ("fog", fog)):
            fields = {"mean_average_precision": value, "correct": 1, "total": 10}
            one = {"kind": "evaluation", "id": id, "runner": "twin", "distribution": name}
            rows.append({**one, **fields})
    by_name = {row["distribution"]: row["potential"] for row in potential.potentials(rows, 0.006)}
    assert by_name == {"clean": 0, "fog": 0.5}
    values = [row["value"] for row in excess_error.rows(rows)]
    assert values == pytest.approx([-0.005, 0.1])


def test_networks_of_other_classes_are_refused():
    with pytest.raises(InputError, match=r"of one shape \[N, classes\], got \[30, 3\] and \[30, 4"):
        run([Shift()], LABELS, {"model": Pair(Runner(noise(0)[:, :3]))})
