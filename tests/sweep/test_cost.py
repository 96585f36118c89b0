from sparseprune.sweep.cost import Cost, Finished, seconds


def test_time_goes_with_arithmetic_where_there_is_any():
    finished = [Finished("train", Cost(10, 1000), 2.0), Finished("train", Cost(30, 3000), 4.0)]
    assert seconds([("train", Cost(0, 2000))], finished) == [3.0]


def test_retraining_goes_at_the_pace_of_training():
    finished = [Finished("train", Cost(10, 1000), 2.0)]
    assert seconds([("prune", Cost(5, 500))], finished) == [1.0]


def test_other_stages_take_their_average():
    finished = [Finished("export", Cost(), 2.0), Finished("export", Cost(), 4.0)]
    assert seconds([("export", Cost())], finished) == [3.0]


def test_what_never_ran_is_not_known():
    assert seconds([("judge", Cost())], [Finished("train", Cost(1, 1), 1.0)]) == [None]
