from types import SimpleNamespace

import numpy as np
import pytest

from sparseprune.errors import InputError
from sparseprune.runtime import inputs


def port(name="x", kind="float", shape=("n", 3)):
    return SimpleNamespace(name=name, type=f"tensor({kind})", shape=list(shape))


def test_the_batch_fills_what_is_open():
    ports = [port("a"), port("table", shape=(9, 2)), port("scale", shape=())]
    assert inputs.resolve(ports, 4, {}) == {"a": (4, 3), "table": (9, 2), "scale": ()}
    assert inputs.resolve(ports, None, {})["a"] == (1, 3)
    with pytest.raises(InputError, match="'table' has a fixed batch of 9, got 4"):
        inputs.resolve(ports[1:], 4, {})


def test_a_shape_has_to_fit_its_input():
    assert inputs.resolve([port()], None, {"": [7, 3]}) == {"x": (7, 3)}
    for shapes, sentence in (
        ({"": [7, 4]}, "has shape .n, 3., got --shape .7, 4."),
        ({"z": [7, 3]}, "expected --shape for one of x, got 'z'"),
    ):
        with pytest.raises(InputError, match=sentence):
            inputs.resolve([port()], None, shapes)
    with pytest.raises(InputError, match=r"expected --shape NAME=\.\.\., one for each of x, y"):
        inputs.resolve([port(), port("y")], None, {"": [7, 3]})


@pytest.mark.parametrize("kind", ["float", "double", "float16", "int64", "int8", "uint8", "bool"])
def test_probes_have_their_type_and_repeat(kind):
    size = {"x": (64, 3)}
    (first,) = inputs.probe([port(kind=kind)], size).values()
    (again,) = inputs.probe([port(kind=kind)], size).values()
    assert first.dtype == inputs.zeros([port(kind=kind)], size)["x"].dtype
    np.testing.assert_array_equal(first, again)
    assert len(np.unique(first)) > 1
    if kind in ("int64", "bool"):
        assert set(np.unique(first)) == {0, 1}


def test_a_single_integer_is_one():
    assert inputs.probe([port(kind="int64", shape=())], {"x": ()})["x"] == 1


@pytest.mark.parametrize("kind", ["string", "bfloat16", "complex64"])
def test_what_is_no_number_is_refused(kind):
    with pytest.raises(InputError, match="expected inputs that are numbers"):
        inputs.zeros([port(kind=kind)], {"x": (1, 3)})


def test_what_does_not_fit_into_memory_is_refused():
    with pytest.raises(InputError, match="there is no memory for input 'x'"):
        inputs.probe([port()], {"x": (2**40, 2**20)})
