"""A Ray cluster of two workers on this machine, and what a sweep does on it; run as a program.

Ray stays out of the test process: it starts threads and leaves warnings behind. Prints one JSON
object of what was found.
"""

import json
import os
import signal
import sys
import threading
import time
from functools import partial
from pathlib import Path

import cluster_actions
import psutil
from ray.cluster_utils import Cluster as Machines

from sparseprune import recipe as recipes
from sparseprune.errors import InputError
from sparseprune.pipeline.schedule import Task, conduct
from sparseprune.sweep import work
from sparseprune.sweep.cluster import Cluster
from sparseprune.sweep.plan import plan
from sparseprune.sweep.store import Store

MEMORY = 80_000_000  # the least Ray takes; a sweep's files do not travel through it


class Log:
    def __init__(self):
        self.finished_names, self.progress = [], []

    def skipped(self, name):
        self.finished_names.append(f"skipped {name}")

    def progressed(self, name, fraction, text):
        self.progress.append(name)

    def finished(self, name, seconds):
        self.finished_names.append(name)


def until(condition):
    end = time.monotonic() + 120
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.02)
    raise TimeoutError


def killed_worker(address, folder):
    """Six tasks, the last after the others; the worker of the second one dies while it works."""
    names = [f"task{number}" for number in range(5)]
    tasks = [Task(n, partial(cluster_actions.slow, folder, n), (folder / n,)) for n in names]
    tasks.append(
        Task("last", partial(cluster_actions.slow, folder, "last"), (folder / "last",), (*names,))
    )

    def kill():
        begun = folder / "begun"
        until(lambda: begun.exists() and len(begun.read_text().splitlines()) >= 2)
        os.kill(int(begun.read_text().splitlines()[1].split()[1]), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    log = Log()
    conduct(tasks, log, Cluster(address))
    killer.join()
    begun = [line.split()[0] for line in (folder / "begun").read_text().splitlines()]
    ended = (folder / "ended").read_text().splitlines()
    return {"begun": begun, "ended": ended, "finished": log.finished_names}


def errors(address, folder):
    """A user's mistake comes back as what it was."""
    task = Task("bad", partial(cluster_actions.fail, InputError("planted")), (folder / "bad",))
    try:
        conduct([task], Log(), Cluster(address))
    except InputError as error:
        return str(error)


def real_sweep(machines, address, folder, nodes):
    """A recipe's sweep; one of the two machines is lost while a stage runs on it."""
    found = plan(recipes.load(folder / "sweep.yaml"))
    root, log = folder / "sweep", Log()
    root.mkdir()

    def lose():
        until(lambda: (root / "stages").exists() and len(list((root / "stages").iterdir())) >= 2)
        machines.remove_node(nodes[0], allow_graceful=False)

    loser = threading.Thread(target=lose)
    loser.start()
    conduct(work.tasks(root, found), log, Cluster(address))
    loser.join()
    runs = work.assemble(root, found)
    return {
        "finished": log.finished_names,
        "labels": [stage.label for stage in found.stages.values()],
        "whole": all(Store(root).has(address) for address in found.stages),
        "runs": [str(run) for run in runs],
        "progress": sorted(set(log.progress)),
    }


def main(folder):
    machines = Machines(
        initialize_head=True,
        head_node_args={"num_cpus": 0, "object_store_memory": MEMORY, "include_dashboard": False},
    )
    try:
        nodes = [machines.add_node(num_cpus=1, object_store_memory=MEMORY) for _ in range(2)]
        machines.wait_for_nodes()
        address = machines.address
        light = folder / "light"
        light.mkdir()
        found = {
            "killed": killed_worker(address, light),
            "error": errors(address, light),
            "sweep": real_sweep(machines, address, folder, nodes),
        }
    finally:
        machines.shutdown()
    for child in psutil.Process().children(recursive=True):
        child.kill()
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
