import pytest

from sparseprune import data, recipe
from sparseprune.errors import InputError


def test_an_unknown_data_set_is_refused_with_the_nearest_name():
    with pytest.raises(
        InputError,
        match=r"data\.name: expected one of fashion_mnist, idx, folder, .*, got 'fashion-mnist'; "
        "did you mean 'fashion_mnist'",
    ):
        data.load(recipe.Data(name="fashion-mnist"))


def test_a_name_like_no_other_gets_no_guess():
    with pytest.raises(InputError, match="got 'zzz'; use one of them"):
        data.load(recipe.Data(name="zzz"))


def test_loading_twice_gives_the_same_digest(splits):
    again = data.load(recipe.Data())
    assert [s.digest for s in again] == [s.digest for s in splits]
