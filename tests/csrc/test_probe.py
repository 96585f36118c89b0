"""The fixed loop that measurements are judged by."""

import pytest

from sparseprune import _cpu


def test_it_takes_time_on_every_instruction_set(isa):
    assert _cpu.probe(isa) > 0


def test_unknown_instruction_sets_are_refused():
    with pytest.raises(ValueError, match="'sse9' is unknown"):
        _cpu.probe("sse9")
