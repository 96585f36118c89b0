"""A Ray cluster as the crew of a sweep: a stage whose worker dies is begun again elsewhere."""

import logging
import os
import sys
import time
from concurrent.futures import Future
from contextlib import ExitStack, redirect_stdout, suppress
from pathlib import Path
from typing import Any

from sparseprune.errors import GateError, InputError
from sparseprune.pipeline.schedule import Observer, Task

# How often a stage may lose its worker; one that takes all its memory would do so for ever.
_RETRIES = 5
# Progress travels at most so often, in seconds: each message is a call over the network.
_PACE = 1.0


class Cluster:
    """Workers of a Ray cluster; every machine of it has sparseprune and sees the sweep's folder.

    A stage takes one core, as it computes on one thread.
    """

    def __init__(self, address: str) -> None:
        """Connect to the cluster whose head is at ``address`` ("host:port").

        Raises:
            InputError: Ray is not installed, or there is no cluster at the address.
        """
        try:
            import ray
        except ModuleNotFoundError as error:
            raise InputError(
                f"--cluster needs {error.name}, which is not installed; "
                "run: pip install 'sparseprune[ray]'"
            ) from error
        self._ray: Any = ray
        try:
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise InputError(
                f"--cluster {address}: expected the address of a Ray cluster, got no answer; "
                "start one with: ray start --head"
            ) from error
        self._connected = ExitStack()
        # Ray reports lost machines on stdout, which is for results alone; some when it shuts down.
        self._connected.enter_context(redirect_stdout(sys.stderr))
        self._connected.callback(ray.shutdown)
        self._outbox = _outbox(ray)
        self._letters: Any = None
        self._work = ray.remote(num_cpus=1, max_retries=_RETRIES)(_work)
        self._running: list[Any] = []

    def submit(self, task: Task) -> "Future[float]":
        """Hand the task to the cluster."""
        words = (Path.cwd(), sys.path, self._outbox, task.name, task.action)
        reference = self._work.remote(*words)
        self._running.append(reference)
        settled: Future[float] = Future()
        reference.future().add_done_callback(lambda done: self._settle(done, settled))
        return settled

    def relay(self, observer: Observer) -> None:
        """Pass on what workers have said; progress that is lost with a machine is no loss."""
        with suppress(self._ray.exceptions.RayError):
            if self._letters is None:
                self._letters = self._outbox.take.remote()
            if not self._ray.wait([self._letters], timeout=0)[0]:
                return
            letters, self._letters = self._letters, None
            for name, fraction, text in self._ray.get(letters):
                observer.progressed(name, fraction, text)

    def dismiss(self) -> None:
        """Leave the cluster as it was."""
        self._connected.close()

    def abandon(self) -> None:
        """End what runs there, and leave."""
        for reference in self._running:
            with suppress(self._ray.exceptions.RayError):
                self._ray.cancel(reference, force=True)
        self._connected.close()

    def _settle(self, done: "Future[float]", settled: "Future[float]") -> None:
        """Errors of ours arrive as what they were, others as what to do."""
        error: Any = done.exception()
        if error is None:
            settled.set_result(done.result())
        elif isinstance(error, self._ray.exceptions.RayTaskError):
            settled.set_exception(error.cause)
        else:
            found = GateError(
                f"the cluster lost a stage {_RETRIES + 1} times ({type(error).__name__}); what "
                "had finished is kept, run the same command again"
            )
            found.__cause__ = error
            settled.set_exception(found)


class _Outbox:
    """Messages on their way to the one who watches."""

    def __init__(self) -> None:
        self._letters: dict[str, tuple[float, str]] = {}

    def put(self, name: str, fraction: float, text: str) -> None:
        self._letters[name] = (fraction, text)

    def take(self) -> list[tuple[str, float, str]]:
        letters, self._letters = self._letters, {}
        return [(name, *words) for name, words in letters.items()]


def _outbox(ray: Any) -> Any:
    """On the machine of the one who watches, so that it lives as long as there is a need."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)
    return ray.remote(num_cpus=0, max_restarts=-1, scheduling_strategy=here)(_Outbox).remote()


def _work(folder: Path, path: list[str], outbox: Any, name: str, action: Any) -> float:
    """Run a task as a process that the sweep had started itself would: same folder, same path."""
    with suppress(OSError):  # another machine may not have it, and may not need it
        os.chdir(folder)
    sys.path.extend(entry for entry in path if entry not in sys.path)
    said = 0.0

    def progress(fraction: float, text: str) -> None:
        nonlocal said
        if time.monotonic() - said >= _PACE:
            said = time.monotonic()
            outbox.put.remote(name, fraction, text)

    progress(0.0, "")
    start = time.perf_counter()
    action(progress)
    return time.perf_counter() - start
