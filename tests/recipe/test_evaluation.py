import pytest

from sparseprune.errors import InputError
from sparseprune.recipe import parse


def evaluate(**settings):
    document = {"prune": [{"method": "WT", "ratios": [0.5]}], "evaluate": settings}
    return parse(document, "here").evaluate


def test_the_study_shows_fifteen_widths_a_hundred_times_to_a_thousand_pictures():
    assert evaluate().noise_similarity is None
    found = evaluate(noise_similarity={}).noise_similarity
    assert found.widths == [round(0.05 * step, 2) for step in range(15)]
    assert (found.draws, found.pictures) == (100, 1000)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"widths": [0.1, 0.1]}, "widths': expected rising widths"),
        ({"widths": [-0.1]}, "greater than or equal to 0"),
        ({"widths": []}, "at least 1 item"),
        ({"draws": 1}, "greater than or equal to 2"),
    ],
)
def test_noise_that_cannot_be_measured_is_refused(settings, sentence):
    with pytest.raises(InputError, match=sentence):
        evaluate(noise_similarity=settings)
