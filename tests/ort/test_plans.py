"""What the library tells of the plans it makes."""

import json

import numpy as np

from sparseprune import onnxruntime


def test_every_layer_is_told_of_itself(networks, tmp_path):
    """A linear layer on one vector has no tiles, not even those of a convolution of its size."""
    rng = np.random.default_rng(0)
    net = networks.Network()
    v, x = net.input("v", ["N", 16]), net.input("x", ["N", 16, 8, 8])
    x = net.add("Conv", x, networks.sparse(rng, (16, 16, 3, 3), 0.8))
    x = net.add("Flatten", net.add("GlobalAveragePool", x))
    v = net.add("Relu", net.add("MatMul", v, networks.sparse(rng, (16, 16), 0.8)))
    model = net.serialize(net.add("Add", x, v))
    path = tmp_path / "explained"
    session = onnxruntime.session(
        model, provider="sparseprune", threads=1, min_sparsity=0, explain=path
    )
    feeds = {"v": np.zeros((1, 16), np.float32), "x": np.zeros((1, 16, 8, 8), np.float32)}
    session.run(None, feeds)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    tiles = {row["op"]: len(row["tiles"]) for row in rows if row["event"] == "layer"}
    assert next(iter(tiles)) == "linear"  # else the other could not be taken for its own
    assert tiles["linear"] == 0
    assert tiles["conv"] > 0


def test_rows_share_the_weights_of_a_product_that_keeps_more_than_half(networks, tmp_path):
    """One by one they take twice the dense run's time: windows of few weights are packed for it."""
    net = networks.Network()
    w = networks.sparse(np.random.default_rng(0), (256, 256), 0.45)
    model = net.serialize(net.add("MatMul", net.input("x", ["N", 256]), w))
    path = tmp_path / "explained"
    session = onnxruntime.session(
        model, provider="sparseprune", threads=1, min_sparsity=0, explain=path
    )
    session.run(None, {"x": np.zeros((64, 256), np.float32)})
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    (images,) = (row["images"] for row in rows if row["event"] == "layer")
    assert images >= 32
