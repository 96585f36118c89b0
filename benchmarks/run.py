"""Time networks and layers as they are deployed; every output is checked before a time is taken.

    python benchmarks/run.py --suite cpu
    python benchmarks/run.py --suite cpu --only resnet50-224-b1 --rounds 5
    python benchmarks/run.py --suite cpu --isa avx2
    python benchmarks/run.py --suite gpu --part linear --budget 540
    python benchmarks/run.py --suite gpu --dry

Builds the networks itself and times each contestant between two runs of the base, in one process.
Rows go to benchmarks/results/; a selection is only shown, unless ``--out`` names a file.
README.md beside this file says what a row is and how to read it.
"""

import argparse
import faulthandler
import functools
import os
import sys
import tempfile
from importlib import metadata
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sparseprune.records import Row

RESULTS = Path(__file__).parent / "results"
# Read when the libraries are loaded: our engine, torch's own kernels, oneDNN and MKL.
AVX2 = {
    "SPARSEPRUNE_ISA": "avx2",
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
}


# Of --suite gpu, in the order they are run; gpu/parts.py has their cases.
PARTS = ("ceilings", "linear", "conv", "decode", "semi", "network")
# Seconds after the budget in which what was begun must end.
GRACE = 50
# What each suite would leave unread.
OTHERS = {"cpu": ("part", "budget", "dry"), "gpu": ("threads", "isa", "tune", "rounds")}


def main() -> None:
    options = parse()
    if options.suite == "gpu":
        gpu(options)
    else:
        cpu(options)


def gpu(options: argparse.Namespace) -> None:
    # Triton decides when it is imported whether it interprets, which no time may be taken of.
    os.environ["TRITON_INTERPRET"] = "1" if options.dry else "0"
    from gpu import suite

    from sparseprune.errors import GateError, InputError

    if not options.dry:
        # A kernel that never ends cannot be interrupted; rows are on disk by then.
        faulthandler.dump_traceback_later(options.budget + GRACE, exit=True)
    try:
        suite.main(options, RESULTS, show)
    except (GateError, InputError) as error:
        sys.exit(str(error))
    finally:
        faulthandler.cancel_dump_traceback_later()


def cpu(options: argparse.Namespace) -> None:
    if options.isa == "avx2":
        os.environ.update(AVX2)
    # Only now: the environment decides which instructions these load.
    import table
    import torch

    from sparseprune import environment, records

    torch.set_num_threads(options.threads)
    versions = {**environment.versions(), "openvino": installed("openvino")}
    head = {"machine": environment.machine(), "versions": versions}
    rows: list[Row] = [{"kind": "run", "isa": options.isa, "threads": options.threads, **head}]
    with tempfile.TemporaryDirectory() as cache:
        os.environ["SPARSEPRUNE_CACHE"] = cache  # what earlier runs found is not used
        rows += measured(options)
    print(table.text(rows))
    if options.out:
        records.write(options.out, rows)
        print(f"{len(rows)} rows in {options.out}")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--suite", choices=["cpu", "gpu"], required=True)
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME", help="a case or a network"
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--isa", choices=["best", "avx2"], default="best")
    parser.add_argument(
        "--tune", type=float, default=5, help="seconds in which our provider may tune each network"
    )
    parser.add_argument("--rounds", type=int, help="quiet comparisons of each, for every case")
    parser.add_argument("--out", type=Path, help="where rows go (default for the whole suite only)")
    gpu = parser.add_argument_group("--suite gpu")
    gpu.add_argument("--part", action="append", choices=PARTS, help="repeatable; all without it")
    gpu.add_argument(
        "--budget", type=float, default=540, help="seconds, after which nothing is begun"
    )
    gpu.add_argument(
        "--dry", action="store_true", help="tiny cases in Triton's interpreter, without times"
    )
    options = parser.parse_args()
    for name in OTHERS[options.suite]:
        if getattr(options, name) != parser.get_default(name):
            parser.error(f"--suite {options.suite} has no --{name}; leave it out")
    if not options.budget > 0:
        parser.error(f"--budget: expected seconds above zero, got {options.budget:g}")
    if options.suite == "gpu" and options.out:
        parser.error("--suite gpu writes each part beside the others; there is no --out")
    if options.suite == "cpu" and options.out is None and not options.only:
        suffix = "" if options.isa == "best" else f"-{options.isa}"
        options.out = RESULTS / f"{options.suite}{suffix}.jsonl"
    return options


def measured(options: argparse.Namespace) -> "list[Row]":
    """Rows of the selected cases, network by network; what is done is shown on stderr."""
    from networks import Built
    from suite import RESNET50, Bench, footprints, selected, two_threads

    rows: list[Row] = []
    chosen = selected(options.only)
    plain = options.isa == "best" and options.threads == 1
    for network, group in groupby(chosen, key=lambda case: case.network):
        with tempfile.TemporaryDirectory() as folder:
            show(network.name, "building")
            built = Built(network, Path(folder))
            for case in group:
                bench = Bench(case, built, options.threads, options.isa, options.tune)
                place = f"{chosen.index(case) + 1}/{len(chosen)} {case.name}"
                rounds = options.rounds or case.rounds
                rows += bench.rows(rounds, lambda text, place=place: show(place, text))
            if plain and network == RESNET50:
                rounds = options.rounds or 12
                progress = functools.partial(show, "two threads")
                rows.append(two_threads(built, rounds, options.tune, progress))
            if plain:
                show(network.name, "loading in fresh processes")
                rows += footprints(built, options.threads)
    return rows


def installed(package: str) -> str | None:
    """Its version, if it is."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def show(place: str, text: str) -> None:
    """One line that is written over on a terminal; in a file, a line for each network."""
    if sys.stderr.isatty():
        print(f"\r{place}: {text}".ljust(79), end="", file=sys.stderr, flush=True)
    elif not text.startswith("round") or text.startswith("round 1 "):
        print(f"{place}: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
