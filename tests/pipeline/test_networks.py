from sparseprune.pipeline.networks import networks
from sparseprune.recipe import parse

GRID = [0.2, 0.36, 0.488]


def found(*prune, controls=()):
    recipe = parse({"seed": 4, "prune": list(prune), "controls": list(controls)}, "here")
    return {network.id: network for network in networks(recipe)}


def entry(method, **changes):
    return {"method": method, "ratios": GRID, **changes}


def sources(every):
    return {id: network.source for id, network in every.items()}


def test_iterative_pruning_is_a_chain():
    every = found(entry("WT"))
    assert sources(every) == {
        "parent": None,
        "separate": None,
        "WT-20": "parent",
        "WT-36": "WT-20",
        "WT-48.8": "WT-36",
    }
    assert every["separate"].seed == 5


def test_one_shot_and_gradual_pruning_start_at_the_parent():
    every = found(entry("WT", schedule="one_shot"), entry("FT", schedule="gradual", steps=3))
    pruned = [network for network in every.values() if network.role == "pruned"]
    assert len(pruned) == 6
    assert {network.source for network in pruned} == {"parent"}


def test_extended_training_is_as_long_as_the_longest_chain():
    every = found(entry("WT"), entry("FT", ratios=[0.5]), controls=["extended"])
    extended = {id: n for id, n in every.items() if n.control == "extended"}
    assert sources(extended) == {
        "extended-1": "parent",
        "extended-2": "extended-1",
        "extended-3": "extended-2",
    }
    assert [n.cycles for n in extended.values()] == [1, 2, 3]
    one = found(entry("WT", schedule="one_shot"), controls=["extended"])
    assert [id for id in one if id.startswith("extended")] == ["extended-1"]


def test_a_small_control_for_each_ratio_and_unit():
    every = found(
        entry("WT"),
        entry("SiPP", schedule="one_shot"),
        entry("FT", ratios=[0.2], unit="flops"),
        controls=["small"],
    )
    small = {id: n.cycles for id, n in every.items() if n.control == "small"}
    assert small == {"small-20": 1, "small-36": 2, "small-48.8": 3, "small-20-flops": 1}
    control = every["small-36"]
    assert (control.role, control.provider, control.has_twin) == ("control", "cpu", False)
    assert (control.target, control.unit, control.seed) == (0.36, "params", 4)
