"""Time whole networks as they are deployed; every output is checked before a time is taken.

    python benchmarks/run.py --suite cpu

Builds the networks itself, exports them (the export checks parity), times each sparse network
against the same network dense on ONNX Runtime's CPU provider, interleaved in one process, and
writes rows to benchmarks/results/. A ratio is good to about the ``noise`` of its row; absolute
times say little on a shared machine.
"""

import argparse
import tempfile
from itertools import groupby
from pathlib import Path

import torch
from cases import Case, cpu

from sparseprune import environment, exporter, measure, records
from sparseprune.recipe import Measure
from sparseprune.records import Row
from sparseprune.runtime import OnnxRunner

RESULTS = Path(__file__).parent / "results"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--suite", choices=["cpu"], required=True)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--out", type=Path, default=RESULTS / "cpu.jsonl")
    options = parser.parse_args()
    versions, machine = environment.versions(), environment.machine()
    rows: list[Row] = [{"kind": "run", "machine": machine, "versions": versions}]
    for _, group in groupby(cpu(), key=lambda case: (case.network, case.batch)):
        rows += time_group(list(group), options.rounds)
    records.write(options.out, rows)
    print(f"{len(rows) - 1} rows in {options.out}")


def time_group(cases: list[Case], rounds: int) -> list[Row]:
    """Rows of one network at one batch size, against its dense case (the first)."""
    with tempfile.TemporaryDirectory() as folder:
        runners = {case.name: deploy(case, Path(folder)) for case in cases}
        shape = (cases[0].batch, *cases[0].input_shape)
        pictures = torch.randn(shape, generator=torch.Generator().manual_seed(1)).numpy()
        settings = Measure(batch=cases[0].batch, rounds=rounds)
        rows = measure.latency(runners, cases[0].name, pictures, settings)
    for row in rows:
        low, high = row["speedup_low"], row["speedup_high"]
        print(f"{row['id']:<22}{row['speedup']:7.2f} ({low:.2f} to {high:.2f})  {row['provider']}")
    return rows


def deploy(case: Case, folder: Path) -> OnnxRunner:
    path = folder / f"{case.name}.onnx"
    exporter.export(case.build(), path, example_inputs=torch.randn(4, *case.input_shape))
    return OnnxRunner(path, name=case.name, provider="auto" if case.sparsity else "cpu")


if __name__ == "__main__":
    main()
