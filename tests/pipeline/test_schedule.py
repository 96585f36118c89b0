import importlib
import multiprocessing
from functools import partial
from pathlib import Path

import pytest

from sparseprune.errors import GateError, InputError
from sparseprune.pipeline.schedule import Task, execute


class Log:
    def __init__(self):
        self.events = []

    def skipped(self, name):
        self.events.append(("skipped", name))

    def progressed(self, name, fraction, text):
        self.events.append(("progressed", name, fraction, text))

    def finished(self, name, seconds):
        assert seconds >= 0
        self.events.append(("finished", name))

    def ends(self):
        return [event for event in self.events if event[0] != "progressed"]


@pytest.fixture(autouse=True)
def actions(monkeypatch):
    """Worker processes get this process's path, so they find the module too."""
    monkeypatch.syspath_prepend(Path(__file__).parent)
    return importlib.import_module("schedule_actions")


def task(tmp_path, name, after=()):
    touch = importlib.import_module("schedule_actions").touch
    path = tmp_path / name
    return Task(name, partial(touch, path), (path,), after)


def test_order_progress_and_skipping(tmp_path):
    tasks = [task(tmp_path, "c", ("b",)), task(tmp_path, "a"), task(tmp_path, "b", ("a",))]
    (tmp_path / "a").write_text("done before")
    log = Log()
    execute(tasks, log, workers=2)
    assert log.ends() == [("skipped", "a"), ("finished", "b"), ("finished", "c")]
    assert ("progressed", "b", 0.5, "half") in log.events
    assert (tmp_path / "a").read_text() == "done before"


def test_nothing_to_do_starts_no_process(tmp_path):
    (tmp_path / "a").write_text("")
    log, before = Log(), multiprocessing.active_children()
    execute([task(tmp_path, "a")], log, workers=2)
    assert multiprocessing.active_children() == before
    assert log.events == [("skipped", "a")]


@pytest.mark.parametrize("error", [InputError("no"), GateError("no"), RuntimeError("no")])
def test_a_failure_ends_the_run_and_keeps_what_finished(tmp_path, actions, error):
    first = task(tmp_path, "a")
    bad = Task("bad", partial(actions.fail, error), (tmp_path / "bad",), ("a",))
    last = task(tmp_path, "z", ("bad",))
    with pytest.raises(type(error), match=r"no$"):
        execute([first, bad, last], Log(), workers=1)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("error", [InputError("the loss is nan"), GateError("the loss is nan")])
def test_of_many_tasks_the_one_that_failed_is_named(tmp_path, actions, error):
    bad = Task("prune WT-90", partial(actions.fail, error), (tmp_path / "bad",))
    with pytest.raises(type(error), match=r"^prune WT-90: the loss is nan$"):
        execute([bad], Log(), workers=1)


def test_a_worker_that_is_killed_ends_the_run_with_a_sentence(tmp_path, actions):
    with pytest.raises(GateError, match=r"a worker process died .* run the same command again"):
        execute([Task("dies", actions.die, (tmp_path / "x",))], Log(), workers=1)


def test_a_task_is_done_when_all_its_outputs_exist(tmp_path, actions):
    both = Task("t", partial(actions.touch, tmp_path / "a"), (tmp_path / "a", tmp_path / "b"))
    assert not both.done()
    Path(tmp_path / "a").write_text("")
    assert not both.done()
    Path(tmp_path / "b").write_text("")
    assert both.done()
