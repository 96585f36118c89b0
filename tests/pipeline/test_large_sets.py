"""Whole runs on tiny copies of sets whose pictures stay on disk."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import sparseprune
from sparseprune import records
from sparseprune.data.pictures import FilePictures
from sparseprune.pipeline import shipping, steps
from sparseprune.recipe import load

CLASSES = 3
# Built by import path, so that nothing of it is known but that it gives each pixel a class.
SEGMENTER = """
from torch import nn

def net(width):
    def layer(inputs, outputs, stride=1):
        conv = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU())

    last = nn.Conv2d(width, 21, 1), nn.Upsample(scale_factor=2)
    return nn.Sequential(layer(3, width, 2), layer(width, width), *last)
"""
RECIPE = """
name: large
data: {{name: {name}, root: data, size: 32{more}}}
model: {model}
train: {{epochs: 2, batch_size: 8, lr: 0.05, cut: {cut}, flip: true}}
retrain: {{epochs: 1, batch_size: 8, lr: 0.05, cut: {cut}}}
prune:
  - {{method: {method}, ratios: [0.5]}}
evaluate: {{corruptions: [contrast], noise: 0}}
measure: {{rounds: 2}}
"""


def imagenet(root):
    """Each class has a colour; sizes differ."""
    generator = np.random.default_rng(0)
    for split, count in (("train", 12), ("val", 4)):
        for number in range(CLASSES):
            folder = root / split / f"n0000000{number}"
            folder.mkdir(parents=True)
            for place in range(count):
                pixels = generator.integers(0, 120, (40 + place, 50, 3), dtype=np.uint8)
                pixels[..., number] += 120
                Image.fromarray(pixels).save(folder / f"{place}.JPEG", quality=95)


def voc(root):
    """A bright square of a class on noise, void above it."""
    generator = np.random.default_rng(0)
    place = root / "VOCdevkit" / "VOC2012"
    for folder in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (place / folder).mkdir(parents=True)
    for split, count in (("train", 16), ("val", 4)):
        names = [f"2008_{split}{number}" for number in range(count)]
        (place / "ImageSets/Segmentation" / f"{split}.txt").write_text("\n".join(names))
        for number, name in enumerate(names):
            pixels = generator.integers(0, 60, (40, 48, 3), dtype=np.uint8)
            mask = np.zeros((40, 48), np.uint8)
            mask[9, 10:34] = 255
            mask[10:30, 10:34] = 1 + number % 2
            pixels[10:30, 10:34, number % 2] += 150
            Image.fromarray(pixels).save(place / "JPEGImages" / f"{name}.jpg", quality=95)
            Image.fromarray(mask).save(place / "SegmentationClass" / f"{name}.png")


def run(folder, **recipe):
    (folder / "own_segmenter.py").write_text(SEGMENTER)
    (folder / "recipe.yaml").write_text(RECIPE.format(**recipe))
    paths = os.pathsep.join([str(Path(sparseprune.__file__).parents[1]), str(folder)])
    done = subprocess.run(
        [sys.executable, "-m", "sparseprune", "run", "recipe.yaml", "--out", "run"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": paths, "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return records.read_run(folder / "run")


def test_a_run_on_folders_of_imagenets_layout(tmp_path):
    imagenet(tmp_path / "data")
    network = "{name: resnet8, options: {width: 4}}"
    rows = run(tmp_path, name="imagenet", model=network, method="WT", cut="area", more="")
    (described,) = records.select(rows, "run")
    assert (described["data"]["train"], described["data"]["test"]) == (36, 12)
    found = records.select(rows, "evaluation", id="WT-50", runner="accelerated")
    assert [row["distribution"] for row in found] == ["clean", "contrast"]
    assert all(row["total"] == 12 for row in found)
    assert records.select(rows, "verdict", id="WT-50")[0]["passed"]
    page = (tmp_path / "run" / "report.html").read_text()
    assert "accuracy minus" in page
    assert "These networks segment" not in page


def test_a_run_that_segments_a_copy_of_voc(tmp_path):
    voc(tmp_path / "data")
    network = '{name: "own_segmenter:net", options: {width: 16}}'
    rows = run(
        tmp_path, name="voc", model=network, method="FT", cut="scale", more=", validation: 0.25"
    )
    for id in ("parent", "separate", "FT-50"):
        clean, shifted = records.select(rows, "evaluation", id=id, runner="accelerated")
        # Four pictures of 32 x 32 pixels, a few of them void.
        assert 3900 < clean["total"] == shifted["total"] < 4096
        assert 0 < clean["mean_iou"] < 1
    verdicts = records.select(rows, "verdict")
    assert {row["id"] for row in verdicts} == {"parent", "FT-50"}
    assert all(row["passed"] and row["total"] == 2 * clean["total"] for row in verdicts)
    (pruned,) = records.select(rows, "network", id="FT-50")
    assert pruned["form"] == "slim"
    assert records.select(rows, "potential", method="FT", distribution="clean")
    page = (tmp_path / "run" / "report.html").read_text()
    assert "mean IoU minus" in page
    assert "These networks segment" in page


@pytest.fixture
def deeplab(tmp_path, monkeypatch):
    """The recipe of a narrow DeepLabV3 with its auxiliary head."""
    voc(tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    model = "{name: deeplabv3_resnet50, options: {width: 2, aux: true}}"
    text = RECIPE.format(
        name="voc", model=model, method="SNIP", cut="scale", more=", validation: 0.25"
    )
    Path("recipe.yaml").write_text(text)
    return load(Path("recipe.yaml"), {"train.epochs": 1})


def test_deeplab_is_trained_pruned_by_its_loss_exported_and_judged(deeplab, tmp_path):
    trained = steps.train_network(deeplab, seed=0)
    (settings,) = deeplab.prune
    pruned, masks = steps.prune_network(trained, deeplab, settings, 0.5)
    assert pruned.meta["ratio"] == pytest.approx(0.5, abs=1e-4)
    assert any(name.startswith("aux_classifier") for name in masks)
    name, value = steps.quality(pruned)
    assert name == "mean_iou"
    assert 0 <= value < 1
    parity = shipping.export_network(pruned, tmp_path / "deeplab.onnx", provider="cpu")
    assert parity["max_abs"] <= parity["bound"]


def test_runs_hold_no_more_than_they_show(deeplab, monkeypatch):
    """What a network is judged on is asked for in pieces, whatever the size of the set."""
    from sparseprune.data import pictures

    asked = []
    whole = FilePictures.cut_each
    monkeypatch.setattr(pictures, "_PIECE", 2 * 32 * 32 * 3)
    monkeypatch.setattr(
        FilePictures,
        "cut_each",
        lambda self, places, cuts: asked.append(whole(self, places, cuts)) or asked[-1],
    )
    _, test = steps.pictures(deeplab.data)
    assert [len(piece) for _, piece in pictures.pieces(test.images)] == [2, 2]
    assert [len(found) for found in asked] == [2, 2]
