"""Tuning: it changes how fast a network runs, never what it answers; its text may be anything."""

import re
import threading
import time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sparseprune import _cpu

CHOICE = re.compile(r" = tile=(\d+)x(\d+) channels=(\d+) rows=(\d+)( prefetch)?")
PAD = {"pad_begin": (1, 1), "pad_end": (1, 1)}


@pytest.fixture(scope="module")
def net(engine):
    """(nodes, input): convolutions whose sums are exact, so that any order gives equal answers."""
    rng = np.random.default_rng(0)
    first = engine.pruned(rng, engine.integers(rng, 8, 3, 3, 3, most=1), 0.5)
    second = engine.pruned(rng, engine.integers(rng, 12, 8, 3, 3, most=1), 0.2)
    nodes = [
        _cpu.conv("a", 0, 1, first, **PAD),
        _cpu.relu("r", 1, 2),
        _cpu.conv("b", 2, 3, second, stride=(2, 2), **PAD),
    ]
    return nodes, engine.integers(rng, 17, 3, 21, 19)


@pytest.fixture(scope="module")
def exact(net, engine):
    nodes, x = net
    return engine.run(nodes, [x], [3])


@pytest.fixture(scope="module")
def tuned(net):
    """The text of a tuning for one image on the best instruction set."""
    nodes, x = net
    return _cpu.Program(nodes, [0], [3]).tune([[1, *x.shape[1:]]], 0.3)


def entries(text):
    return dict(line.rsplit(" = ", 1) for line in text.splitlines()[1:])


def test_answers_are_the_same(isa, net, exact, engine):
    """17 images run as two plans: lanes of images, then the last one by itself."""
    nodes, x = net
    program = _cpu.Program(nodes, [0], [3], isa)
    text = program.tune([list(x.shape)], 0.5)
    assert len(entries(text)) >= 2
    np.testing.assert_array_equal(engine.run_program(program, [x]), exact)
    again = _cpu.Program(nodes, [0], [3], isa, text)
    np.testing.assert_array_equal(engine.run_program(again, [x], threads=2), exact)


def test_rounding_stays_within_its_bounds(isa, engine, rng):
    x, bias = engine.floats(rng, 1, 20, 15, 15), engine.floats(rng, 9)
    weight = engine.pruned(rng, engine.floats(rng, 9, 20, 3, 3), 0.3)
    program = _cpu.Program([_cpu.conv("c", 0, 1, weight, bias, **PAD)], [0], [1], isa)
    program.tune([[1, 20, 15, 15]], 0.2)
    engine.assert_within(
        engine.run_program(program, [x]),
        engine.convolve(x, weight, bias, **PAD),
        engine.convolve_bound(x, weight, bias, **PAD),
    )


def test_text_round_trips(net, tuned):
    nodes, _ = net
    assert tuned.startswith(f"sparseprune-tuning 2 {_cpu.resolve_isa()} ")
    assert all(CHOICE.fullmatch(f" = {choice}") for choice in entries(tuned).values())
    assert _cpu.Program(nodes, [0], [3], tuning=tuned).tuning == tuned


def test_what_is_known_is_kept(net, tuned):
    """Known layers are not timed again: all of them, whatever they say, stand in the result."""
    nodes, x = net
    slow = CHOICE.sub(" = tile=1x1 channels=1 rows=8", tuned)
    assert slow != tuned
    assert _cpu.Program(nodes, [0], [3], tuning=slow).tune([[1, *x.shape[1:]]], 1.0) == slow


def test_a_tile_that_cannot_be_used_is_found_anew(net, tuned):
    nodes, x = net
    spoilt = re.sub(r"tile=\d+x\d+", "tile=999x999", tuned)
    program = _cpu.Program(nodes, [0], [3], tuning=spoilt)
    found = entries(program.tune([[1, *x.shape[1:]]], 1.0))
    assert found.keys() == entries(tuned).keys()
    assert "999" not in "".join(found.values())


def test_keys_do_not_depend_on_which_weights_are_kept(engine):
    def keys(seed):
        rng = np.random.default_rng(seed)
        kept = rng.permutation(np.arange(8 * 4 * 9) < 100).reshape(8, 4, 3, 3)
        weight = np.where(kept, engine.floats(rng, 8, 4, 3, 3), 0).astype(np.float32)
        program = _cpu.Program([_cpu.conv("c", 0, 1, weight)], [0], [1])
        return entries(program.tune([[1, 4, 12, 12]], 0.1)).keys()

    assert keys(0) == keys(1)
    assert len(keys(0)) == 1


def test_keys_tell_how_a_mask_is_packed(engine, rng):
    """Equal shape and density; one mask all of blocks of four rows, of the other a third."""

    def key(blocked):
        taps = (rng.permutation(64 * 9) < 48).reshape(64, 3, 3)
        kept = np.zeros((16, 64, 3, 3), bool)
        kept[:blocked] = taps
        for row in range(blocked, 16):
            kept[row] = np.roll(taps, row, axis=0)
        weight = np.where(kept, engine.floats(rng, *kept.shape), 0).astype(np.float32)
        program = _cpu.Program([_cpu.conv("c", 0, 1, weight, **PAD)], [0], [1])
        (key,) = entries(program.tune([[1, 64, 16, 16]], 0.1))
        return key

    assert key(16) != key(4)
    assert key(16).rsplit(" ", 1)[0] == key(4).rsplit(" ", 1)[0]
    assert re.fullmatch(r"blocks=[1248]:\d+(\+[1248]:\d+)*", key(4).rsplit(" ", 1)[1])


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace("sparseprune-tuning 2 ", "sparseprune-tuning 1 ", 1),
        lambda text: text.replace(f" {_cpu.resolve_isa()} ", " avx1024 ", 1),
        lambda text: re.sub("^(.*)\n", r"\1 of tomorrow\n", text, count=1),
        lambda text: text + "\n" * (1 << 20),
        lambda text: text.split("\n", 1)[1],
    ],
    ids=["format", "instruction_set", "cpu", "too_long", "no_header"],
)
def test_what_was_not_made_for_this_cpu_is_not_used(net, tuned, spoil):
    nodes, _ = net
    assert entries(_cpu.Program(nodes, [0], [3], tuning=spoil(tuned)).tuning) == {}


@pytest.mark.parametrize(
    "choice",
    [
        *(
            "",
            "tile=2x2",
            "tile=0x2 channels=3 rows=8",
            "tile=2x-2 channels=3 rows=8",
            "tile=2x2 channels=3 rows=8 ",
        ),
        *(
            "tile=2x2 channels=99999999999999999999 rows=8",
            "tile=2x2 channels=1.5 rows=8",
            "tile= 2x2 channels=3 rows=8",
        ),
    ],
)
def test_a_line_that_is_not_understood_is_skipped(net, tuned, choice):
    nodes, _ = net
    key = next(iter(entries(tuned)))
    spoilt = re.sub(re.escape(key) + " = .*", f"{key} = {choice}", tuned)
    found = entries(_cpu.Program(nodes, [0], [3], tuning=spoilt).tuning)
    assert found.keys() == entries(tuned).keys() - {key}


@given(data=st.data())
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_tile_changes_an_answer(net, exact, tuned, engine, data):
    """Tiles that exist and tiles that do not, larger than the map, more channels than there are."""
    nodes, x = net
    size = st.sampled_from([1, 2, 3, 4, 5, 7, 8, 16, 1 << 20, 1 << 30, 1 << 31])
    text = CHOICE.sub(
        lambda _: " = tile={}x{} channels={} rows={}".format(*(data.draw(size) for _ in range(4))),
        tuned,
    )
    program = _cpu.Program(nodes, [0], [3], tuning=text)
    np.testing.assert_array_equal(engine.run_program(program, [x[:1]]), exact[:1])


@given(data=st.data())
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_text_changes_an_answer(net, exact, tuned, engine, data):
    nodes, x = net
    text = tuned
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(text)))
        piece = data.draw(st.one_of(st.sampled_from(["\n", " = ", "0", "x", "9" * 30]), st.text()))
        text = text[:place] + piece + text[place + data.draw(st.integers(0, 3)) :]
    program = _cpu.Program(nodes, [0], [3], tuning=text)
    np.testing.assert_array_equal(engine.run_program(program, [x[:1]]), exact[:1])


def test_the_budget_ends_the_search(engine, rng):
    """A second is far too short for 512 channels' candidates; without any time nothing is found."""
    weight = engine.pruned(rng, engine.floats(rng, 512, 512, 3, 3), 0.2)
    program = _cpu.Program([_cpu.conv("c", 0, 1, weight, **PAD)], [0], [1])
    assert entries(program.tune([[1, 512, 28, 28]], 0)) == {}
    start = time.monotonic()
    program.tune([[1, 512, 28, 28]], 1.0)
    assert time.monotonic() - start < 60


def test_others_run_while_one_tunes(net, exact, engine):
    nodes, x = net
    program = _cpu.Program(nodes, [0], [3])
    tuning = threading.Thread(target=program.tune, args=([list(x.shape)], 0.5))
    tuning.start()
    while tuning.is_alive():
        np.testing.assert_array_equal(engine.run_program(program, [x]), exact)
    np.testing.assert_array_equal(engine.run_program(program, [x]), exact)


def test_a_shape_that_does_not_fit_is_named(net):
    nodes, _ = net
    with pytest.raises(ValueError, match="node 'a'"):
        _cpu.Program(nodes, [0], [3]).tune([[1, 4, 21, 19]], 0.1)


def test_a_network_without_convolutions_has_nothing_to_tune():
    program = _cpu.Program([_cpu.relu("r", 0, 1)], [0], [1])
    assert entries(program.tune([[1, 2, 3, 3]], 0.1)) == {}
