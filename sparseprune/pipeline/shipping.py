"""From a checkpoint to the file to deploy: dead channels out, then ONNX."""

import math
from pathlib import Path
from typing import Any

from sparseprune import data, exporter, models
from sparseprune.convert import slim as slimming
from sparseprune.errors import InputError
from sparseprune.formats import checkpoint as checkpoints
from sparseprune.formats.checkpoint import Checkpoint
from sparseprune.pipeline import steps
from sparseprune.records import Row

# Enough pictures for the parity check to meet every class several times; 0.1 s on one core.
_PARITY_IMAGES = 128
# Of larger pictures than 128 x 128 fewer: a gigabyte of them would show nothing more.
_PARITY_PIXELS = 1 << 21
_PROVENANCE = (
    *("method", "form", "target_ratio", "ratio", "unit", "coupling", "round_to", "seed"),
    *("data", "recipe"),
)


def slim_network(source: Checkpoint, round_to: int) -> Checkpoint:
    """Take dead channels out of the tensors for real."""
    coupling = source.meta.get("coupling") or "none"
    example = steps.example(source)
    slimmed = slimming(models.load(source), example, round_to=round_to, coupling=coupling)
    meta = {
        **source.meta,
        "form": "slim",
        "round_to": round_to,
        "slim": slimmed.record,
        "source": checkpoints.digest(source.state),
    }
    return Checkpoint(source.model, slimmed.model.state_dict(), meta)


def require_smaller(slimmed: Checkpoint, name: str) -> None:
    """Raise unless slimming took something out of the checkpoint called ``name``.

    Raises:
        InputError: there was nothing to take out, as in a network pruned by single weights.
    """
    before, after = slimmed.meta["slim"]["params"]
    if after == before:
        raise InputError(
            f"{name}: expected a network with dead channels (pruned by a filter method such as "
            "FT), found none to take out; export it as it is, its zeros run sparse"
        )


def export_network(
    source: Checkpoint,
    path: Path,
    provider: str = "auto",
    tune: float | str = 0,
    example_inputs: Any = None,
    **form: Any,
) -> Row:
    """Write the ONNX file to deploy, with its provenance, and return what parity was found.

    Without ``example_inputs`` test pictures of the recipe are shown; ``form`` are the other options
    of ``exporter.export``.
    """
    meta = source.meta
    provenance = {key: meta[key] for key in _PROVENANCE if meta.get(key) is not None}
    # "versions" are those of the exporting tools; the training may have seen others.
    provenance["training_versions"] = meta.get("versions")
    provenance["source"] = checkpoints.digest(source.state)
    model = models.load(source)
    if example_inputs is None:
        _, test = steps.pictures(steps.recipe_of(source).data)
        pixels = math.prod(test.images.shape[1:3])
        count = max(2, min(_PARITY_IMAGES, _PARITY_PIXELS // pixels))
        example_inputs = data.normalise(test.images[:count], test)
    return exporter.export(
        model,
        path,
        example_inputs=example_inputs,
        provenance=provenance,
        provider=provider,
        tune=tune,
        **form,
    )
