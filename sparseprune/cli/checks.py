"""Questions about files and machines: evaluate, inspect, explain, doctor."""

from pathlib import Path
from typing import Annotated

import typer

from sparseprune.cli.shell import Allow, Debug, Json, Outcome, Shapes, bar, verb

Model = Annotated[Path, typer.Argument(help="ONNX file to check.", metavar="MODEL")]


@verb
def evaluate(
    context: typer.Context,
    model: Model,
    twin: Annotated[
        Path | None, typer.Option(help="Masked checkpoint it was made from: checks hidden loss.")
    ] = None,
    parent: Annotated[
        Path | None, typer.Option(help="Dense parent (.onnx or .safetensors) to compare with.")
    ] = None,
    recipe: Annotated[
        Path | None, typer.Option(help="Recipe that says which data [default: the model's own].")
    ] = None,
    allow: Allow = None,
    as_json: Json = False,
    debug: Debug = False,
) -> Outcome:
    """Evaluate an ONNX file on clean and shifted pictures.

    Exit code 3 means that it answers worse than its masked twin.

    sparseprune evaluate wt90.onnx --twin wt90.safetensors --parent parent.onnx
    """
    from sparseprune.cli import overrides, tables
    from sparseprune.pipeline import assess
    from sparseprune.runtime import OnnxRunner, load

    runner = OnnxRunner(model)
    settings = assess.settings(runner, recipe, overrides.parse(context.args))
    masked, dense = (load(path) if path is not None else None for path in (twin, parent))
    with bar("evaluate") as progress:
        rows = assess.evaluate_file(runner, masked, dense, settings, progress)
    failed = [row["sentence"] for row in rows if row["kind"] == "verdict" and not row["passed"]]
    return Outcome(rows, tables.evaluation(rows), f"{model}: {failed[0]}" if failed else None)


Batch = Annotated[
    int | None, typer.Option(min=1, help="Batch, where the file leaves it open [default: 1].")
]


@verb
def inspect(
    model: Annotated[Path, typer.Argument(help="ONNX file to look at.", metavar="MODEL")],
    batch: Batch = None,
    shape: Shapes = None,
    as_json: Json = False,
    debug: Debug = False,
) -> Outcome:
    """Show an ONNX file's origin, layers, zeros, and what runs sparse.

    sparseprune inspect wt90.onnx
    """
    from sparseprune.cli import explanation, inspection
    from sparseprune.inspector import inspect as inspect_model

    found = inspect_model(model, batch=batch, shapes=explanation.parse_shapes(shape or []))
    return Outcome(found, inspection.text(found))


@verb
def explain(
    model: Annotated[Path, typer.Argument(help="ONNX file to explain.", metavar="MODEL")],
    batch: Batch = None,
    shape: Shapes = None,
    as_json: Json = False,
    debug: Debug = False,
) -> Outcome:
    """Show how each layer of an ONNX file would run, and why.

    sparseprune explain wt90.onnx --batch 8
    """
    from sparseprune.cli import explanation
    from sparseprune.runtime.explain import explain as explain_model

    found = explain_model(model, batch=batch, shapes=explanation.parse_shapes(shape or []))
    return Outcome({"model": str(model), **found}, explanation.text(found))


@verb
def doctor(as_json: Json = False, debug: Debug = False) -> Outcome:
    """Show what this machine can run, for a bug report.

    sparseprune doctor
    """
    from sparseprune import environment
    from sparseprune.cli import tables

    found = environment.diagnose()
    return Outcome(found, tables.diagnosis(found))
