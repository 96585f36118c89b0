"""Inputs for a parity check are made for any signature, or the user is told what to give."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from sparseprune.errors import InputError
from sparseprune.exporter.ports import probe


def session(**ports):
    values = [SimpleNamespace(name=n, type=f"tensor({t})", shape=s) for n, (t, s) in ports.items()]
    return SimpleNamespace(get_inputs=lambda: values)


def shapes(found):
    return [{name: array.shape for name, array in run.items()} for run in found.runs]


def test_an_open_batch_gets_16_samples_in_one_run():
    found = probe(session(x=("float", ["batch", 3, 4])), None, {}, "m")
    assert shapes(found) == [{"x": (16, 3, 4)}]
    assert found.single["x"].shape == (1, 3, 4)
    assert found.images == 16
    assert found.runs[0]["x"].dtype == np.float32
    assert found.runs[0]["x"].std() > 0.5


def test_a_fixed_batch_gets_as_many_runs():
    found = probe(session(x=("float", [6, 3])), None, {}, "m")
    assert shapes(found) == [{"x": (6, 3)}] * 2
    assert found.single["x"].shape == (6, 3)
    given = np.arange(60, dtype=np.float32).reshape(20, 3)
    found = probe(session(x=("float", [6, 3])), given, {}, "m")
    assert shapes(found) == [{"x": (6, 3)}] * 4
    assert np.array_equal(np.concatenate([run["x"] for run in found.runs])[:20], given)


def test_integers_are_zero_or_one_and_other_inputs_have_their_types():
    ports = {
        "ids": ("int64", ["n", 8]),
        "mask": ("bool", ["n", 8]),
        "half": ("float16", [None, 2]),
        "wide": ("double", [5, 2]),
        "scalar": ("float", []),
    }
    (run,) = probe(session(**ports), None, {}, "m").runs
    assert {name: (str(a.dtype), a.shape) for name, a in run.items()} == {
        "ids": ("int64", (16, 8)),
        "mask": ("bool", (16, 8)),
        "half": ("float16", (16, 2)),
        "wide": ("float64", (5, 2)),
        "scalar": ("float32", ()),
    }
    assert set(run["ids"].reshape(-1).tolist()) == {0, 1}


def test_given_inputs_are_used_by_order_or_by_name():
    two = session(a=("float", ["n", 3]), b=("int64", ["n"]))
    a, b = np.ones((4, 3), np.float32), np.arange(4)
    for example in ([a, b], {"a": a, "b": b}, (torch.from_numpy(a), torch.from_numpy(b))):
        (run,) = probe(two, example, {}, "m").runs
        assert np.array_equal(run["a"], a)
        assert np.array_equal(run["b"], b)
    # What is not given is generated to fit.
    (run,) = probe(two, {"a": a}, {}, "m").runs
    assert run["b"].shape == (4,)


def test_many_are_cut_and_few_pictures_are_joined():
    one = session(x=("float", ["n", 3]))
    assert probe(one, np.ones((100, 3), np.float32), {}, "m").images == 32
    assert probe(one, np.ones((3, 3), np.float32), {}, "m").images == 16
    ids = session(x=("int64", ["n", 3]))
    assert probe(ids, np.ones((3, 3), np.int64), {}, "m").images == 3


def test_an_open_size_is_given_by_a_shape():
    open_one = session(x=("float", ["n", 3, "h", "w"]))
    for name in ("", "x"):
        found = probe(open_one, None, {name: [1, 3, 8, 9]}, "m")
        assert shapes(found) == [{"x": (16, 3, 8, 9)}]
    (run,) = probe(open_one, np.ones((20, 3, 5, 6), np.float32), {}, "m").runs
    assert run["x"].shape == (20, 3, 5, 6)


PICTURE = {"x": ("float", ["n", 3, "h", "w"])}
PAIR = {"a": ("float", ["n", 3]), "b": ("int64", ["n"])}


@pytest.mark.parametrize(
    ("ports", "example", "given", "message"),
    [
        (PICTURE, None, {}, r"'h', 'w'\], some of it open; .*--shape x=\?,3,\?,\?"),
        (PICTURE, None, {"x": [1, 4, 8, 8]}, r"got \[1, 4, 8, 8\]; give that shape"),
        (PICTURE, np.ones((2, 3, 8), np.float32), {}, r"got \[2, 3, 8\]; give that shape"),
        (
            PICTURE,
            np.ones((2, 3, 8, 8)),
            {},
            "expected float32 for input .x., got float64; convert",
        ),
        (PAIR, np.ones((2, 3), np.float32), {}, "expected inputs for a, b, got 1; give one array"),
        (PAIR, {"c": np.ones(2)}, {}, "expected inputs named a, b, got c"),
        (PAIR, {"b": np.ones(2, np.int32)}, {}, "expected int64 for input 'b', got int32"),
        ({"x": ("int64", ["n", 3])}, np.ones((0, 3), int), {}, r"got \[0, 3\]; give one sample"),
        (PAIR, None, {"": [1, 3]}, "expected --shape NAME=..., one for each of a, b"),
        (PAIR, None, {"c": [1, 3]}, "expected --shape for one of a, b, got 'c'"),
        ({"s": ("string", ["n"])}, None, {}, r"numbers, got 's' of type tensor\(string\)"),
    ],
)
def test_what_does_not_fit_is_said(ports, example, given, message):
    with pytest.raises(InputError, match=message):
        probe(session(**ports), example, given, "m")


@pytest.mark.parametrize("kind", ["float", "int64"])
@pytest.mark.parametrize("extents", [[2**62, 256], [2**40, 4]])
def test_a_fixed_size_that_no_machine_holds_is_refused(kind, extents):
    with pytest.raises(InputError, match=rf"no memory for input 'x' of shape \[{extents[0]}, "):
        probe(session(x=(kind, extents)), None, {}, "m")
