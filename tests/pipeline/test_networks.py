"""Which networks a run makes."""

from sparseprune.pipeline.networks import PARENT, SEPARATE, networks
from sparseprune.recipe import parse


def test_the_separate_network_is_the_dense_one_of_another_seed():
    """The yardstick of functional distance (paper 1.8): nothing but the seed may differ."""
    recipe = parse({"seed": 4, "prune": [{"method": "WT", "ratios": [0.5]}]}, "here")
    found = {network.id: network for network in networks(recipe)}
    parent, separate = found[PARENT], found[SEPARATE]
    assert separate.seed != parent.seed
    assert (separate.source, separate.pruning) == (None, None) == (parent.source, parent.pruning)
    assert found["WT-50"].seed == parent.seed
