"""What is derived from the evaluations of a run."""

from sparseprune import records
from sparseprune.data.corruptions import MIX1
from sparseprune.pipeline.folder import prepare
from sparseprune.pipeline.stages import judge
from sparseprune.recipe import parse

# What parent and pruned network get right of 100 pictures.
COUNTS = {"clean": (90, 90), "fog": (80, 70), "snow": (70, 70), "noise": (50, 10)}


def judged(folder, **settings):
    document = {"prune": [{"method": "WT", "ratios": [0.5]}], "train": settings}
    recipe = parse({**document, "retrain": settings}, "here")
    run = prepare(folder, recipe)
    networks = [("parent", "parent", 0.0), ("WT-50", "pruned", 0.5)]
    rows = [
        {"kind": "network", "id": id, "role": role, "method": "WT", "ratio": ratio}
        for id, role, ratio in networks
    ]
    rows += [
        {
            "kind": "evaluation",
            "id": id,
            "runner": "accelerated",
            "distribution": name,
            "correct": counts[place],
            "total": 100,
        }
        for name, counts in COUNTS.items()
        for place, (id, _, _) in enumerate(networks)
    ]
    records.write(run.records("evaluation"), rows)
    judge(run, recipe, lambda fraction, text: None)
    found = records.read(run.records("judgement"))
    overall = {row["set"]: row for row in records.select(found, "overall_potential")}
    (excess,) = records.select(found, "excess_error")
    (slope,) = records.select(found, "excess_slope")
    assert slope["value"] == excess["value"] / 0.5
    return overall, round(excess["value"], 9)


def test_nominal_training_is_held_against_clean_pictures(tmp_path):
    overall, excess = judged(tmp_path / "run")
    assert overall["train"]["distributions"] == ["clean"]
    assert (overall["test"]["distributions"], overall["test"]["mean"]) == (["fog", "snow"], 0.25)
    assert excess == 0.05


def test_robust_training_is_held_against_what_it_showed(tmp_path):
    assert "snow" in MIX1
    assert "fog" not in MIX1
    overall, excess = judged(tmp_path / "run", robust={})
    assert overall["train"]["distributions"] == ["clean", "snow"]
    assert (overall["test"]["distributions"], overall["test"]["mean"]) == (["fog"], 0.0)
    assert excess == 0.1
