import math

import pytest

from sparseprune.prune import METHODS
from sparseprune.report import words

S, M = "\u202f", "\u2212"


@pytest.mark.parametrize(
    ("function", "value", "text"),
    [
        (words.percent, 0.8, f"80{S}%"),
        (words.percent, 0.3043, f"30.4{S}%"),
        (words.percent, -0.05, f"{M}5{S}%"),
        (words.accuracy, 0.89125, "89.12"),
        (words.points, -0.0123, f"{M}1.23"),
        (words.points, 0.0123, "+1.23"),
        (words.points, -0.000001, "0.00"),
        (words.times, 1.834, "1.83×"),
        (words.count, 42000, f"42{S}000"),
        (words.duration, 63.44, f"63.4{S}µs"),
        (words.duration, 634.4, f"634{S}µs"),
        (words.duration, 1234.0, f"1.23{S}ms"),
        (words.size, 500, f"500{S}B"),
        (words.size, 2048, f"2{S}KiB"),
        (words.size, 3 * 2**20, f"3.0{S}MiB"),
        (words.size, 8 * 2**30, f"8.0{S}GiB"),
        (words.significant, 1.94e-6, f"1.9e{M}06"),
    ],
)
def test_numbers_as_people_read_them(function, value, text):
    assert function(value) == text


@pytest.mark.parametrize("value", [None, math.nan, math.inf, "3", True, [1], 10**400])
@pytest.mark.parametrize(
    "function",
    [
        *(words.percent, words.accuracy, words.points, words.times, words.count),
        *(words.duration, words.size, words.significant),
    ],
)
def test_what_is_no_finite_number_is_a_dash(function, value):
    assert function(value) == words.MISSING


def test_names_of_distributions():
    assert words.distribution("gaussian_noise") == "Gaussian noise"
    assert words.distribution("jpeg_compression") == "JPEG compression"
    assert words.inline("jpeg_compression") == "JPEG compression"
    assert words.inline("gaussian_blur") == "Gaussian blur"
    assert words.inline("motion_blur") == "motion blur"


def test_every_method_says_what_it_removes():
    for name, method in METHODS.items():
        unit = method.words.split(",")[0]
        assert words.method(name).startswith(f"{name}, {unit}")
    assert words.method("mine") == "mine"


def test_lists_and_limits():
    assert words.listing([]) == ""
    assert words.listing(["a"]) == "a"
    assert words.listing(["a", "b", "c"]) == "a, b and c"
    assert words.brief("a\nb", 10) == "a b"
    assert words.brief("abcdef", 4) == "abc…"
    assert words.plural(1, "shift") == "1 shift"
    assert words.plural(2, "shift") == "2 shifts"
    assert words.between("1", words.MISSING) == words.MISSING
