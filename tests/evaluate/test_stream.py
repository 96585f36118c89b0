from dataclasses import dataclass, field

import numpy as np
import pytest

from sparseprune import records
from sparseprune.errors import GateError, InputError
from sparseprune.evaluate import Pair, run

LABELS = np.arange(12) % 3


@dataclass
class FakeShift:
    name: str
    severity: int = 3
    offset: float = 0.0
    made: int = 0
    labels: np.ndarray | None = None
    size: int = 12

    def batches(self):
        self.made += 1
        pictures = np.zeros((len(LABELS), 1, 1, 3), np.float32)
        pictures[np.arange(len(LABELS)), 0, 0, LABELS] = 1.0
        pictures = pictures + np.float32(self.offset)
        return [pictures[i : i + self.size] for i in range(0, len(pictures), self.size)]


@dataclass
class FakeRunner:
    """Answers the label, except for the first ``wrong`` pictures of the shifts it dislikes."""

    wrong: int = 0
    name: str = "fake"
    value: float = 4.0
    seen: list = field(default_factory=list)

    def predict(self, batch):
        self.seen.append(batch.shape)
        answers = batch.reshape(len(batch), 3).argmax(axis=1)
        if batch.min() > 0:
            answers[: self.wrong] = (answers[: self.wrong] + 1) % 3
        return np.eye(3, dtype=np.float32)[answers] * np.float32(self.value)


@pytest.fixture
def shifts():
    return [FakeShift("clean", 0), FakeShift("fog", offset=0.5)]


def test_rows_of_a_healthy_and_a_spoiled_network(shifts, tmp_path):
    networks = {
        "spoiled": Pair(FakeRunner(wrong=9), FakeRunner()),
        "parent": Pair(FakeRunner(), FakeRunner()),
        "separate": Pair(FakeRunner(wrong=2)),
    }
    ticks = []
    rows = run(shifts, LABELS, networks, parent="parent", progress=lambda *tick: ticks.append(tick))
    records.write(tmp_path / "rows.jsonl", rows)

    fog = {
        (r["id"], r["runner"]): (r["correct"], r["agreement"])
        for r in records.select(rows, "evaluation", distribution="fog")
    }
    assert fog == {
        ("parent", "accelerated"): (12, 12),
        ("parent", "twin"): (12, 12),
        ("spoiled", "accelerated"): (3, 3),
        ("spoiled", "twin"): (12, 12),
        ("separate", "accelerated"): (10, 10),
    }
    passed = {r["id"]: r["passed"] for r in records.select(rows, "verdict")}
    assert passed == {"spoiled": False, "parent": True}
    (spoiled,) = records.select(rows, "verdict", id="spoiled")
    assert spoiled["sentence"].startswith("FURTHER LOSS: 9 of 24 predictions changed")
    assert "on fog 75.00 pp lower" in spoiled["sentence"]
    assert [shift.made for shift in shifts] == [1, 1]
    assert ticks[-1][:2] == (10, 10)
    assert [done for done, *_ in ticks] == list(range(1, 11))


def test_batches_and_labels_of_its_own_are_joined_per_shift():
    moved = (LABELS[:9] + 1) % 3
    shifts = [FakeShift("clean", 0, size=5), FakeShift("other", labels=LABELS, size=7)]
    whole = run([FakeShift("clean", 0), FakeShift("other")], LABELS, {"x": Pair(FakeRunner())})
    assert run(shifts, LABELS, {"x": Pair(FakeRunner())}) == whole
    with pytest.raises(InputError, match="other: expected 9 pictures, one per label, got 12"):
        run([FakeShift("other", labels=moved)], LABELS, {"x": Pair(FakeRunner())})


@dataclass
class LazyShift(FakeShift):
    """Pictures that do not fit in memory: made whenever they are asked for."""

    size: int = 5

    def batches(self):
        yield from super().batches()


@pytest.mark.parametrize("several", [False, True])
def test_what_does_not_fit_in_memory_is_made_once_for_all_networks(several):
    labels = np.eye(3, dtype=np.int64)[LABELS] if several else LABELS
    networks = {
        "x": Pair(FakeRunner(wrong=2), FakeRunner(value=2.0)),
        "parent": Pair(FakeRunner(value=1.0), FakeRunner()),
    }
    for runner in (networks["x"].accelerated, networks["parent"].twin):
        runner.value = 3.0
    held = FakeShift("fog", offset=0.5, size=5)
    whole = run([held], labels, networks, parent="parent")
    lazy, ticks = LazyShift("fog", offset=0.5), []
    told = run([lazy], labels, networks, parent="parent", progress=lambda *it: ticks.append(it[:2]))
    assert told == whole
    assert lazy.made == 1
    assert ticks == [(5, 24), (10, 24), (15, 24), (20, 24), (22, 24), (24, 24)]
    with pytest.raises(InputError, match="fog: expected 9 pictures, one per label, got 12"):
        run([LazyShift("fog")], LABELS[:9], networks)


def test_distance_is_to_the_parents_runner_of_the_same_name(shifts):
    networks = {
        "parent": Pair(FakeRunner(value=4.0), FakeRunner(value=1.0)),
        "x": Pair(FakeRunner()),
    }
    rows = run(shifts[:1], LABELS, networks, parent="parent")
    distances = {(r["id"], r["runner"]): r["softmax_distance"] for r in rows if "runner" in r}
    assert distances == {
        ("parent", "accelerated"): 0.0,
        ("parent", "twin"): 0.0,
        ("x", "accelerated"): 0.0,
    }


def test_a_twin_without_a_parent_twin_is_compared_with_the_accelerated_parent(shifts):
    networks = {"parent": Pair(FakeRunner()), "x": Pair(FakeRunner(), FakeRunner(value=1.0))}
    rows = run(shifts[:1], LABELS, networks, parent="parent")
    (twin,) = records.select(rows, "evaluation", id="x", runner="twin")
    assert twin["softmax_distance"] > 0.1


def test_without_a_parent_the_likeness_is_empty(shifts):
    rows = run(shifts, LABELS, {"x": Pair(FakeRunner())})
    assert {r["agreement"] for r in rows} == {r["softmax_distance"] for r in rows} == {None}


def test_bad_input_is_named(shifts):
    with pytest.raises(InputError, match="parent: expected one of x, got 'y'"):
        run(shifts, LABELS, {"x": Pair(FakeRunner())}, parent="y")
    with pytest.raises(InputError, match="clean: expected 5 pictures, one per label, got 12"):
        run(shifts, LABELS[:5], {"x": Pair(FakeRunner())})


def test_nan_logits_fail_the_gate_and_name_the_network(shifts):
    with pytest.raises(GateError, match=r"x \(fake\) on clean: NaN or infinite logits for 12 of"):
        run(shifts, LABELS, {"x": Pair(FakeRunner(value=np.nan))})
