"""The verb export: from a network of any origin to the file that is deployed."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from sparseprune.cli.shell import Allow, Debug, Json, Out, Outcome, named_as, options_of, verb
from sparseprune.errors import InputError

Source = Annotated[
    Path,
    typer.Argument(
        help="ONNX file, checkpoint (.safetensors), torch checkpoint or program (.pt2).",
        metavar="SOURCE",
    ),
]
Form = Annotated[str, typer.Option(help="plain, compact (small weights) or slim (few channels).")]
Values = Annotated[str, typer.Option(help="Of the compact form: float32 or float16.")]
Oldest = Annotated[str, typer.Option(help="The oldest ONNX Runtime that has to read the file.")]
RoundTo = Annotated[
    int, typer.Option(help="Of the slim form: keep channels in multiples of this.", min=1)
]
Tune = Annotated[
    str, typer.Option(help="Seconds to look for the fastest tiles here; or 'full', or 'none'.")
]
Arch = Annotated[
    str | None,
    typer.Option(help="Of a torch checkpoint: resnet20, ... or package.module:callable."),
]
ArchOptions = Annotated[
    str | None, typer.Option(help="Keyword arguments of the architecture: '{\"width\": 8}'.")
]
Masks = Annotated[
    Path | None, typer.Option(help="Of a torch checkpoint: a file of masks beside it.")
]
Inputs = Annotated[
    Path | None,
    typer.Option(help="Inputs for the parity check: .npy, or .npz with an array for each."),
]
Shape = Annotated[
    list[str] | None,
    typer.Option(help="With --arch: 3,224,224. Of an open input: 1,3,224,224 or NAME=1,3,8,8."),
]


@verb
def export(
    source: Source,
    out: Out,
    form: Form = "plain",
    values: Values = "float32",
    min_onnxruntime: Oldest = "1.17",
    round_to: RoundTo = 8,
    tune: Tune = "5",
    arch: Arch = None,
    arch_options: ArchOptions = None,
    masks: Masks = None,
    inputs: Inputs = None,
    shape: Shape = None,
    allow: Allow = None,
    as_json: Json = False,
    debug: Debug = False,
) -> Outcome:
    """Write the ONNX file to deploy, checked and tuned for this CPU.

    sparseprune export wt90.safetensors -o wt90.onnx --tune full

    sparseprune export any_pruned.onnx -o small.onnx --form compact --values float16

    sparseprune export net.pth --arch my.models:net --shape 3,32,32 -o net.onnx
    """
    from sparseprune.cli.explanation import parse_shapes

    shapes = parse_shapes(shape or [])
    options: dict[str, Any] = {
        "example_inputs": _arrays(inputs),
        "form": form,
        "values": values,
        "min_onnxruntime": min_onnxruntime,
        "round_to": round_to,
        "tune": _budget(tune),
    }
    foreign = {"--arch": arch, "--arch-options": arch_options, "--masks": masks}
    ours = source.suffix == ".safetensors" and arch is None and not _is_foreign(source)
    if ours or source.suffix in (".onnx", ".pt2"):
        _none_of(foreign, source)
    with named_as(options_of(options, example_inputs="--inputs")):
        if ours:
            found = _checkpoint(source, out, options)
        elif source.suffix == ".onnx":
            from sparseprune import exporter

            found = exporter.export(source, out, input_shapes=shapes, **options)
        else:
            network = _foreign(source, arch, _keywords(arch_options), masks, shapes)
            found = _other(network, out, shapes, options)
    apart: dict[str, Any] = {key: found.pop(key) for key in ("bytes", "compacted") if key in found}
    result = {"onnx": str(out), "form": form, **apart, "parity": found}
    return Outcome(result, _text(result))


def _none_of(options: dict[str, Any], source: Path) -> None:
    for name, value in options.items():
        if value is not None:
            raise InputError(
                f"{name}: expected a torch checkpoint to use it for, got {source}; leave it out"
            )


def _is_foreign(source: Path) -> bool:
    from sparseprune.formats import container

    return container.is_foreign(source)


def _checkpoint(source: Path, out: Path, options: dict[str, Any]) -> dict[str, Any]:
    from sparseprune.formats import checkpoint as checkpoints
    from sparseprune.pipeline import shipping

    return shipping.export_network(checkpoints.load(source), out, **options)


def _foreign(
    path: Path, arch: str | None, keywords: Any, masks: Path | None, shapes: dict[str, list[int]]
) -> Any:
    """A network of another tool."""
    from sparseprune.exporter import sources

    return sources.load(path, arch, keywords, shapes.get(""), masks=masks)


def _other(
    network: Any, out: Path, shapes: dict[str, list[int]], options: dict[str, Any]
) -> dict[str, Any]:
    from sparseprune import exporter

    given = options.pop("example_inputs")
    if network.module is not None and given is None:
        given = network.example
    return exporter.export(
        network.module or network.program,
        out,
        example_inputs=given,
        input_shapes=shapes,
        provenance=network.provenance,
        **options,
    )


def _keywords(text: str | None) -> dict[str, Any]:
    """What --arch-options says.

    Raises:
        InputError: it is not a mapping in JSON.
    """
    try:
        found = json.loads(text or "{}")
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise InputError(
            f"--arch-options: expected a mapping in JSON such as '{{\"width\": 8}}', got {text!r}"
        )
    return found


def _text(result: dict[str, Any]) -> str:
    from sparseprune.cli.tables import size

    found, sizes = result["parity"], {key: size(n) for key, n in result["bytes"].items()}
    lines = [
        f"{result['onnx']}: {result['form']}, {sizes['file']}, dense {sizes['dense']}",
        f"largest difference {found['max_abs']:.1e}, allowed {found['bound']:.1e}, "
        f"{found['flips']} labels changed ({found['images']} inputs)",
    ]
    if rounding := found.get("rounding"):
        lines.append(
            f"float16 weights moved the outputs by {rounding['max_abs']:.1e}, "
            f"{rounding['flips']} labels changed"
        )
    if result.get("compacted") == 0:
        lines.append("no layer would be smaller stored compact: the file is as the plain form")
    return "\n".join(lines)


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
