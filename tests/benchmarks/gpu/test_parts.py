"""The cases that have goals, and the networks."""

import importlib

import goals
import pytest
import run
import torch
from gpu.ceilings import ceilings
from gpu.clock import Dry
from gpu.place import Place, here
from gpu.slimmed import flops, halved
from networks import Network

pytest.importorskip("triton")
parts = importlib.import_module("gpu.parts")

GPU = Place(torch.device("cuda"), cache=2**25, shared=227 * 1024)


def test_goals_are_for_cases_that_exist():
    names = [case.name for part in parts.PARTS.values() for case in part(GPU)]
    assert len(set(names)) == len(names)
    assert set(goals.GPU) <= set(names)
    firsts = {name: next(part(GPU)).name for name, part in parts.PARTS.items()}
    # What a budget cuts off is what has no goal.
    assert {firsts[name] for name in ("linear", "conv", "decode", "network")} <= set(goals.GPU)


def test_the_command_line_names_every_part():
    assert run.PARTS == parts.NAMES


def test_all_contestants_of_goals_are_there():
    (first, *_) = (case for case in parts.linear(GPU))
    named = {(entry.peer, entry.zeros) for entry in first.entries()}
    assert {("cublas", "0"), ("torch bsr", "75"), ("grouped 128x64", "90")} <= named
    (first, *_) = (case for case in parts.conv(GPU))
    named = [entry.peer for entry in first.entries()]
    assert named[:2] == ["cudnn", "cudnn fused"]
    assert "grouped 64x8 halo" in named
    assert "grouped 128x16" not in named  # 64 outputs are one group of 64
    (first, *_) = (case for case in parts.semi(GPU))
    named = [entry.peer for entry in first.entries()]
    assert named == ["cublas", "torch 2:4 cusparselt", "torch 2:4 cutlass"]


def test_half_of_the_flops():
    network = Network("tiny", "resnet20", (3, 8, 8), 10)
    dense, slim = network.build(), halved(network)
    picture = torch.zeros(1, 3, 8, 8)
    assert 0.25 < flops(slim, picture) / flops(dense, picture) <= 0.5
    assert slim.fc.weight.shape == dense.fc.weight.shape
    assert slim.layer3[0].conv1.out_channels % 8 == 0


def test_ceilings(ticks):
    clock = ticks(2.0, 4.0, 1.0)
    copy, product, empty = ceilings(here(dry=True), clock, "a GPU")
    assert copy["tb_per_s"] == pytest.approx(2 * 1024 / 2 / 1e6)
    assert product["tflop_per_s"] == pytest.approx(2 * 16**3 / 4 / 1e6)
    assert (empty["median_us"], empty["tb_per_s"]) == (1.0, 0)
    assert clock.asked == [1, 1, 16]
    assert all("median_us" not in row for row in ceilings(here(dry=True), Dry(), "none"))
