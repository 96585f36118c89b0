"""Goals belong to cases."""

import goals
from suite import cases


def test_goals_are_for_cases_that_exist():
    assert set(goals.RATIOS) == {case.name for case in cases()}
    for case in cases():
        assert set(goals.RATIOS[case.name]) <= {zeros.name for zeros in case.zeros}
    assert goals.ratio("resnet50-224-b16", "0", "best") == goals.UNPRUNED
    assert goals.ratio("resnet50-224-b16", "90", "avx2") == goals.AVX2["90"]
    assert goals.ratio("resnet50-224-b16", "80", "avx2") is None
