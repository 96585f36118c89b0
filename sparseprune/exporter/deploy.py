"""The road every network takes: its form, its tuning, the parity gate, its notes, the file."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt
import onnx

from sparseprune import rewrite
from sparseprune.errors import GateError, InputError
from sparseprune.exporter import external, forms, parity, provenance, randomness, tuning
from sparseprune.exporter.candidate import Candidate
from sparseprune.exporter.destination import Staging, staging
from sparseprune.exporter.options import Options
from sparseprune.exporter.parity import Answers
from sparseprune.exporter.probe import Probe
from sparseprune.rewrite.functions import is_compact

Bounds = Sequence[Mapping[str, npt.ArrayLike]]


@dataclass(frozen=True)
class Source:
    """A network to deploy.

    Attributes:
        name: how messages call it: its file, or the one to be written where it has none.
        proto: as ONNX, its weights inside.
        digest: of the file or weights it comes from.
        probe: what to ask it.
        answers: what it answered.
        bounds: how far a faithful copy may be from that, from rounding.
        translated: whether ``proto`` is itself a translation that has to be checked.
    """

    name: str
    proto: onnx.ModelProto
    digest: str
    probe: Probe
    answers: Sequence[Answers]
    bounds: Callable[[], Bounds]
    translated: bool


def deploy(
    source: Source, path: Path, options: Options, entries: Mapping[str, Any]
) -> dict[str, Any]:
    """Write ``source`` to ``path`` as asked; what the parity check found, ``bytes``, ``compacted``.

    Raises:
        InputError: it cannot have that form, draws random numbers, or the file cannot be written.
        GateError: it would not answer as its source does. Nothing is written then.
    """
    try:
        proto = forms.make(source.proto, options, str(path))
    except InputError as error:
        raise InputError(f"{source.name}: {error}") from error
    small = sum(map(is_compact, proto.graph.node))
    with staging(proto, path) as stage:
        tuning.tune(proto, source.probe.single, options.tune, options.provider, stage.loadable)
        candidate = Candidate(stage.loadable(proto), options.provider, str(path))
        try:
            found = _judge(source, candidate, options, stage)
        except GateError as error:
            raise _verdict(source, error) from error
        record = {**found, "provider": candidate.provider}
        del candidate
        notes = {"source": source.digest, **provenance.tools(), **entries}
        provenance.stamp(proto, {**notes, "export": options.note, "parity": record})
        written = stage.commit(proto)
    sizes = {"dense": dense_bytes(source.proto), "file": written}
    return {**record, "bytes": sizes, **({"compacted": small} if options.form == "compact" else {})}


def dense_bytes(proto: onnx.ModelProto) -> int:
    """The size of a model with every weight whole in it."""
    ours = any(map(is_compact, proto.graph.node))
    whole = rewrite.plain(proto) if ours else proto
    sparse = whole.graph.sparse_initializer
    saved: int = sum(4 * math.prod(tensor.dims) - tensor.ByteSize() for tensor in sparse)
    return external.file_bytes(whole) + saved


def _judge(
    source: Source, candidate: Candidate, options: Options, stage: Staging
) -> dict[str, Any]:
    """The gate. Rounded weights are judged by a source whose weights are rounded too."""
    images, runs = source.probe.images, source.probe.runs
    got = candidate.answer(runs)
    if not options.rounds:
        return parity.check(source.answers, got, source.bounds(), images)
    older = rewrite.plain(rewrite.for_runtime(source.proto, options.oldest))
    if source.translated:
        parity.check(source.answers, _answers(older, stage, runs), source.bounds(), images)
    twin = _answers(rewrite.rounded(older), stage, runs)
    found = parity.check(twin, got, parity.half_the_digits(twin), images)
    return {**found, "rounding": parity.difference(source.answers, got)}


def _verdict(source: Source, error: GateError) -> Exception:
    """Where the source itself answers otherwise each time, that is what there is to say."""
    drawing = randomness.drawing(source.proto)
    if drawing is None:
        return GateError(f"{source.name}: {error}")
    return InputError(
        f"{source.name}: expected a network that gives the same answers to the same inputs, got "
        f"one that draws random numbers ({drawing}); take such nodes out, or save the network for "
        "inference"
    )


def _answers(proto: onnx.ModelProto, stage: Staging, runs: Sequence[Any]) -> list[Answers]:
    with staging(proto, stage.path) as other:
        return Candidate(other.loadable(proto), "cpu", str(stage.path)).answer(runs)
