"""Union-find over channel numbers."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sparseprune.graph.channels import Channels


def test_ties_are_transitive():
    channels = Channels()
    a, b, c = (channels.fresh(3) for _ in range(3))
    channels.tie(a, b)
    channels.tie(c, b)
    assert [channels.root(x) for x in (a[1], b[1], c[1])] == [1, 1, 1]
    assert channels.root(int(c[2])) == 2


def test_the_first_reason_stays_and_reaches_all_that_are_tied_later():
    channels = Channels()
    a, b = channels.fresh(2), channels.fresh(2)
    channels.refuse(b[:1], "first")
    channels.refuse(b[:1], "second")
    channels.tie(a, b)
    assert channels.reason(int(a[0])) == "first"
    assert channels.reason(int(a[1])) == ""


@given(st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=30))
def test_same_root_means_connected(pairs):
    channels = Channels()
    ids = channels.fresh(20)
    label = list(range(20))
    for a, b in pairs:
        channels.tie(ids[[a]], ids[[b]])
        label = [label[a] if x == label[b] else x for x in label]
    roots = np.array([channels.root(int(x)) for x in ids])
    assert np.array_equal(roots[:, None] == roots, np.array(label)[:, None] == np.array(label))
