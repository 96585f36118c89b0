"""The verb export: from a network of any origin to the file that is deployed."""

from pathlib import Path
from typing import Annotated, Any

import typer

from sparseprune.cli.shell import Debug, Json, Out, Outcome, verb
from sparseprune.errors import InputError


@verb
def export(
    source: Annotated[
        Path,
        typer.Argument(
            help="ONNX file, checkpoint (.safetensors), torch checkpoint or program (.pt2).",
            metavar="SOURCE",
        ),
    ],
    out: Out,
    form: Annotated[
        str, typer.Option(help="plain, compact (small weights) or slim (fewer channels).")
    ] = "plain",
    values: Annotated[
        str, typer.Option(help="Of the compact form: float32 or float16.")
    ] = "float32",
    min_onnxruntime: Annotated[
        str, typer.Option(help="The oldest ONNX Runtime that has to read the file.")
    ] = "1.17",
    round_to: Annotated[
        int, typer.Option(help="Of the slim form: keep channels in multiples of this.", min=1)
    ] = 8,
    tune: Annotated[
        str, typer.Option(help="Seconds to look for the fastest tiles here; or 'full', or 'none'.")
    ] = "5",
    inputs: Annotated[
        Path | None,
        typer.Option(help="Inputs for the parity check: .npy, or .npz with an array for each."),
    ] = None,
    input_shape: Annotated[
        list[str] | None,
        typer.Option(help="Shape of an input that is open: 1,3,224,224 or NAME=1,3,8,8."),
    ] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> Outcome:
    """Write the ONNX file to deploy, checked against its source and tuned for this CPU.

    sparseprune export wt90.safetensors -o wt90.onnx --tune full

    sparseprune export any_pruned.onnx -o small.onnx --form compact --values float16
    """
    from sparseprune.cli.explanation import parse_shapes

    options: dict[str, Any] = {
        "form": form,
        "values": values,
        "min_onnxruntime": min_onnxruntime,
        "round_to": round_to,
        "tune": _budget(tune),
    }
    shapes = parse_shapes(input_shape or [], "--input-shape")
    if source.suffix == ".onnx":
        from sparseprune import exporter

        example = _arrays(inputs)
        found = exporter.export(source, out, example_inputs=example, input_shapes=shapes, **options)
    else:
        from sparseprune.formats import checkpoint as checkpoints
        from sparseprune.pipeline import steps

        found = steps.export_network(checkpoints.load(source), out, **options)
    sizes = found.pop("bytes")
    result = {"onnx": str(out), "form": form, "bytes": sizes, "parity": found}
    return Outcome(result, _text(out, form, sizes, found))


def _text(out: Path, form: str, sizes: dict[str, int], found: dict[str, Any]) -> str:
    lines = [
        f"{out}: {form}, {_size(sizes['file'])}, dense {_size(sizes['dense'])}",
        f"largest difference {found['max_abs']:.1e}, allowed {found['bound']:.1e}, "
        f"{found['flips']} labels changed ({found['images']} inputs)",
    ]
    if rounding := found.get("rounding"):
        lines.append(
            f"float16 weights moved the outputs by {rounding['max_abs']:.1e}, "
            f"{rounding['flips']} labels changed"
        )
    return "\n".join(lines)


def _size(count: int) -> str:
    """Bytes in the unit a file manager shows."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= scale:
            return f"{count / scale:.3g} {unit}"
    return f"{count} bytes"


def _arrays(path: Path | None) -> Any:
    """The inputs in a NumPy file; nothing in it is executed.

    Raises:
        InputError: it is missing, or holds something else than plain arrays.
    """
    import numpy as np

    if path is None:
        return None
    try:
        found = np.load(path, allow_pickle=False)
        return found if isinstance(found, np.ndarray) else dict(found)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(
            f"--inputs: expected a NumPy file of plain arrays (.npy or .npz) at {path}, got {error}"
        ) from error


def _budget(tune: str) -> float | str:
    """What --tune says, as ``sparseprune.export`` takes it."""
    if tune in ("full", "none"):
        return "full" if tune == "full" else 0
    try:
        return float(tune)
    except ValueError as error:
        raise InputError(f"--tune: expected seconds, 'full' or 'none', got {tune!r}") from error
