"""Run a graph of tasks on worker processes; a task whose outputs exist is skipped.

Every worker computes on one thread (``steps`` sees to it), so independent tasks run side by side.
"""

import multiprocessing
import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from graphlib import TopologicalSorter
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Protocol

from sparseprune.errors import GateError, InputError

Progress = Callable[[float, str], None]  # fraction done (0 to 1), a few words
_Message = tuple[str, float, str]  # task, fraction done (0: just started), words


def counted(progress: Progress) -> Callable[[int, int, str], None]:
    """``progress`` for those who count: called with things done, of how many, a few words."""
    return lambda done, total, text: progress(done / total, text)


# How often the display is refreshed while tasks run, in seconds.
_TICK = 0.1


@dataclass(frozen=True)
class Task:
    """One step of a run. ``action`` must be picklable; it writes all of ``outputs``."""

    name: str
    action: Callable[[Progress], None]
    outputs: tuple[Path, ...]
    after: tuple[str, ...] = ()

    def done(self) -> bool:
        """Whether every output exists (files appear whole, so existing means finished)."""
        return all(path.exists() for path in self.outputs)


class Observer(Protocol):
    """Who wants to know how a run goes."""

    def skipped(self, name: str) -> None:
        """The task's outputs were there already."""

    def progressed(self, name: str, fraction: float, text: str) -> None:
        """The task is running; ``fraction`` of it is done."""

    def finished(self, name: str, seconds: float) -> None:
        """The task has written its outputs."""


class Crew(Protocol):
    """Who does the work."""

    def submit(self, task: Task) -> "Future[float]":
        """Begin the task as soon as there is room; the result is the seconds it took."""

    def relay(self, observer: Observer) -> None:
        """Pass on what the tasks that run have said of their progress."""

    def dismiss(self) -> None:
        """All is done."""

    def abandon(self) -> None:
        """Ctrl-C or a failed task: do not wait for what else is running."""


def execute(tasks: Iterable[Task], observer: Observer, workers: int) -> None:
    """Run ``tasks`` in an order their ``after`` allows, up to ``workers`` processes at once.

    The first task that raises ends the run with its exception; what has finished stays on disk.
    """
    conduct(tasks, observer, Processes(workers))


def conduct(tasks: Iterable[Task], observer: Observer, crew: Crew) -> None:
    """``execute`` with any crew."""
    by_name = {task.name: task for task in tasks}
    order = TopologicalSorter({name: task.after for name, task in by_name.items()})
    order.prepare()
    running: dict[Future[float], str] = {}
    try:
        while order.is_active():
            for name in order.get_ready():
                if by_name[name].done():
                    observer.skipped(name)
                    order.done(name)
                else:
                    running[crew.submit(by_name[name])] = name
            finished, _ = wait(running, timeout=_TICK, return_when=FIRST_COMPLETED)
            crew.relay(observer)
            for future in finished:
                name = running.pop(future)
                observer.finished(name, _seconds(name, future))
                order.done(name)
    except BrokenProcessPool as error:
        crew.abandon()
        raise GateError(
            "a worker process died (killed, or out of memory); what had finished is kept, "
            "run the same command again"
        ) from error
    except BaseException:
        crew.abandon()
        raise
    crew.dismiss()


def _seconds(name: str, future: Future[float]) -> float:
    """What the task took; of many tasks, the one that failed is named."""
    try:
        return future.result()
    except (InputError, GateError) as error:
        raise type(error)(f"{name}: {error}") from error


class Processes:
    """Worker processes of this machine, started when the first task is."""

    def __init__(self, workers: int) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._workers = workers
        self._pool: ProcessPoolExecutor | None = None
        self._messages: Queue[_Message] | None = None
        self._others: list[multiprocessing.process.BaseProcess] = []

    def submit(self, task: Task) -> Future[float]:
        """Queue the task for the next worker that is free."""
        if self._pool is None:
            self._others = multiprocessing.active_children()
            self._messages = self._context.Queue()
            self._pool = ProcessPoolExecutor(
                self._workers, self._context, _start_worker, (self._messages,)
            )
        return self._pool.submit(_work, task.name, task.action)

    def relay(self, observer: Observer) -> None:
        """Pass on the messages that have come from the workers."""
        while self._messages is not None:
            try:
                name, fraction, text = self._messages.get_nowait()
            except queue.Empty:
                return
            observer.progressed(name, fraction, text)

    def dismiss(self) -> None:
        """Let the workers end."""
        if self._pool is not None:
            self._pool.shutdown()

    def abandon(self) -> None:
        """End the workers."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            for child in multiprocessing.active_children():
                if child not in self._others:
                    child.terminate()


_outbox: "Queue[_Message] | None" = None  # of this worker process, set once when it starts


def _start_worker(messages: "Queue[_Message]") -> None:
    global _outbox
    _outbox = messages
    # Ctrl-C reaches the whole process group; the parent alone decides what to do.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    """A parent that was killed cannot end its workers; they must not work on without it."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(name: str, action: Callable[[Progress], None]) -> float:
    def progress(fraction: float, text: str) -> None:
        if _outbox is not None:
            _outbox.put((name, fraction, text))

    progress(0.0, "")
    start = time.perf_counter()
    action(progress)
    return time.perf_counter() - start
