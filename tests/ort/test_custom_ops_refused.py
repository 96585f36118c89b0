"""Compact nodes that are wrong are refused when the session opens, by name and with the reason."""

import numpy as np
import pytest

F32, F16, U8, U16 = np.float32, np.float16, np.uint8, np.uint16
CONV = {"weight_shape": [2, 3, 1, 1], "strides": [1, 1], "pads": [0, 0, 0, 0]}
CONV |= {"dilations": [1, 1], "group": 1}
LINEAR = {"weight_shape": [2, 3]}
AXES = {"Conv": ["N", 3, 4, 4], "Linear": ["N", 3]}


def tensors(values=(1.0, 2.0), positions=(1, 3), bias=(0.0, 0.0), dtype=F32, index=U8):
    return [np.array(values, dtype), np.array(positions, index), np.array(bias, F32)]


def conv(**changes):
    """Attributes of a convolution, some changed, or left out where None."""
    return {name: value for name, value in (CONV | changes).items() if value is not None}


def bits(mask=0b101, **changes):
    return tensors(positions=[mask], **changes)


# Name: (operator, tensors, attributes, message).
WRONG = {
    "no weight shape": ("SparseLinear", tensors(), {}, "no attribute weight_shape"),
    "weight shape a number": ("SparseLinear", tensors(), {"weight_shape": 6}, "weight_shape"),
    "weight of rank 3": ("SparseLinear", tensors(), {"weight_shape": [2, 3, 1]}, "weight_shape"),
    "weight of rank 5": (
        *("SparseConv", tensors(), conv(weight_shape=[2, 3, 1, 1, 1])),
        "neither a 1-D nor a 2-D convolution",
    ),
    "weight without extent": ("SparseLinear", tensors(), {"weight_shape": [2, 0]}, "weight_shape"),
    "weight of negative extent": (
        *("SparseLinear", tensors(), {"weight_shape": [-2, -3]}),
        "unusual weight_shape",
    ),
    "weight too large": (
        *("SparseLinear", tensors(), {"weight_shape": [2**20, 2**20]}),
        "weight is too large",
    ),
    "weight beyond counting": (
        *("BitmaskConv", bits(), conv(weight_shape=[2**30, 2**30, 2**30, 2**30])),
        "weight is too large",
    ),
    "extent beyond 2^62": ("SparseLinear", tensors(), {"weight_shape": [2**62, 3]}, "weight_shape"),
    "no strides": ("SparseConv", tensors(), conv(strides=None), "no attribute strides"),
    "no pads": ("SparseConv", tensors(), conv(pads=None), "no attribute pads"),
    "no dilations": ("SparseConv", tensors(), conv(dilations=None), "no attribute dilations"),
    "no group": ("SparseConv", tensors(), conv(group=None), "no attribute group"),
    "three strides": ("SparseConv", tensors(), conv(strides=[1, 1, 1]), "unusual strides"),
    "stride 0": ("SparseConv", tensors(), conv(strides=[0, 1]), "unusual strides"),
    "stride far out": ("SparseConv", tensors(), conv(strides=[2**63 - 1, 1]), "unusual strides"),
    "two pads": ("SparseConv", tensors(), conv(pads=[0, 0]), "unusual pads"),
    "pad -1": ("SparseConv", tensors(), conv(pads=[0, 0, 0, -1]), "unusual pads"),
    "dilation 0": ("SparseConv", tensors(), conv(dilations=[1, 0]), "unusual dilations"),
    "group 0": ("SparseConv", tensors(), conv(group=0), "unusual group"),
    "groups that do not divide": ("SparseConv", tensors(), conv(group=3), "groups do not divide"),
    "values of doubles": ("SparseLinear", tensors(dtype=np.float64), LINEAR, "neither float32"),
    "values of bytes": ("SparseLinear", tensors(dtype=np.int8), LINEAR, "neither float32"),
    "values of rank 2": ("SparseLinear", tensors(values=[[1, 2]]), LINEAR, "not a list"),
    "no values": ("SparseLinear", tensors([], []), LINEAR, "not a list of one or more"),
    "steps of 32 bits": ("SparseLinear", tensors(index=np.uint32), LINEAR, "neither uint8 nor"),
    "steps with a sign": ("SparseLinear", tensors(index=np.int16), LINEAR, "neither uint8 nor"),
    "steps of rank 2": (
        *("SparseLinear", tensors(positions=[[1, 3]]), LINEAR),
        "not one step for each value",
    ),
    "too few steps": ("SparseLinear", tensors(positions=[1]), LINEAR, "not one step for each"),
    "step 0": ("SparseLinear", tensors(positions=[1, 0]), LINEAR, "step of 0"),
    "first step 0": ("SparseConv", tensors(positions=[0, 1]), conv(), "step of 0"),
    "steps out of the weight": (
        *("SparseLinear", tensors(positions=[1, 6]), LINEAR),
        "lead out of its weight",
    ),
    "wide steps out of the weight": (
        *("SparseConv", tensors(positions=[65535, 65535], index=U16), conv()),
        "lead out of its weight",
    ),
    "bitmask of 16 bits": ("BitmaskLinear", bits(index=U16), LINEAR, "bitmask is not uint8"),
    "bitmask too long": (
        *("BitmaskLinear", tensors(positions=[5, 0]), LINEAR),
        "not one bit for each weight",
    ),
    "bitmask too short": ("BitmaskLinear", tensors(positions=[]), LINEAR, "not one bit for each"),
    "one bit too many": ("BitmaskLinear", bits(0b111), LINEAR, "one bit for each value"),
    "one bit too few": ("BitmaskConv", bits(0b1), conv(), "one bit for each value"),
    "a bit behind the weight": ("BitmaskLinear", bits(0b1000001), LINEAR, "bits behind its weight"),
    "bias too long": ("SparseLinear", tensors(bias=[0] * 3), LINEAR, "bias does not fit"),
    "bias of rank 2": ("SparseConv", tensors(bias=[[0, 0]]), conv(), "bias does not fit"),
    "values at run time": (
        *("SparseLinear", ["v", *tensors()[1:]], LINEAR),
        "values computed at run time",
    ),
    "bias at run time": (
        *("SparseLinear", [*tensors()[:2], "b"], LINEAR),
        "bias computed at run time",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_nodes_are_named(name, files, with_operators):
    op, stored, attributes, message = WRONG[name]
    axes = AXES["Conv" if op.endswith("Conv") else "Linear"]
    model = files.bare(op, stored, attributes, axes)
    with pytest.raises(Exception, match=f"sparseprune: {op} 'the layer': .*{message}"):
        with_operators(model)


def test_what_is_right_is_not_refused(files, with_operators):
    """The cases above are each one change away from these."""
    for op, stored, attributes in (
        ("SparseConv", tensors(), conv()),
        ("SparseLinear", tensors(), LINEAR),
        ("SparseLinear", tensors(index=U16, dtype=F16), LINEAR),
        ("BitmaskConv", bits(), conv()),
        ("BitmaskLinear", bits(), LINEAR),
    ):
        axes = AXES["Conv" if op.endswith("Conv") else "Linear"]
        session = with_operators(files.bare(op, stored, attributes, axes))
        shape = [2 if axis == "N" else axis for axis in axes]
        assert session.run(None, {"x": np.ones(shape, F32)})[0].shape[1] == 2


@pytest.mark.parametrize("op", ["SparseLinear", "BitmaskLinear"])
def test_random_encodings_open_or_are_refused(op, files, with_operators):
    """Never a crash: what lies outside the weight is noticed before it is used."""
    rng = np.random.default_rng(3)
    opened, complaints = 0, []
    for _ in range(150):
        count = int(rng.integers(1, 20))
        steps = rng.integers(0 if rng.random() < 0.3 else 1, 5, count)
        positions = steps if op == "SparseLinear" else rng.integers(0, 256, 3)
        stored = tensors(rng.standard_normal(count), positions, bias=np.zeros(4))
        model = files.bare(op, stored, {"weight_shape": [4, 6]}, ["N", 6])
        try:
            session = with_operators(model, threads=1)
        except Exception as error:
            complaints.append(str(error))
            continue
        opened += 1
        assert np.isfinite(session.run(None, {"x": np.ones((1, 6), F32)})[0]).all()
    assert all(f"sparseprune: {op} 'the layer': " in text for text in complaints)
    assert min(opened, len(complaints)) > 5
