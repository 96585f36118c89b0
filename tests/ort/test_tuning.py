"""Where tunings come from and go to: a file, the model's metadata, the user's cache."""

import os
import re
import subprocess
import sys

import numpy as np
import onnx
import pytest

from sparseprune import onnxruntime
from sparseprune.errors import InputError

CHOICE = re.compile(r" = tile=\d+x\d+ channels=\d+ rows=\d+( prefetch)?")


@pytest.fixture(scope="module")
def make(networks):
    """A function that makes a model of one pruned convolution with so many output channels."""

    def make(channels=16, tuning=None):
        net = networks.Network()
        x = net.input("x", ["batch", 8, 12, 12])
        weight = networks.sparse(np.random.default_rng(0), (channels, 8, 3, 3), 0.8)
        proto = onnx.load_from_string(net.serialize(net.add("Conv", x, weight, pads=[1] * 4)))
        if tuning is not None:
            proto.metadata_props.add(key="sparseprune.tuning", value=tuning)
        return proto.SerializeToString()

    return make


@pytest.fixture
def store(tmp_path, monkeypatch):
    """The user's cache, empty; `store()` is the text in it, None without one."""
    monkeypatch.setenv("SPARSEPRUNE_CACHE", str(tmp_path / "cache"))

    def read():
        files = [file for file in (tmp_path / "cache").rglob("*") if file.is_file()]
        assert len(files) <= 1, "temporary files are left"
        return files[0].read_text() if files else None

    read.file = lambda: next((tmp_path / "cache" / "tuning").iterdir())
    return read


def answer(model, x=None, **settings):
    session = onnxruntime.session(model, provider="sparseprune", threads=1, **settings)
    x = np.ones((1, 8, 12, 12), np.float32) if x is None else x
    return session.run(None, {"x": x})[0]


def find(model, path, **settings):
    """The tuning after a run that may tune, as the file says."""
    answer(model, tune_seconds=0.2, tuning_file=path, **settings)
    return path.read_text()


def entries(text):
    return dict(line.rsplit(" = ", 1) for line in text.splitlines()[1:])


@pytest.fixture
def text(make, store, tmp_path):
    return find(make(), tmp_path / "first.txt", tuning_cache="off")


def marked(text, channels):
    """`text` with a choice that tells where an entry came from."""
    return CHOICE.sub(f" = tile=1x1 channels={channels} rows=8", text)


def test_sessions_do_not_tune_unless_asked(make, store):
    answer(make())
    assert store() is None


def test_what_is_found_goes_to_the_file_and_the_cache(make, store, tmp_path):
    found = find(make(), tmp_path / "tuning.txt")
    assert len(entries(found)) == 1
    assert store() == found
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["tuning.txt"]


def test_the_file_goes_before_the_metadata_before_the_cache(make, store, text, tmp_path):
    model, named = make(tuning=marked(text, 2)), tmp_path / "named.txt"
    find(make(), tmp_path / "other.txt")
    store.file().write_text(marked(text, 3))
    named.write_text(marked(text, 1))
    assert find(model, named) == marked(text, 1)
    assert find(model, tmp_path / "from_metadata.txt") == marked(text, 2)
    store.file().write_text(marked(text, 3))
    assert find(make(), tmp_path / "from_cache.txt") == marked(text, 3)


def test_refresh_writes_the_cache_without_reading_it(make, store, text, tmp_path):
    find(make(), tmp_path / "other.txt")
    store.file().write_text(marked(text, 3))
    found = find(make(), tmp_path / "tuning.txt", tuning_cache="refresh")
    assert found != marked(text, 3)
    assert store() == found


def test_the_cache_collects(make, store, tmp_path):
    first = find(make(16), tmp_path / "a.txt")
    second = find(make(24), tmp_path / "b.txt")
    assert entries(store()) == {**entries(first), **entries(second)}
    # A file that a caller names collects too.
    assert entries(find(make(24), tmp_path / "a.txt")) == entries(store())


def test_a_tuning_of_another_cpu_is_not_used(make, store, text, tmp_path):
    other = text.replace("\n", ", model 999\n", 1)
    path = tmp_path / "tuning.txt"
    path.write_text(marked(other, 1))
    found = find(make(tuning=marked(other, 1)), path, tuning_cache="off")
    assert found.splitlines()[0] == text.splitlines()[0]
    assert "tile=1x1 channels=1 rows=8" not in found


@pytest.mark.parametrize(
    "content", [b"", b"\0\xff" * 50, b"sparseprune-tuning", b"x" * (2 << 20)], ids=len
)
def test_a_broken_cache_is_replaced(make, store, tmp_path, content):
    expected = answer(make())
    find(make(), tmp_path / "a.txt")
    store.file().write_bytes(content)
    np.testing.assert_allclose(answer(make()), expected, rtol=0, atol=1e-5)
    store.file().write_bytes(content)
    assert store.file().read_bytes() == content
    assert entries(find(make(24), tmp_path / "b.txt")) == entries(store())


def test_a_full_cache_starts_anew(make, store, tmp_path):
    text = find(make(), tmp_path / "a.txt")
    header = text.splitlines()[0]
    line = "key{:030d} = tile=1x1 channels=1 rows=8"
    room = ((1 << 20) - len(header) - 1) // (len(line.format(0)) + 1)
    store.file().write_text("\n".join([header, *(line.format(i) for i in range(room))]) + "\n")
    found = find(make(24), tmp_path / "b.txt")
    assert store() == found


def test_a_cache_that_cannot_be_written_is_no_error(make, tmp_path, monkeypatch):
    """Whoever runs the tests, root too: a folder cannot be made below a file."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SPARSEPRUNE_CACHE", str(tmp_path / "file" / "cache"))
    assert len(entries(find(make(), tmp_path / "tuning.txt"))) == 1


@pytest.mark.parametrize(
    ("environment", "place"),
    [
        ({"XDG_CACHE_HOME": "{}/xdg", "HOME": "{}/home"}, "xdg/sparseprune/tuning"),
        ({"XDG_CACHE_HOME": "relative", "HOME": "{}/home"}, "home/.cache/sparseprune/tuning"),
        ({"HOME": "{}/home"}, "home/.cache/sparseprune/tuning"),
        ({}, None),
    ],
)
def test_where_the_cache_is(make, tmp_path, monkeypatch, environment, place):
    for name in ("SPARSEPRUNE_CACHE", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value.format(tmp_path))
    monkeypatch.chdir(tmp_path)
    answer(make(), tune_seconds=0.1)
    files = [file.parent.relative_to(tmp_path) for file in tmp_path.rglob("*") if file.is_file()]
    assert [str(file) for file in files] == ([place] if place else [])


def test_processes_that_write_at_once_leave_a_whole_cache(make, store, tmp_path):
    """Each adds twelve networks' entries, one by one."""
    script = """
import sys
import numpy as np
from sparseprune import onnxruntime
for name in sys.argv[1:]:
    session = onnxruntime.session(name, threads=1, provider="sparseprune", tune_seconds=0.02)
    session.run(None, {"x": np.ones((1, 8, 12, 12), np.float32)})
"""
    started = []
    for worker in range(3):
        names = [tmp_path / f"{worker}-{i}.onnx" for i in range(12)]
        for i, name in enumerate(names):
            name.write_bytes(make(8 + worker + 3 * i))
        command = [sys.executable, "-c", script, *names]
        started.append(subprocess.Popen(command, env={**os.environ}, stderr=subprocess.PIPE))
    for process in started:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors.decode()
    found = entries(store())
    assert 12 <= len(found) <= 36
    assert all(CHOICE.fullmatch(f" = {choice}") for choice in found.values())


@pytest.fixture
def open_axes(networks):
    net = networks.Network()
    x = net.input("x", ["batch", 8, "height", "width"])
    weight = networks.sparse(np.random.default_rng(0), (16, 8, 3, 3), 0.8)
    return net.serialize(net.add("Conv", x, weight, pads=[1] * 4))


def test_every_new_shape_is_tuned_once(open_axes, store, tmp_path):
    path = tmp_path / "tuning.txt"
    session = onnxruntime.session(open_axes, threads=1, tune_seconds=0.1, tuning_file=path)
    counts = []
    for height in (12, 12, 20):
        session.run(None, {"x": np.ones((1, 8, 12, height), np.float32)})
        counts.append(len(entries(path.read_text())))
        path.write_text(path.read_text().splitlines()[0] + "\n")
    assert counts == [1, 0, 1]


def test_tuned_answers_lie_within_the_bounds(make, store, tmp_path, assert_within, text):
    model = make(tuning=marked(text, 1))
    x = np.random.default_rng(1).standard_normal((1, 8, 12, 12)).astype(np.float32)
    for tuned in (model, make()):
        session = onnxruntime.session(tuned, provider="sparseprune", threads=1, tune_seconds=0.1)
        assert_within(session, tuned, {"x": x})


def test_bad_files_are_named(make, tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("my notes")
    with pytest.raises(InputError, match=r"tuning_file '.*notes\.txt' is not a tuning"):
        answer(make(), tuning_file=path)
    assert path.read_text() == "my notes"
    with pytest.raises(InputError, match=r"tuning_file '.*no/file\.txt' cannot be written"):
        answer(make(), tuning_file=tmp_path / "no" / "file.txt", tune_seconds=1)


@pytest.mark.parametrize("seconds", [-1, 3601, "5", float("nan")])
def test_seconds_are_checked(make, seconds):
    with pytest.raises(InputError, match="expected tune_seconds to be a number from 0 to 3600"):
        onnxruntime.session(make(), tune_seconds=seconds)


def test_the_choice_of_cache_is_checked(make):
    with pytest.raises(InputError, match="expected tuning_cache 'on', 'off' or 'refresh', got 'no"):
        onnxruntime.session(make(), tuning_cache="no")
