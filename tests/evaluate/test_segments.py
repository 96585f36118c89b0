"""Networks that segment against sums over all logits at once."""

from dataclasses import dataclass

import numpy as np
import pytest

from sparseprune import records
from sparseprune.errors import GateError, InputError
from sparseprune.evaluate import Pair, hidden_loss, metrics, run, segments
from sparseprune.evaluate.segmentation import Confusion

COUNT, CLASSES, SIDE = 7, 3, 6


def noise(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.fixture
def masks():
    found = np.random.default_rng(5).integers(0, CLASSES, (COUNT, SIDE, SIDE))
    found[:, 0] = 255
    found[3, 1:4] = 255
    return found


@dataclass
class Shift:
    name: str = "clean"
    severity: int = 0
    labels: None = None
    count: int = COUNT

    def batches(self):
        """The number of each picture in its only channel, in pieces of 3."""
        numbers = np.arange(self.count, dtype=np.float32)[:, None, None, None]
        pictures = np.broadcast_to(numbers, (self.count, 1, SIDE, SIDE))
        return (pictures[start : start + 3] for start in range(0, self.count, 3))


@dataclass
class Runner:
    """Fixed logits for each numbered picture."""

    logits: np.ndarray
    name: str = "fake"
    most: int = 0

    def predict(self, batch):
        self.most = max(self.most, len(batch))
        return self.logits[batch[:, 0, 0, 0].astype(int)]


def networks():
    dense = noise(0, COUNT, CLASSES, SIDE, SIDE)
    pruned = dense + 0.7 * noise(1, *dense.shape)
    deployed = pruned + 0.3 * noise(2, *dense.shape)
    return {"pruned": Pair(Runner(deployed), Runner(pruned)), "parent": Pair(Runner(dense))}


def test_rows_are_those_of_all_pixels_at_once(masks):
    every = networks()
    rows = run([Shift()], masks, every, parent="parent")
    dense, logits, twin = (
        np.moveaxis(runner.logits, 1, -1)[masks != 255]
        for runner in (every["parent"].accelerated, *dict(every["pruned"].runners()).values())
    )
    truth = masks[masks != 255]
    (row,) = records.select(rows, "evaluation", id="pruned", runner="accelerated")
    assert (row["correct"], row["total"]) == (metrics.correct(logits, truth), len(truth))
    assert row["agreement"] == metrics.agreement(logits, dense)
    assert row["softmax_distance"] == pytest.approx(metrics.softmax_distance(logits, dense))
    whole = Confusion(CLASSES)
    whole.add(logits.argmax(1), truth)
    assert row["mean_iou"] == whole.mean_iou()
    (lost,) = records.select(rows, "hidden_loss")
    expected = hidden_loss.compare(logits, twin, truth)
    same = ("total", "flipped", "gained", "lost", "difference")
    assert {key: lost[key] for key in same} == {key: expected[key] for key in same}
    assert lost["pictures"] == COUNT
    assert 0 < lost["unexplained"] <= lost["flipped"]


def test_logits_are_asked_for_a_few_pictures_at_a_time(masks, monkeypatch):
    monkeypatch.setattr(segments, "_PIXELS", 2 * SIDE * SIDE)
    few, ticks = networks(), []
    rows = run([Shift()], masks, few, parent="parent", progress=lambda *it: ticks.append(it))
    assert few["pruned"].accelerated.most == 2
    monkeypatch.undo()
    again = run([Shift()], masks, networks(), parent="parent")
    for one, other in zip(rows, again, strict=True):
        assert {k: pytest.approx(v) if isinstance(v, float) else v for k, v in other.items()} == one
    assert [tick[0] for tick in ticks] == sorted(tick[0] for tick in ticks)
    assert ticks[-1][0] == ticks[-1][1]


def test_the_interval_covers_differences_that_pictures_share():
    """Pixels of a picture lose together: taken as independent they would promise far too much."""
    generator = np.random.default_rng(0)
    covered = 0
    for _ in range(300):
        loss = segments.Loss()
        truth = np.zeros((60, 10, 10), np.int64)
        # In one picture of ten the deployed network is wrong wherever its twin is right.
        spoiled = generator.random(60) < 0.1
        twin = np.zeros((60, 2, 10, 10), np.float32)
        twin[:, 0] = 1
        deployed = np.where(spoiled[:, None, None, None], twin[:, ::-1], twin)
        loss.add(deployed, twin, truth)
        row = loss.row()
        covered += row["low"] <= -0.1 <= row["high"]
    # 95 % of 300, less six standard deviations and what few spoiled pictures cost it.
    assert covered > 255
    share = spoiled.mean()
    assert row["error"] == pytest.approx(np.sqrt(share * (1 - share) / 59))


def test_one_picture_tells_nothing_of_others():
    loss = segments.Loss()
    logits = noise(0, 1, 2, 4, 4)
    loss.add(logits, logits, np.zeros((1, 4, 4), np.int64))
    assert (loss.row()["low"], loss.row()["high"]) == (-1, 1)


def test_a_loss_in_every_picture_fails_the_verdict(masks):
    right = 9 * np.eye(CLASSES, dtype=np.float32)[np.where(masks == 255, 0, masks)]
    right = np.ascontiguousarray(np.moveaxis(right, -1, 1))
    spoiled = right.copy()
    spoiled[:, :, 5] = np.roll(spoiled[:, :, 5], 1, axis=1)
    rows = run([Shift()], masks, {"a": Pair(Runner(spoiled), Runner(right))})
    (verdict,) = records.select(rows, "verdict")
    assert not verdict["passed"]
    assert "FURTHER LOSS" in verdict["sentence"]
    (healthy,) = records.select(
        run([Shift()], masks, {"a": Pair(Runner(right), Runner(right))}), "verdict"
    )
    assert healthy["passed"]
    assert (healthy["flipped"], healthy["low"], healthy["high"]) == (0, 0, 0)


def test_wrong_answers_are_named(masks):
    with pytest.raises(InputError, match="expected 7 pictures, one per mask, got 8"):
        run([Shift(count=8)], masks, {"a": Pair(Runner(noise(0, 8, CLASSES, SIDE, SIDE)))})
    with pytest.raises(InputError, match=r"expected logits \[3, classes, 6, 6\].* got \[3, 3\]"):
        run([Shift()], masks, {"a": Pair(Runner(noise(0, COUNT, CLASSES)))})
    with pytest.raises(GateError, match="NaN or infinite logits"):
        run([Shift()], masks, {"a": Pair(Runner(np.full((7, 3, SIDE, SIDE), np.nan, np.float32)))})
    nothing = np.full((COUNT, SIDE, SIDE), 255)
    with pytest.raises(InputError, match="at least one pixel that is not void"):
        run([Shift()], nothing, {"a": Pair(Runner(noise(0, 7, 3, SIDE, SIDE)))})


def test_potentials_hold_networks_to_their_mean_iou():
    from sparseprune.evaluate import excess_error, potential

    rows = [{"kind": "network", "id": "parent", "role": "parent", "method": "dense", "ratio": 0.0}]
    scores = {"parent": 0.5, "a": 0.4951, "b": 0.4949}
    for ratio, id in ((0.3, "a"), (0.6, "b")):
        rows.append({"kind": "network", "id": id, "role": "pruned", "method": "WT", "ratio": ratio})
    for name in ("clean", "fog"):
        rows += [
            {"kind": "evaluation", "id": id, "runner": "twin", "distribution": name, "total": 900}
            | {"correct": 900 if id == "b" else 1, "mean_iou": score if name == "clean" else 0.2}
            for id, score in scores.items()
        ]
    clean, fog = potential.potentials(rows, 0.005)
    assert (clean["potential"], clean["censored"]) == (0.3, False)
    assert (fog["potential"], fog["censored"]) == (0.6, True)
    first = excess_error.rows(rows)[0]
    assert first["value"] == pytest.approx((1 - 0.2 - (1 - 0.4951)) - (0.8 - 0.5))
