"""A whole run on a tiny copy of VOC whose pictures show several classes each."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import sparseprune
from sparseprune import records
from sparseprune.data.voc import CLASSES

RECIPE = """
name: several
data: {name: voc_classes, root: data, size: 32, validation: 0.25}
model: {name: resnet8, options: {width: 4}}
train: {epochs: 3, batch_size: 8, lr: 0.2, cut: area, flip: true}
retrain: {epochs: 2, batch_size: 8, lr: 0.2, distill: {weight: 0.5}}
prune:
  - {method: SNIP, ratios: [0.5]}
  - {method: TaylorFilter, ratios: [0.4]}
evaluate: {corruptions: [contrast], noise: 0}
measure: {rounds: 2}
"""


def voc(root):
    """Class number n is a bright line across the picture; of the last it is not said."""
    generator = np.random.default_rng(0)
    place = root / "VOCdevkit" / "VOC2012"
    for folder in ("JPEGImages", "ImageSets/Main"):
        (place / folder).mkdir(parents=True)
    for split, count in (("train", 24), ("val", 8)):
        names = [f"2008_{split}{number}" for number in range(count)]
        shown = generator.random((count, len(CLASSES))) < 0.4
        shown[0] = True
        for number, name in enumerate(names):
            pixels = generator.integers(0, 60, (40, 48, 3), dtype=np.uint8)
            for line in np.flatnonzero(shown[number]):
                pixels[2 * line] += 150
            Image.fromarray(pixels).save(place / "JPEGImages" / f"{name}.jpg", quality=95)
        for kind, column in zip(CLASSES, shown.T, strict=True):
            marks = [" 1" if it else "-1" for it in column[:-1]] + [" 0"]
            lines = [f"{name} {mark}" for name, mark in zip(names, marks, strict=True)]
            (place / "ImageSets/Main" / f"{kind}_{split}.txt").write_text("\n".join(lines))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("several")
    voc(folder / "data")
    (folder / "recipe.yaml").write_text(RECIPE)
    path = str(Path(sparseprune.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-m", "sparseprune", "run", "recipe.yaml", "--out", "run"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "run"


def test_every_network_is_judged_by_average_precision(finished):
    rows = records.read_run(finished)
    for id in ("parent", "separate", "SNIP-50", "TaylorFilter-40"):
        found = records.select(rows, "evaluation", id=id, runner="accelerated")
        assert [row["distribution"] for row in found] == ["clean", "contrast"]
        # Seven of eight pictures; of the last one nothing is said.
        assert all(row["total"] == 7 * len(CLASSES) for row in found)
        assert all(0 < row["mean_average_precision"] < 1 for row in found)
    losses = records.select(rows, "training", id="parent")[0]["losses"]
    assert losses[-1] < losses[0] < 2
    assert records.select(rows, "potential", method="SNIP", distribution="clean")
    verdicts = records.select(rows, "verdict")
    assert {row["id"] for row in verdicts} == {"parent", "SNIP-50", "TaylorFilter-40"}
    assert all(row["passed"] and row["total"] == 2 * 7 * len(CLASSES) for row in verdicts)


def test_the_report_says_what_it_counts(finished):
    page = (finished / "report.html").read_text()
    assert "mean average precision minus" in page
    assert "These networks name all classes a picture shows" in page
    assert "test pictures the margin is" not in page
