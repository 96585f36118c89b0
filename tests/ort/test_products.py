"""Products of two values that are computed at run time: which are claimed, and what they give."""

import numpy as np
import pytest

from sparseprune import onnxruntime

THREE, SIX, ZERO = np.float32(3), np.float32(6), np.float32(0)


def squeeze_and_excitation(net, networks, x, gate):
    """A map of four channels times what two layers make of its means."""
    y = net.add("Conv", net.add("GlobalAveragePool", x), networks.weight(2, 4, 1, 1))
    y = net.add("Conv", net.add("Relu", y), networks.weight(4, 2, 1, 1))
    y = net.add(gate, y)
    return net.add("Mul", x, y)


def check(model, shape, networks, assert_within):
    session = onnxruntime.session(model, provider="sparseprune", min_sparsity=0.5)
    assert_within(session, model, {"x": networks.weight(*shape)})


@pytest.mark.parametrize("axes", [["N", 4, "H", "W"], ["N", 4, None, None], [1, 4, 8, 9]])
@pytest.mark.parametrize("gate", ["Sigmoid", "HardSigmoid"])
def test_squeeze_and_excitation(axes, gate, networks, claims, assert_within):
    net = networks.Network()
    x = net.sparse_conv(net.input("x", axes))
    model = net.serialize(net.sparse_conv(squeeze_and_excitation(net, networks, x, gate)))
    assert claims(model) == (8, 8)
    for batch in (1,) if axes[0] == 1 else (1, 2, 17):
        check(model, (batch, 4, 8, 9), networks, assert_within)


def hard_swish(net, x, order):
    gate = net.add("Clip", net.add("Add", x, THREE), ZERO, SIX)
    if order == "product first":
        return net.add("Div", net.add("Mul", x, gate), SIX)
    return net.add("Mul", net.add("Div", gate, SIX), x)


FORMS = {
    "silu": lambda net, x: net.add("Mul", x, net.add("Sigmoid", x)),
    "hard swish": lambda net, x: net.add("Mul", net.add("HardSigmoid", x, alpha=1 / 6), x),
    "clamp": lambda net, x: hard_swish(net, x, "product first"),
    "clamp over six": lambda net, x: hard_swish(net, x, "quotient first"),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("axes", [["N", 4, "H", "W"], ["N", "T", 4], ["N", 4]], ids=str)
def test_gates_as_exporters_write_them(form, axes, networks, claims, assert_within):
    net, x = networks.Network(), "x"
    net.input(x, axes)

    def layer(x):
        if len(axes) == 4:
            return net.sparse_conv(x)
        return net.add("MatMul", x, np.diag(np.float32([1, 2, 3, 4])))

    model = net.serialize(layer(FORMS[form](net, layer(x))))
    claimed, total = claims(model)
    assert claimed == total
    check(
        model, (3, 4, 5, 7) if len(axes) == 4 else (3, 5, 4)[-len(axes) :], networks, assert_within
    )


@pytest.mark.parametrize(
    "axes", [["N", 1, "H", "W"], ["N", 4, "H", 1], ["M", 4, 1, 1], ["N", 4, None, None], [4, 1, 1]]
)
def test_products_that_may_broadcast_otherwise_are_left(axes, networks, claims, assert_close):
    net = networks.Network()
    x, gate = net.sparse_conv(net.input("x", ["N", 4, "H", "W"])), net.input("g", axes)
    model = net.serialize(net.add("Mul", x, gate))
    assert claims(model) == (1, 2)
    known = {"N": 2, "M": 1, "H": 5, "W": 6, None: 1}
    shape = [known.get(axis, axis) for axis in axes]
    feeds = {"x": networks.weight(2, 4, 5, 6), "g": networks.weight(*shape)}
    assert_close(model, feeds)
