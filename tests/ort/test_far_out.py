"""Sizes that a model may declare and no engine can add up."""

import numpy as np
import onnxruntime as ort
import pytest

from sparseprune import onnxruntime
from sparseprune.onnxruntime import routes

FAR = 2**63 - 1
# Name: (shape of the input, attributes).
FAR_OUT = {
    "extents": (["N", 4, FAR, FAR], {}),
    "extents padded": (["N", 4, FAR, FAR], {"pads": [1, 1, 1, 1]}),
    "extents and pads": (["N", 4, FAR - 2**31, FAR - 2**31], {"pads": [2**30] * 4}),
    "extents same": (["N", 4, FAR, FAR], {"auto_pad": "SAME_UPPER", "strides": [2, 2]}),
    "extents same far": (["N", 4, FAR, FAR], {"auto_pad": "SAME_LOWER", "strides": [2**62] * 2}),
    "extents beyond the engine": (["N", 4, 2**30 + 1, 9], {"pads": [1, 1, 1, 1]}),
    "batch": ([FAR, 4, 9, 9], {}),
    "pads": (["N", 4, "H", "W"], {"pads": [FAR] * 4}),
    "sum of pads": (["N", 4, "H", "W"], {"pads": [2**62] * 4}),
    "strides": (["N", 4, "H", "W"], {"strides": [FAR, FAR]}),
    "dilations": (["N", 4, "H", "W"], {"dilations": [FAR, FAR]}),
}


@pytest.mark.parametrize("name", FAR_OUT)
def test_far_out_sizes_are_left_to_the_cpu_provider(name, networks, claims, run_all):
    """The same answer, or the same complaint at the same moment, as without our provider."""
    if "same" in name and routes.version(ort) < (1, 24):
        pytest.skip("ONNX Runtime 1.23 itself counts to such an extent")
    axes, attributes = FAR_OUT[name]
    net = networks.Network()
    w = networks.sparse(np.random.default_rng(7), (4, 4, 3, 3), 0.8)
    model = net.serialize(net.add("Conv", net.input("x", axes), w, **attributes))

    def outcome(provider):
        try:
            session = onnxruntime.session(model, provider=provider)
        except onnxruntime.InputError as error:
            return "load", str(error)
        try:
            return "answer", *run_all(session, {"x": networks.weight(2, 4, 9, 9)}).values()
        except Exception as error:
            return "run", str(error)

    ours, theirs = outcome("sparseprune"), outcome("cpu")
    assert ours[0] == theirs[0]
    if ours[0] == "answer":
        np.testing.assert_array_equal(ours[1], theirs[1])
    else:
        assert ours[1] == theirs[1]
    if ours[0] != "load":
        assert claims(model)[0] == 0


def test_far_out_sums_are_left_to_the_cpu_provider(networks, claims, plain_options):
    net = networks.Network()
    x = net.input("x", ["N", 4, FAR, FAR])
    w = networks.sparse(np.random.default_rng(7), (4, 4, 1, 1), 0.8)
    y = net.add("Conv", x, w)
    model = net.serialize(net.add("Relu", net.add("Add", y, net.add("Conv", x, w))))
    assert claims(model, options=plain_options()) == (0, 4)
