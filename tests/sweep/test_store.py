import fcntl
import os
import subprocess
import sys

import pytest

from sparseprune import recipe as recipes
from sparseprune import records
from sparseprune.errors import InputError
from sparseprune.sweep.cost import Cost
from sparseprune.sweep.plan import Placed, Stage
from sparseprune.sweep.store import Store

RECIPE = recipes.parse({"prune": [{"method": "WT", "ratios": [0.5]}]}, "test")


def stage(address, *inputs):
    return Stage(address, "run", f"train {address}", RECIPE, (), (), inputs, Cost(3, 4))


def made(store, address, *inputs, files=()):
    """A finished stage with these files."""
    own = stage(address, *inputs)
    folder = store.workplace(own).root
    for name in files:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(f"{address} {name}")
    store.keep(own, 1.5)
    return own


def test_a_stage_is_whole_by_existing(tmp_path):
    store = Store(tmp_path)
    own = stage("a")
    store.workplace(own)
    assert not store.has("a")
    store.keep(own, 1.5)
    assert store.has("a")
    assert store.finished(own).seconds == 1.5
    assert store.finished(own).cost == Cost(3, 4)


@pytest.mark.parametrize("note", ["", "[]", "{}", '{"files": []}', '{"files": {"x": 1}}', None])
def test_a_stage_whose_note_is_damaged_is_made_again(tmp_path, note):
    store = Store(tmp_path)
    made(store, "a", files=["x/file"])
    (store.stage("a") / "stage.json").unlink()
    if note is not None:
        (store.stage("a") / "stage.json").write_text(note)
    assert not store.has("a")
    assert store.discard_damaged() == 1
    made(store, "a", files=["x/file"])
    assert store.has("a")
    assert store.discard_damaged() == 0


@pytest.mark.parametrize("loss", [lambda file: file.unlink(), lambda file: file.write_text("")])
def test_a_stage_that_lost_a_file_is_made_again_and_what_linked_to_it(tmp_path, loss):
    store = Store(tmp_path)
    made(store, "a", files=["x/file", "x/other"])
    made(store, "b", files=["x/third"])
    store.place(Placed("a"), tmp_path / "runs" / "run")
    loss(store.stage("a") / "x/file")
    assert store.discard_damaged() == 1
    assert [path.name for path in (tmp_path / "stages").iterdir()] == ["b"]
    assert not (tmp_path / "runs").exists()


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match="expected an empty or a sweep folder; give another --out"):
        Store(tmp_path).prepare()
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
    Store(tmp_path / "new").prepare()
    Store(tmp_path / "new").prepare()


def test_a_stage_sees_what_came_before_and_keeps_its_own_alone(tmp_path):
    store = Store(tmp_path)
    made(store, "a", files=["records/a.jsonl"])
    made(store, "b", Placed("a"), files=["records/b.jsonl"])
    found = store.workplace(stage("c", Placed("a"), Placed("b"))).root
    assert {path.name for path in (found / "records").iterdir()} == {"a.jsonl", "b.jsonl"}
    kept = [path.name for path in store.stage("b").rglob("*.jsonl")]
    assert kept == ["b.jsonl"]


def test_an_interrupted_stage_finds_what_it_had(tmp_path):
    store, own = Store(tmp_path), stage("a")
    (store.workplace(own).root / "state").write_text("half")
    assert (store.workplace(own).root / "state").read_text() == "half"


def test_what_a_killed_process_was_writing_is_not_kept(tmp_path):
    store, own = Store(tmp_path), stage("a")
    (store.workplace(own).root / ".x.safetensors.1.tmp").write_text("part")
    store.keep(own, 0.0)
    assert [path.name for path in store.stage("a").iterdir()] == ["stage.json"]


def test_rows_of_a_network_with_another_name_say_so(tmp_path):
    store, own = Store(tmp_path), stage("a")
    folder = store.workplace(own)
    records.write(folder.records("training-parent"), [{"kind": "training", "id": "parent"}])
    store.keep(own, 0.0)
    names = ("records/training-parent.jsonl", "records/training-separate.jsonl")
    store.place(Placed("a", (names,)), tmp_path / "run")
    assert records.read(tmp_path / "run" / names[1]) == [{"kind": "training", "id": "separate"}]
    assert not (tmp_path / "run" / names[0]).exists()


def test_files_are_copied_where_there_are_no_links(tmp_path, monkeypatch):
    def refuse(source, target):
        raise OSError("no links here")

    store = Store(tmp_path)
    made(store, "a", files=["x/file"])
    monkeypatch.setattr(os, "link", refuse)
    store.place(Placed("a"), tmp_path / "run")
    assert (tmp_path / "run/x/file").read_text() == "a x/file"


HOLD = """
import sys
from pathlib import Path
from sparseprune.sweep.store import Store

with Store(Path(sys.argv[1])).claimed("a"):
    print("began", flush=True)
    sys.stdin.readline()
"""


@pytest.mark.parametrize("killed", [False, True])
def test_a_stage_is_made_by_one_process_at_a_time(tmp_path, killed):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], **pipes) as other:
        assert other.stdout.readline() == b"began\n"
        with (tmp_path / "work" / "a.lock").open("w") as lock:
            with pytest.raises(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if killed:
                other.kill()
            else:
                other.stdin.write(b"go\n")
                other.stdin.flush()
            other.wait(60)
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
