"""A network to deploy: one ONNX file, checked where it will run, that says where it is from.

The room is not called ``export`` because the package's function of that name would hide it.
torch is imported where a torch module is given, so ONNX files are exported without it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparseprune.errors import InputError
from sparseprune.exporter import onnx_file, options, tuning
from sparseprune.files import check_writable

if TYPE_CHECKING:
    from torch import nn
    from torch.export import ExportedProgram

__all__ = ["export"]


def export(
    model: "nn.Module | ExportedProgram | str | Path",
    path: str | Path,
    *,
    form: str = "plain",
    values: str = "float32",
    min_onnxruntime: str = "1.17",
    round_to: int = 8,
    example_inputs: Any = None,
    input_shapes: Mapping[str, Sequence[int]] | None = None,
    provenance: Mapping[str, Any] | None = None,
    provider: str = "auto",
    bound: float | None = None,
    tune: float | str = tuning.DEFAULT_SECONDS,
) -> dict[str, Any]:
    """Write ``model`` to ``path`` as ONNX and return what its parity check found.

    Of a torch module the file takes float32 "input" [batch, ...] and gives "logits" [batch,
    classes] for any batch size; BatchNorm is folded. Of a program or an ONNX file it keeps the
    inputs and outputs. Pruned weights stay exactly zero, ONNX's own checker passes. Before the file
    appears it is run in ONNX Runtime as it will be deployed, and must answer as the source does to
    within the difference that float32 rounding can make. A model beyond 2 GiB keeps its weights
    beside it, in ``path`` + ``.data``.

    Args:
        model: a classifier (left as it was), a torch.export program, or an ONNX file.
        path: where to write; ends in ``.onnx``. Missing folders are made.
        form: "plain" is standard ONNX, which runs sparse with our provider and dense elsewhere;
            "compact" stores pruned weights small, in operators of ours that carry a fallback for
            where our library is absent; "slim" is standard ONNX with the channels that are exactly
            zero taken out.
        values: of the compact form: "float32", or "float16" for half the bytes. Rounded weights
            are judged against the source with the same weights rounded; how far that is from the
            source itself is reported.
        min_onnxruntime: the oldest ONNX Runtime to read the file, from 1.17: it decides the
            operator set and the IR version.
        round_to: of the slim form: channels are kept in multiples of this.
        example_inputs: of a module, normalised pictures [N, C, H, W] it was made for: tracing and
            the parity check (the first 32) use them; few are joined by random ones. Of a program
            or an ONNX file none, or an array or tensor for each input, in order or by name.
        input_shapes: shapes of the inputs of a program or an ONNX file by name, the batch first,
            where they are open and no example is given; "" names the only input.
        provenance: what to say of the file's origin: method, ratio, seed, digests... Strings, or
            anything JSON holds; stored in the metadata under ``sparseprune.`` + key, beside the
            source's digest, the versions of the tools, the form ("export") and the parity.
        provider: what the file will run on, see ``onnxruntime.session``.
        bound: largest allowed difference of an output. None computes it from the layers of a
            module; where that is not known it is half the digits of the largest value.
        tune: seconds to look for the layers' fastest tiles on this CPU, for single pictures;
            "full" tries them all; 0 does not look. Less is spent on small networks, none where
            the provider runs no part. The file carries what was found; other CPUs ignore it.

    Returns:
        ``max_abs``, ``bound``, ``used`` (the largest share of its bound an output used),
        ``images``, ``flips`` and ``provider``; ``bytes`` of the model with whole weights ("dense")
        and of what was written ("file"); of the compact form ``compacted``, the layers that are
        stored small (with none the file is as the plain form); for float16 values also
        ``rounding``: ``max_abs`` and ``flips`` against the source itself.

    Raises:
        InputError: the path cannot be written, an option is none of its choices, or the model or
            its inputs are not what is expected, or cannot have that form.
        GateError: a pruned weight is not zero in the file, or the answers differ by more than
            rounding. Nothing is written then.
    """
    target = check_writable(Path(path), ".onnx")
    asked = options.check(
        form, values, min_onnxruntime, round_to, provider, bound, tune, input_shapes
    )
    entries = dict(provenance or {})
    if isinstance(model, str | Path):
        return onnx_file.export(Path(model), target, example_inputs, entries, asked)
    from torch import nn
    from torch.export import ExportedProgram

    from sparseprune.exporter import module, program

    if isinstance(model, nn.Module):
        return module.export(model, target, example_inputs, entries, asked)
    if not isinstance(model, ExportedProgram):
        raise InputError(
            "expected a torch module, a torch.export program or the path of an ONNX file, got "
            f"{type(model).__name__}"
        )
    return program.export(model, target, example_inputs, entries, asked)
