"""A network to deploy: one plain ONNX file, checked where it will run, that says where it is from.

The room is not called ``export`` because the package's function of that name would hide it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sparseprune.exporter import module, onnx_file, tuning
from sparseprune.files import check_writable

__all__ = ["export"]

Example = torch.Tensor | tuple[torch.Tensor]


def export(
    model: nn.Module | str | Path,
    path: str | Path,
    *,
    example_inputs: Example | None = None,
    provenance: Mapping[str, Any] | None = None,
    provider: str = "auto",
    bound: float | None = None,
    tune: float | str = tuning.DEFAULT_SECONDS,
) -> dict[str, Any]:
    """Write ``model`` to ``path`` as plain ONNX and return what its parity check found.

    The file takes float32 "input" [batch, ...] and gives "logits" [batch, classes] for any batch
    size. BatchNorm is folded, pruned weights stay exactly zero, ONNX's own checker passes. Before
    the file appears it is run in ONNX Runtime as it will be deployed, and must answer as the
    source does to within the difference that float32 rounding can make.

    Args:
        model: a classifier (left as it was), or an ONNX file, which is checked and copied.
        path: where to write; ends in ``.onnx``. Missing folders are made.
        example_inputs: normalised pictures [N, C, H, W] the model was made for: tracing and the
            parity check (the first 32) use them; few are joined by random ones. An ONNX file
            needs none.
        provenance: what to say of the file's origin: method, ratio, seed, digests... Strings, or
            anything JSON holds; stored in the metadata under ``sparseprune.`` + key, beside the
            source's digest, the versions of the tools and the parity.
        provider: what the file will run on, see ``onnxruntime.session``.
        bound: largest allowed difference of a logit; computed (``convert.bounds``) if None.
        tune: seconds to look for the layers' fastest tiles on this CPU, for single pictures;
            "full" tries them all; 0 does not look. Less is spent on small networks, none where
            the provider runs no part. The file carries what was found; other CPUs ignore it.

    Returns:
        ``max_abs``, ``bound``, ``used`` (the largest share of its bound a logit used), ``images``,
        ``flips`` and ``provider``.

    Raises:
        InputError: the path cannot be written, or the model or its inputs are not what is expected.
        GateError: a pruned weight is not zero in the file, or the answers differ by more than
            rounding. Nothing is written then.
    """
    target = check_writable(Path(path), ".onnx")
    entries = dict(provenance or {})
    budget = tuning.budget(tune)
    if isinstance(model, nn.Module):
        return module.export(
            model, target, example_inputs, entries, provider=provider, bound=bound, tune=budget
        )
    return onnx_file.export(
        Path(model), target, example_inputs, entries, provider=provider, bound=bound, tune=budget
    )
