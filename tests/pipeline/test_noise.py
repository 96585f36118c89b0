"""The stages that show noise, on networks that never were trained."""

from dataclasses import replace

import pytest
import torch

from sparseprune import exporter, models, records
from sparseprune.errors import InputError
from sparseprune.pipeline import folder as folders
from sparseprune.pipeline import noise, stages, steps
from sparseprune.recipe import parse

WIDTHS = [0.0, 0.4]


def recipe(asked=True, **data):
    asked = {"widths": WIDTHS, "draws": 2, "pictures": 20} if asked else None
    return parse(
        {
            "data": {"train": 40, "test": 30, **data},
            "model": {"name": "resnet8", "options": {"width": 4}},
            "prune": [{"method": "WT", "ratios": [0.5]}],
            "evaluate": {"corruptions": [], "noise": 0, "noise_similarity": asked},
        },
        "here",
    )


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """Rows of all stages; the networks differ in their seeds."""
    folder = folders.prepare(tmp_path_factory.mktemp("noise") / "run", recipe())
    for seed, id in enumerate(("parent", "separate", "WT-50")):
        torch.manual_seed(seed)
        model = models.build("resnet8", width=4, input_shape=(1, 28, 28), classes=10).eval()
        folder.onnx(id).parent.mkdir(exist_ok=True)
        exporter.export(model, folder.onnx(id), example_inputs=torch.zeros(2, 1, 28, 28))
    for task in noise.tasks(folder, recipe(), ()):
        task.action(steps.silent)
    return records.read_run(folder.root)


def test_every_network_is_shown_the_same_noise_of_every_width(shown):
    assert [(row["width"], row["id"]) for row in shown] == [
        (width, id) for width in WIDTHS for id in ("parent", "separate", "WT-50")
    ]
    for row in shown:
        assert (row["total"], len(row["correct"])) == (20, 2)
        assert (row["agreement"] == 1) == (row["id"] == "parent")
        assert (row["softmax_distance_std"] == 0) == (row["width"] == 0 or row["id"] == "parent")


def test_judgement_waits_for_the_noise_that_is_asked_for(tmp_path):
    folder = folders.RunFolder(tmp_path)
    (judge,) = [it for it in stages.graph(folder, recipe(), ["clean"]) if it.name == "judge"]
    assert judge.after == ("evaluate clean", "noise 0", "noise 0.4")
    names = [task.name for task in stages.graph(folder, recipe(asked=False), ["clean"])]
    assert not [name for name in names if name.startswith("noise")]


def test_pictures_of_several_classes_have_no_label_to_agree_on():
    _, test = steps.pictures(recipe().data)
    several = replace(test, labels=test.labels[:, None])
    with pytest.raises(InputError, match="noise_similarity: expected pictures of one class each"):
        noise.check(recipe(), several)
    noise.check(recipe(asked=False), several)
