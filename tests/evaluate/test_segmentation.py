import numpy as np
import pytest

from sparseprune.errors import InputError
from sparseprune.evaluate.ranking import mean_average_precision
from sparseprune.evaluate.segmentation import Confusion, mean_iou


def brute(predicted, masks, classes):
    """One class at a time, by sets of pixels."""
    values = []
    counted = masks != 255
    for kind in range(classes):
        has, says = (masks == kind) & counted, (predicted == kind) & counted
        if (has | says).any():
            values.append((has & says).sum() / (has | says).sum())
    return float(np.mean(values))


@pytest.fixture
def batches():
    generator = np.random.default_rng(0)
    made = []
    for top in (3, 6, 2):
        masks = generator.integers(0, top, (4, 8, 8)).astype(np.uint8)
        predicted = np.where(generator.random(masks.shape) < 0.6, masks, 1).astype(np.int64)
        masks[generator.random(masks.shape) < 0.1] = 255
        made.append((predicted, masks))
    return made


def test_the_set_is_counted_before_dividing(batches):
    predicted, masks = (np.concatenate(part) for part in zip(*batches, strict=True))
    assert mean_iou(batches, 6) == pytest.approx(brute(predicted, masks, 6), rel=1e-15)
    assert mean_iou([(predicted, masks)], 6) == mean_iou(batches, 6)


def test_the_studys_average_is_over_batches(batches):
    expected = np.mean([brute(*batch, 6) for batch in batches])
    assert mean_iou(batches, 6, "batch") == pytest.approx(expected, rel=1e-15)
    assert abs(expected - mean_iou(batches, 6)) > 0.01


def test_void_pixels_count_nowhere():
    masks = np.array([[0, 255, 1]], np.uint8)
    assert mean_iou([(np.array([[0, 1, 1]]), masks)], 2) == 1.0
    # A wholly void batch has no mean of its own.
    void = (np.zeros((1, 3), np.int64), np.full((1, 3), 255, np.uint8))
    assert mean_iou([(np.array([[0, 1, 1]]), masks), void], 2, "batch") == 1.0
    with pytest.raises(InputError, match="at least one pixel that is not void"):
        mean_iou([void], 2)
    assert np.isnan(Confusion(2).mean_iou())


def test_wrong_shapes_and_classes_are_named():
    with pytest.raises(InputError, match=r"of one shape, got \[2\] and \[3\]"):
        Confusion(2).add(np.zeros(2, np.int64), np.zeros(3, np.uint8))
    with pytest.raises(InputError, match=r"masks: expected classes 0 to 1 .* got 2 to 2"):
        Confusion(2).add(np.zeros(1, np.int64), np.full(1, 2, np.uint8))
    with pytest.raises(InputError, match="predictions: expected classes 0 to 1"):
        Confusion(2).add(np.full(1, -1), np.zeros(1, np.uint8))


def average_precision(scores, labels):
    """For each picture found, the best precision at its rank or any later one."""
    order = sorted(range(len(scores)), key=lambda i: -scores[i])
    ranked = [labels[i] for i in order if labels[i] >= 0]
    precisions = [sum(ranked[: k + 1]) / (k + 1) for k in range(len(ranked))]
    return np.mean([max(precisions[k:]) for k, hit in enumerate(ranked) if hit])


def test_average_precision_is_the_area_under_the_curve():
    generator = np.random.default_rng(1)
    logits = generator.normal(size=(40, 3))
    labels = generator.integers(-1, 2, (40, 3))
    expected = np.mean([average_precision(logits[:, c], labels[:, c]) for c in range(3)])
    assert mean_average_precision(logits, labels) == pytest.approx(expected, rel=1e-14)
    assert mean_average_precision(np.where(labels == 1, 1.0, 0.0), labels) == 1.0


def test_average_precision_leaves_out_classes_nobody_shows():
    labels = np.array([[1, 0], [0, -1]])
    assert mean_average_precision(np.array([[0.0, 3.0], [1.0, 1.0]]), labels) == 0.5
    with pytest.raises(InputError, match="pictures that show a class, got none"):
        mean_average_precision(np.zeros((2, 2)), np.array([[-1, 0], [0, -1]]))
    with pytest.raises(InputError, match=r"one shape \[N, classes\], got \[2, 2\] and \[2\]"):
        mean_average_precision(np.zeros((2, 2)), np.zeros(2, np.int64))
