"""Tries one case after another; whoever started it sees to crashes and hangs.

FOLDER/progress says what is being tried: "SEED STAGE"; FOLDER/current.npz is the case itself.
"""

import argparse
import itertools
import json
import resource
import sys
import time
from collections import Counter
from pathlib import Path

import case as cases_on_disk
import wider_reference  # its rules are added to the reference's
from cases import KINDS
from verdict import attempt, judge

assert wider_reference
# Hostile shapes ask for more than a machine has; beyond this the answer is "out of memory".
MOST_MEMORY = 4 << 30


class Progress:
    def __init__(self, folder: Path):
        self.folder = folder

    def tell(self, seed: int, stage: str) -> None:
        (self.folder / "progress").write_text(f"{seed} {stage}")


def examine(case: cases_on_disk.Case, tell) -> tuple[str, str]:
    """(what is wrong, how it ended); the CPU provider goes first: what it dies of is not ours."""
    tell("theirs")
    theirs = attempt(case, "cpu")
    tell("ours")
    ours = attempt(case, "sparseprune")
    tell("judge")
    return judge(case, theirs, ours), f"{theirs.stage}/{ours.stage}"


def fuzz(options: argparse.Namespace) -> None:
    deadline = time.monotonic() + options.seconds
    progress, ends = Progress(options.folder), Counter()
    for seed in itertools.count(options.seed, options.step):
        if time.monotonic() > deadline or sum(ends.values()) == options.count:
            break
        progress.tell(seed, "make")
        case = KINDS[options.kind](seed)
        case.save(options.folder / "current.npz")
        wrong, end = examine(case, lambda stage, seed=seed: progress.tell(seed, stage))
        ends[end] += 1
        if wrong:
            case.save(options.folder / f"{options.kind}-{seed}.npz")
            print(json.dumps({"seed": seed, "wrong": wrong}), flush=True)
    print(json.dumps({"ends": ends}), flush=True)


def replay(paths: list[Path]) -> int:
    bad = 0
    for path in paths:
        print(path, flush=True)
        wrong, end = examine(cases_on_disk.load(path), lambda stage: None)
        print("  ", wrong or end, flush=True)
        bad += bool(wrong)
    return bad


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", choices=KINDS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--step", type=int, default=1)
    parser.add_argument("--count", type=int, default=-1)
    parser.add_argument("--seconds", type=float, default=1e9)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--unlimited", action="store_true", help="of memory: for sanitizers")
    parser.add_argument("--replay", type=Path, nargs="*")
    options = parser.parse_args()
    if not options.unlimited:
        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    if options.replay is not None:
        sys.exit(replay(options.replay))
    fuzz(options)


if __name__ == "__main__":
    main()
