"""Runs the fuzzers for a given time; a crash, a hang or a wrong answer is kept as a file.

    python tests/fuzz/fuzz.py --seconds 600                 all kinds, on all cores, a fresh seed
    python tests/fuzz/fuzz.py --kinds structure --seed 7    as before
    python tests/fuzz/fuzz.py --replay FILE...              what was kept

Cases run in worker processes; a worker that dies or hangs is replaced. What happens while the CPU
provider alone runs is ONNX Runtime's own, and is only counted. FOLDER of what is found:
build/fuzz. Small files that showed a mistake of ours belong into tests/fuzz/crashes.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import builds

HERE = Path(__file__).parent
KINDS = ("differential", "structure", "bytes")
# A case takes milliseconds; the first ones of a worker, imports and all, some seconds.
HANG_SECONDS = 60


def environment(library: Path | None) -> dict[str, str]:
    """For workers: where modules are, and a sanitized library."""
    paths = [HERE.parents[1], HERE.parent / "ort", HERE, os.environ.get("PYTHONPATH", "")]
    made = {**os.environ, "PYTHONPATH": os.pathsep.join(str(p) for p in paths if str(p))}
    return made if library is None else {**made, **builds.environment(library)}


class Worker:
    """One process and the folder it works in; `seed` is where it starts."""

    def __init__(self, kind: str, seed: int, step: int, options, folder: Path):
        self.kind, self.step, self.options = kind, step, options
        self.folder = folder
        folder.mkdir(parents=True)
        self.deadline = time.monotonic() + options.seconds
        self.findings: list[str] = []
        self.ends: list[str] = []
        self.start(seed)

    def start(self, seed: int) -> None:
        self.log = (self.folder / "log").open("w+")
        left = max(0.0, self.deadline - time.monotonic())
        command = [sys.executable, HERE / "worker.py", "--kind", self.kind]
        command += [
            "--seed",
            str(seed),
            "--step",
            str(self.step),
            "--count",
            str(self.options.count),
        ]
        command += ["--seconds", str(left), "--folder", self.folder]
        command += ["--unlimited"] * (self.options.library is not None)
        self.last, self.since = "", time.monotonic()
        self.process = subprocess.Popen(
            command, env=environment(self.options.library), stdout=self.log, stderr=self.log
        )

    def poll(self) -> bool:
        """Whether it is at work still."""
        progress = self.progress()
        if progress != self.last:
            self.last, self.since = progress, time.monotonic()
        status = self.process.poll()
        if status is None and time.monotonic() - self.since > HANG_SECONDS:
            self.process.kill()
            self.process.wait()
            return self.died("hangs")
        if status:
            return self.died(f"exit status {status}")
        if status == 0:
            self.collect()
        return status is None

    def progress(self) -> str:
        path = self.folder / "progress"
        return path.read_text() if path.exists() else ""

    def died(self, how: str) -> bool:
        """Keep what it died of, and go on after it while there is time."""
        self.collect()
        seed, _, stage = self.progress().partition(" ")
        tail = self.text()[-3000:]
        if stage == "ours" and "out-of-memory" not in tail and "allocation-size" not in tail:
            self.keep(f"{self.kind}-{seed}.npz")
            self.findings.append(f"{self.kind} seed {seed}: {how}\n{tail}")
        elif stage == "theirs":
            self.ends.append(f"{self.kind} seed {seed}: the CPU provider alone: {how}")
        elif stage != "ours":
            self.findings.append(
                f"{self.kind} seed {seed}: the fuzzer itself, {stage}: {how}\n{tail}"
            )
        if not seed or time.monotonic() > self.deadline or self.options.count >= 0:
            return False
        self.start(int(seed) + self.step)
        return True

    def collect(self) -> None:
        for line in self.text().splitlines():
            if line.startswith('{"ends"'):
                self.ends.append(f"{self.kind}: {line}")
            elif line.startswith('{"seed"'):
                self.findings.append(f"{self.kind} {line}")
        for kept in self.folder.glob(f"{self.kind}-*.npz"):
            self.keep(kept.name, kept)

    def keep(self, name: str, kept: Path | None = None) -> None:
        self.options.folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(kept or self.folder / "current.npz", self.options.folder / name)

    def text(self) -> str:
        self.log.seek(0)
        return self.log.read()


def run(options: argparse.Namespace) -> int:
    print(f"seed {options.seed}, {options.seconds} s, {options.jobs} at once", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SPARSEPRUNE_CACHE"] = str(Path(folder) / "cache")
        count = max(options.jobs, len(options.kinds))
        workers = []
        for i in range(count):
            kind = options.kinds[i % len(options.kinds)]
            place = Path(folder) / f"{kind}{i}"
            workers.append(Worker(kind, options.seed + i, count, options, place))
        busy = list(workers)
        while busy:
            busy = [worker for worker in busy if worker.poll()]
            time.sleep(0.05)
    for worker in workers:
        print("\n".join(worker.ends), flush=True)
    findings = [text for worker in workers for text in worker.findings]
    print("\n".join(findings), flush=True)
    if findings:
        print(f"{len(findings)} findings; their cases are in {options.folder}")
    return bool(findings)


def run_parsers(options: argparse.Namespace) -> int:
    """The parsers alone, a thousand times faster than whole models, for a tenth of the time."""
    with tempfile.TemporaryDirectory() as folder:
        current = Path(folder) / "current"
        command = [
            builds.parsers(Path(folder)),
            options.seed,
            max(1, options.seconds / 10),
            current,
        ]
        done = subprocess.run([str(part) for part in command])
        if done.returncode:
            options.folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(current, options.folder / f"parsers-{options.seed}.bin")
        return done.returncode


def replay(options: argparse.Namespace) -> int:
    command = [sys.executable, HERE / "worker.py", "--replay", *options.replay]
    command += ["--unlimited"] * (options.library is not None)
    return subprocess.run(command, env=environment(options.library)).returncode


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=time.time_ns() // 10**6 % 10**9)
    parser.add_argument("--count", type=int, default=-1, help="cases of each worker; -1: no end")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--folder", type=Path, default=HERE.parents[1] / "build" / "fuzz")
    parser.add_argument("--sanitize", action="store_true", help="build with sanitizers, and try it")
    parser.add_argument("--replay", type=Path, nargs="+", metavar="FILE")
    options = parser.parse_args()
    options.library = builds.library(options.folder / "objects") if options.sanitize else None
    if options.replay:
        sys.exit(replay(options))
    sys.exit(run(options) or (options.sanitize and run_parsers(options)))


if __name__ == "__main__":
    main()
