"""Which channels of a network belong together, which layers can be pruned, and why not."""

from sparseprune.graph.groups import Group, Member
from sparseprune.graph.network import (
    ExampleInputs,
    Layer,
    NetworkGraph,
    layers,
    output_layers,
    tensors,
    trace,
    walk,
)
from sparseprune.graph.steps import Step

__all__ = [
    "ExampleInputs",
    "Group",
    "Layer",
    "Member",
    "NetworkGraph",
    "Step",
    "layers",
    "output_layers",
    "tensors",
    "trace",
    "walk",
]
