"""Which regions the cost model gives to the provider, and where it draws their ends."""

import numpy as np
import pytest

from sparseprune import _cpu, onnxruntime
from sparseprune.errors import InputError

wide = pytest.mark.skipif(_cpu.lanes() < 16, reason="shorter vectors need more zeros to pay")


def conv(net, networks, x, channels, kernel, sparsity, seed=0, **attributes):
    """A layer with as many inputs as outputs, or (inputs, outputs)."""
    inputs, outputs = channels if isinstance(channels, tuple) else (channels, channels)
    w = networks.sparse(np.random.default_rng(seed), (outputs, inputs, kernel, kernel), sparsity)
    pads = [kernel // 2] * 4
    return net.add("Relu", net.add("Conv", x, w, pads=pads, **attributes))


def claimed(nodes):
    return [node["name"] for node in nodes if node["region"] >= 0]


@pytest.mark.parametrize(
    ("sparsities", "share"),
    [((0, 0, 0), 0), ((0.05, 0, 0), 0), ((0.95, 0.95, 0.95), 1), ((0.95, 0.5, 0.95), 1)],
)
def test_networks_run_here_where_they_are_sparse(sparsities, share, networks, decisions):
    """As a whole: a layer that is not sparse enough by itself stays between two that are."""
    net = networks.Network()
    x = net.input("x", [1, 64, 28, 28])
    for seed, sparsity in enumerate(sparsities):
        x = conv(net, networks, x, 64, 3, sparsity, seed)
    nodes = decisions(net.serialize(x))
    assert len(claimed(nodes)) == share * len(nodes)


@wide
def test_a_small_network_with_some_zeros_is_claimed_whole(networks, decisions):
    """Layers as the quickstart's at 60 %, which take 46 us whole, 50 in part and 56 dense."""
    net = networks.Network()
    x = net.input("x", [1, 1, 28, 28])
    x = conv(net, networks, x, (1, 16), 3, 0.17, strides=[2, 2])
    for inputs, outputs, stride, sparsities in (
        (16, 16, 1, (0.35, 0.31)),
        (16, 32, 2, (0.43, 0.45)),
        (32, 64, 2, (0.55, 0.76)),
    ):
        y = conv(net, networks, x, (inputs, outputs), 3, sparsities[0], strides=[stride] * 2)
        x = conv(net, networks, y, outputs, 3, sparsities[1])
    nodes = decisions(net.serialize(x))
    assert len(claimed(nodes)) == len(nodes)


@wide
@pytest.mark.parametrize(("kernel", "share"), [(3, 1), (1, 0)])
def test_windows_pay_with_fewer_zeros_than_single_positions(kernel, share, networks, decisions):
    """Taps that see the same inputs find them in L1."""
    net = networks.Network()
    x = net.input("x", [1, 64, 28, 28])
    for seed in range(4):
        x = conv(net, networks, x, 64, kernel, 0.35, seed)
    nodes = decisions(net.serialize(x))
    assert len(claimed(nodes)) == share * len(nodes)


def test_weights_beyond_the_caches_bind_the_dense_run_of_small_maps(networks, decisions):
    """There a layer that fills a quarter of the lanes is still faster here."""
    net = networks.Network()
    x = net.input("x", [1, 512, 4, 4])
    x = conv(net, networks, x, 512, 3, 0.75, strides=[2, 2])
    nodes = decisions(net.serialize(conv(net, networks, x, 512, 3, 0.75, seed=1)))
    assert len(claimed(nodes)) == len(nodes)


def test_a_dense_end_alone_is_left(networks, decisions):
    """Without the slower layers before it nothing is pruned, and our call takes longer than it."""
    net = networks.Network()
    rng = np.random.default_rng(0)
    x = net.input("x", ["N", 784])
    for inputs, outputs, sparsity in ((784, 300, 0.3), (300, 100, 0.3), (100, 10, 0)):
        x = net.add("MatMul", x, networks.sparse(rng, (inputs, outputs), sparsity))
        x = net.add("Relu", net.add("Add", x, rng.standard_normal(outputs).astype(np.float32)))
    assert claimed(decisions(net.serialize(x))) == []


def test_without_zeros_the_reason_is_said(networks, decisions):
    net = networks.Network()
    nodes = decisions(net.serialize(conv(net, networks, net.input("x", [1, 64, 8, 8]), 64, 3, 0)))
    assert {node["reason"] for node in nodes} == {"none of the layers around it is pruned"}


@pytest.mark.parametrize("at_end", [False, True])
def test_dense_layers_at_an_end_are_left(at_end, networks, decisions, assert_close):
    """Where the CPU provider is faster at them by more than handing a map over costs."""
    net = networks.Network()
    x = net.input("x", [1, 256, 7, 7])  # which fills 16 lanes badly
    layers = [0, 0.95, 0.95]
    for seed, sparsity in enumerate(layers[::-1] if at_end else layers):
        x = conv(net, networks, x, 256, 3, sparsity, seed)
    model = net.serialize(x)
    nodes = decisions(model)
    left = [node["name"] for node in nodes if node["region"] < 0]
    dense = nodes[-2:] if at_end else nodes[:2]
    assert left == [node["name"] for node in dense]
    assert all("estimated faster" in node["reason"] for node in dense)
    feeds = {"x": np.random.default_rng(0).standard_normal((1, 256, 7, 7)).astype(np.float32)}
    assert_close(model, feeds, min_sparsity=None)


def test_unknown_sizes_are_decided_by_sparsity(networks, decisions):
    for sparsity, count in ((0.95, 4), (0.2, 0)):
        net = networks.Network()
        x = net.input("x", ["N", 64, "H", "W"])
        x = conv(net, networks, conv(net, networks, x, 64, 3, sparsity), 64, 3, sparsity)
        assert len(claimed(decisions(net.serialize(x)))) == count


def test_a_layer_too_small_to_pay_for_its_borders_is_left(networks, decisions):
    net = networks.Network()
    x = net.add("Neg", net.input("x", [1, 2, 56, 56]))
    x = net.add("Neg", conv(net, networks, x, 2, 1, 0.5))
    assert claimed(decisions(net.serialize(x))) == []


def test_a_sparsity_asked_for_overrides_the_estimate(networks, decisions):
    net = networks.Network()
    model = net.serialize(conv(net, networks, net.input("x", [1, 64, 8, 8]), 64, 3, 0.3))
    assert len(claimed(decisions(model, min_sparsity=0.2))) == 2
    assert len(claimed(decisions(model, min_sparsity=0.4))) == 0


TOKENS = (2, 5, 24)


def feed_forward(net, networks, x, bias=True):
    rng = np.random.default_rng(0)
    for shape in ((24, 40), (40, 24)):
        y = net.add("MatMul", x, networks.sparse(rng, shape, 0.7))
        if bias:
            y = net.add("Add", rng.standard_normal(shape[1]).astype(np.float32), y)
        x = net.add("Relu", y)
    return x


def test_tokens_keep_their_shape(networks, claims, assert_within):
    net = networks.Network()
    x = net.input("x", ["N", "T", 24])
    model = net.serialize(net.add("Add", feed_forward(net, networks, x, bias=False), x))
    assert claims(model) == (5, 5)
    session = onnxruntime.session(model, provider="sparseprune", min_sparsity=0.5)
    rng = np.random.default_rng(1)
    for shape in (TOKENS, (1, 1, 24), (3, 17, 24), (0, 4, 24), (4, 0, 24)):
        assert_within(session, model, {"x": rng.standard_normal(shape).astype(np.float32)})


def test_a_constant_row_becomes_the_bias(networks, decisions, assert_close):
    net = networks.Network()
    model = net.serialize(feed_forward(net, networks, net.input("x", ["N", "T", 24])))
    assert len(claimed(decisions(model, min_sparsity=0.5))) == 6
    x = np.random.default_rng(1).standard_normal(TOKENS).astype(np.float32)
    assert_close(model, {"x": x}, min_sparsity=0.5)


def test_tokens_that_differ_between_inputs_are_an_error(networks, plain_options):
    """The model says they agree: as many, but ordered otherwise, must not be mixed."""
    net = networks.Network()
    a, b = net.input("a", ["N", "T", 24]), net.input("b", ["N", "T", 24])
    y = net.add("Add", feed_forward(net, networks, a, bias=False), b)
    session = onnxruntime.session(
        net.serialize(y), provider="sparseprune", min_sparsity=0.5, options=plain_options()
    )
    zeros = {"a": np.zeros((2, 6, 24), np.float32), "b": np.zeros((3, 4, 24), np.float32)}
    with pytest.raises(Exception, match=r"tokens for 'b'|broadcast"):
        session.run(None, zeros)


@pytest.mark.parametrize("raw_reader", [False, True])
def test_channels_last_at_the_ends(raw_reader, networks, decisions, assert_close, plain_options):
    """The transposes vanish; a layer that reads the same input as it lies does not mind."""
    net = networks.Network()
    image = net.input("x", ["N", 9, 9, 9])
    x = net.add("Transpose", image, perm=[0, 3, 1, 2])
    x = conv(net, networks, x, 9, 3, 0.8)
    if raw_reader:
        x = net.add("Add", x, conv(net, networks, image, 9, 3, 0.8, seed=1))
    model = net.serialize(net.add("Transpose", x, perm=[0, 2, 3, 1]), x)
    nodes = decisions(model, min_sparsity=0.5, options=plain_options())
    assert all(node["region"] == 0 for node in nodes), nodes
    feeds = {"x": np.random.default_rng(0).standard_normal((2, 9, 9, 9)).astype(np.float32)}
    assert_close(model, feeds, min_sparsity=0.5, options=plain_options())


def test_transposes_inside_are_left(networks, decisions, plain_options):
    net = networks.Network()
    x = conv(net, networks, net.input("x", ["N", 9, 9, 9]), 9, 3, 0.8)
    x = net.add("Transpose", x, perm=[0, 2, 3, 1])
    nodes = decisions(
        net.serialize(conv(net, networks, x, 9, 3, 0.8)), min_sparsity=0.5, options=plain_options()
    )
    assert nodes[2]["reason"] == "transposes between layers that are run here"


def test_explanations_that_cannot_be_written_are_an_error(networks, tmp_path, plain_options):
    net = networks.Network()
    model = net.serialize(conv(net, networks, net.input("x", [1, 64, 8, 8]), 64, 3, 0.9))
    path = tmp_path / "nowhere" / "lines"
    with pytest.raises(InputError, match=f"cannot write explanations to '{path}'"):
        onnxruntime.session(model, provider="sparseprune", explain=path)


@pytest.mark.parametrize("extents", [(0, 9, 9), (2**30, 2**30, 2**30), ("N", 2**30, "W")])
def test_sizes_without_sense_are_estimated_too(extents, networks, claims):
    """No maps, or more floats than can be counted: whoever runs them will complain."""
    net = networks.Network()
    batch, height, width = extents
    x = net.input("x", [batch, 4, height, width])
    w = networks.sparse(np.random.default_rng(0), (4, 4, 1, 1), 0.8)
    model = net.serialize(net.add("Flatten", net.add("Conv", x, w)))
    assert claims(model) == (2, 2)
    assert claims(model, min_sparsity=None)[1] == 2


def depthwise(net, networks, x, channels, kernel, seed=0):
    w = networks.sparse(np.random.default_rng(seed), (channels, 1, kernel, kernel), 0.9)
    return net.add("Conv", x, w, pads=[kernel // 2] * 4, group=channels)


@pytest.mark.skipif(_cpu.lanes() < 8, reason="of the shortest vectors the layer takes longer")
@pytest.mark.parametrize("size", [(14, 14), (6, 96), (7, 7)], ids=str)
def test_a_depthwise_layer_among_others_is_left(size, networks, decisions):
    """What it saves, if anything, is less than handing its maps over costs."""
    net = networks.Network()
    x = net.add("Neg", net.input("x", [1, 120, *size]))
    x = net.add("Neg", depthwise(net, networks, x, 120, 5))
    assert claimed(decisions(net.serialize(x))) == []


def test_a_depthwise_layer_between_pruned_ones_is_claimed(networks, decisions):
    net = networks.Network()
    x = conv(net, networks, net.input("x", [1, 120, 14, 14]), 120, 1, 0.9)
    x = conv(net, networks, depthwise(net, networks, x, 120, 5), 120, 1, 0.9, seed=1)
    nodes = decisions(net.serialize(x))
    assert len(claimed(nodes)) == len(nodes)


def test_maps_of_unknown_size_fill_the_lanes_to_the_end(networks, decisions):
    """As after five strides of two of an image, not of a map a quarter of its size."""
    net = networks.Network()
    x = conv(net, networks, net.input("x", [1, 3, "H", "W"]), (3, 64), 3, 0, strides=[2, 2])
    for seed in range(4):
        x = depthwise(net, networks, x, 64, 3, seed)
        x = conv(net, networks, x, 64, 3, 0.9, seed, strides=[2, 2])
    nodes = decisions(net.serialize(x))
    assert len(claimed(nodes)) >= len(nodes) - 2  # but for the dense layer in front
