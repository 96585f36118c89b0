import numpy as np
import pytest
import torch

from sparseprune.errors import InputError
from sparseprune.exporter.probe import as_pictures, enough


def test_few_pictures_are_joined_and_many_are_cut():
    few, many = np.ones((3, 1, 2, 2), np.float32), np.ones((100, 1, 2, 2), np.float32)
    assert enough(few).shape == (16, 1, 2, 2)
    assert np.array_equal(enough(few)[:3], few)
    assert enough(many).shape == (32, 1, 2, 2)
    assert np.array_equal(enough(few), enough(few))
    assert enough(few).dtype == np.float32


@pytest.mark.parametrize(
    ("example", "message"),
    [
        (None, "expected one float32 tensor .* got NoneType"),
        (torch.zeros(2, 1, dtype=torch.float64), r"got torch\.float64"),
        (torch.zeros(0, 1, 2, 2), r"N >= 1, got \[0, 1, 2, 2\]"),
        (torch.zeros(3), r"N >= 1, got \[3\]"),
        (torch.full((1, 2), float("inf")), "got NaN or infinity"),
        ({"a": np.ones(2), "b": np.ones(2)}, "got 2 of them; give the pictures alone"),
        ((), "got 0 of them"),
        (torch.zeros(2, 5, dtype=torch.int64), r"got torch\.int64; .*torch\.export\.export\(model"),
    ],
)
def test_bad_examples_are_refused(example, message):
    with pytest.raises(InputError, match=message):
        as_pictures(example)


@pytest.mark.parametrize("wrap", [lambda p: (p,), lambda p: [p], lambda p: {"any_name": p}])
def test_pictures_may_be_alone_in_a_container(wrap):
    pictures = np.ones((3, 1, 2, 2), np.float32)
    assert as_pictures(wrap(pictures)) is pictures
