import pytest

from sparseprune import recipe as recipes
from sparseprune.sweep.plan import plan

RECIPE = {
    "data": {"train": 60, "test": 20},
    "model": {"name": "feed_forward", "options": {"hidden": 8}},
    "train": {"epochs": 2},
    "retrain": {"epochs": 1},
    "prune": [{"method": "WT", "ratios": [0.5, 0.8]}],
    "evaluate": {"corruptions": ["fog"]},
    "sweep": {"seeds": [0, 1]},
}


def planned(**changes):
    document = {**RECIPE, **{k: v for k, v in changes.items() if "." not in k}}
    return plan(recipes.parse(document, "test", {k: v for k, v in changes.items() if "." in k}))


@pytest.fixture(scope="module")
def base():
    return planned()


def addresses(found, kind, run="feed_forward-seed0"):
    places = found.places[run]
    return {name: it.address for name, it in places.items() if name.startswith(kind)}


def test_each_stage_comes_after_those_it_needs(base):
    before = set()
    for address, stage in base.stages.items():
        assert address == stage.address
        assert before >= set(stage.needs)
        assert before >= {placed.address for placed in stage.inputs}
        before.add(address)
    assert len({stage.label for stage in base.stages.values()}) == len(base.stages)


def test_the_network_to_compare_with_is_the_next_seeds_parent(base):
    separate = base.places["feed_forward-seed0"]["train separate"]
    parent = base.places["feed_forward-seed1"]["train parent"]
    assert separate.address == parent.address
    assert dict(separate.renamed)["checkpoints/parent.safetensors"].endswith("separate.safetensors")
    assert not parent.renamed
    trained = [stage for stage in base.stages.values() if stage.kind == "train"]
    assert sorted(stage.run for stage in trained) == [f"feed_forward-seed{n}" for n in (0, 1, 2)]


def test_shifts_have_addresses_of_their_own(base):
    found = addresses(base, "evaluate")
    assert len(found) == len(set(found.values())) == 3


def test_a_longer_grid_shares_what_comes_before(base):
    longer = planned(prune=[{"method": "WT", "ratios": [0.5, 0.8, 0.9]}])
    first, second = addresses(base, "prune"), addresses(longer, "prune")
    assert first.items() <= second.items()
    assert addresses(base, "train") == addresses(longer, "train")


def test_a_method_more_shares_the_trainings(base):
    more = planned(prune=[*RECIPE["prune"], {"method": "FT", "ratios": [0.5]}])
    assert addresses(base, "train") == addresses(more, "train")
    assert addresses(base, "prune").items() <= addresses(more, "prune").items()
    assert addresses(base, "evaluate").items().isdisjoint(addresses(more, "evaluate").items())


@pytest.mark.parametrize(
    ("change", "value", "changed", "kept"),
    [
        ("train.epochs", 3, "train", None),
        ("retrain.epochs", 2, "prune", "train"),
        ("export.tune_seconds", 1, "export", "prune"),
        ("evaluate.severity", 4, "evaluate", "export"),
        ("measure.rounds", 9, "measure", "evaluate"),
        ("report.must_hold", ["clean"], "judge", "evaluate"),
        ("data.train", 50, "train", None),
        ("data.test", 10, "evaluate", None),
        ("model.options", {"hidden": 9}, "train", None),
        ("retrain.mode", "finetune", "prune", "train"),
        ("name", "other", "describe", "evaluate"),
    ],
)
def test_a_setting_changes_what_depends_on_it(base, change, value, changed, kept):
    document = {**RECIPE, change: value} if "." not in change else RECIPE
    override = {change: value} if "." in change else {}
    other = plan(recipes.parse(document, "test", override))
    mine, theirs = addresses(base, changed), addresses(other, changed)
    assert all(mine[name] != theirs[name] for name in mine)
    if kept:
        assert addresses(base, kept) == addresses(other, kept)


def test_changed_code_of_an_own_network_makes_other_stages(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = tmp_path / "net_of_test_plan.py"
    code.write_text(
        "from torch import nn\nimport helper_of_test_plan\ndef net():\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(784, 8), nn.ReLU(), nn.Linear(8, 10))\n"
    )
    helper = tmp_path / "helper_of_test_plan.py"
    helper.touch()
    model = {"name": "net_of_test_plan:net"}
    found = [planned(model=model), planned(model=model)]
    for file in (code, helper):
        file.write_text(file.read_text() + "# changed\n")
        found.append(planned(model=model))
    first, again, *changed = (set(it.stages) for it in found)
    assert first == again
    assert not first & changed[0]
    assert not changed[0] & changed[1]


def test_weights_kept_for_rewinding_are_part_of_a_training(base):
    rewinding = planned(**{"retrain.mode": "rewind_weights", "retrain.rewind": 1})
    again = planned(**{"retrain.mode": "rewind_weights", "retrain.rewind": 0.5})
    found = [addresses(it, "train")["train parent"] for it in (base, rewinding, again)]
    assert len(set(found)) == 3


def test_training_costs_three_forward_passes_a_picture(base):
    stage = base.stages[base.places["feed_forward-seed0"]["train parent"].address]
    macs = 28 * 28 * 8 + 8 * 10
    assert (stage.cost.images, stage.cost.macs) == (2 * 60, 2 * 60 * 3 * macs)
    pruned = base.stages[base.places["feed_forward-seed0"]["prune WT-80"].address]
    assert pruned.cost.images == 60
    # Parent, separate and two pruned networks, the first and the last two also as their twins.
    shown = base.stages[base.places["feed_forward-seed0"]["evaluate fog"].address]
    assert (shown.cost.images, shown.cost.macs) == (7 * 20, 7 * 20 * macs)


def test_noise_is_shown_without_evaluating_anything_else_anew(base):
    def noisy(draws):
        return planned(**{"evaluate.noise_similarity": {"widths": [0, 0.3], "draws": draws}})

    found, more = noisy(2), noisy(3)
    assert addresses(base, "evaluate") == addresses(found, "evaluate")
    mine, theirs = addresses(found, "noise"), addresses(more, "noise")
    assert list(mine) == ["noise 0", "noise 0.3"]
    assert all(mine[name] != theirs[name] for name in mine)
    # Four networks as deployed; the test pictures are fewer than the study's thousand.
    assert found.stages[mine["noise 0.3"]].cost.images == 4 * 20 * 2
