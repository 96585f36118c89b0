"""torch module -> ONNX file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sparseprune.convert import bounds
from sparseprune.errors import GateError, InputError
from sparseprune.exporter import parity, provenance, validity
from sparseprune.exporter.deploy import Bounds, Source, deploy
from sparseprune.exporter.options import Options
from sparseprune.exporter.probe import Batch, as_pictures, enough, pictures_probe
from sparseprune.exporter.translate import INPUT, OPSET, OUTPUT, translate
from sparseprune.exporter.zeros import check_zeros
from sparseprune.formats import checkpoint
from sparseprune.formats.finite import check_finite
from sparseprune.models import deployed
from sparseprune.rewrite import versions
from sparseprune.runtime import TorchRunner

# The bound takes a backward pass for each class: 1 000 of a ResNet-50 would take hours, and 100 of
# a MobileNet on 16 pictures of 224 x 224 take 90 seconds and 5 GB. So at most 100, and of those
# pictures 13: a limit on classes times values of the pictures.
_MOST_CLASSES = 100
_MOST_SLOPES = 1 << 25


def export(
    model: nn.Module,
    path: Path,
    example_inputs: object,
    entries: Mapping[str, Any],
    options: Options,
) -> dict[str, Any]:
    """See :func:`sparseprune.export`."""
    pictures = as_pictures(example_inputs)
    model = deployed(model)
    check_finite(model.state_dict())
    opset = min(OPSET, versions.newest(options.oldest)[0])
    proto = translate(model, torch.from_numpy(pictures), opset)
    provenance.strip(proto)
    check_zeros(model, proto)
    if fault := validity.fault(proto):
        raise GateError(f"{path}: torch wrote an invalid ONNX model: {fault}")
    shown = enough(pictures)
    logits = TorchRunner(model).predict(shown)
    source = Source(
        str(path),
        proto,
        checkpoint.digest(model.state_dict()),
        pictures_probe(INPUT, shown),
        [{OUTPUT: logits}],
        lambda: limits(model, shown, logits, options.bound),
        translated=True,
    )
    return deploy(source, path, options, entries)


def limits(model: nn.Module, pictures: Batch, logits: Batch, bound: float | None) -> Bounds:
    """The given bound, or the computed one for every logit.

    Where a layer's rounding is not known, or would take too long to follow, two evaluations may
    differ in half of their digits.
    """
    answers = [{OUTPUT: logits}]
    slopes = logits.shape[1] * pictures.size
    if bound is not None or logits.shape[1] > _MOST_CLASSES or slopes > _MOST_SLOPES:
        return parity.limits(answers, bound)
    try:
        return [{OUTPUT: bounds.difference(model, torch.from_numpy(pictures)).numpy()}]
    except InputError:
        return parity.limits(answers, None)
