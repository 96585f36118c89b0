import numpy as np
import pytest

from sparseprune import data, recipe


@pytest.fixture(scope="session")
def splits():
    return data.load(recipe.Data())


@pytest.fixture(scope="session")
def grey(splits):
    """Twenty real pictures, uint8 [20, 28, 28, 1]."""
    return splits[1].images[:20]


@pytest.fixture(scope="session")
def colour(splits):
    """Eight colour pictures of 32 x 32 with real edges: three garments as the three channels."""
    stacked = splits[1].images[:24, :, :, 0].reshape(8, 3, 28, 28).transpose(0, 2, 3, 1)
    return np.pad(stacked, ((0, 0), (2, 2), (2, 2), (0, 0)), mode="edge")
