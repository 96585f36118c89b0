"""ONNX Runtime: our provider in an ordinary session, dense float32, and dense int8."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from cases import Floats

from peers import Job, MissingError, Peer
from sparseprune.runtime import OnnxRunner

# Calibration sees as many random samples as the ranges of random networks need; each costs a run
# with every activation kept.
_CALIBRATION_SAMPLES = 4


def sparse(job: Job) -> Peer:
    """Our provider where it claims parts of the network, tuned as ``sparseprune export`` does."""
    return _peer(job, job.path, "auto", exact=True, precision="f32")


def dense(job: Job) -> Peer:
    return _peer(job, job.path, "cpu", exact=True, precision="f32")


def int8(job: Job) -> Peer:
    """Static quantisation to QDQ form: int8 weights a channel, uint8 activations a tensor."""
    target = job.path.with_name(f"{job.path.stem}-int8.onnx")
    if not target.exists():
        _quantise(job.path, target, job.batch)
    return _peer(job, target, "cpu", exact=False, precision="int8")


def _peer(job: Job, path: Path, provider: str, *, exact: bool, precision: str) -> Peer:
    tune = job.tune if provider != "cpu" else None
    runner = OnnxRunner(path, threads=job.threads, provider=provider, tune_seconds=tune)
    (given,), (wanted,) = runner.session.get_inputs(), runner.session.get_outputs()
    names, feed = [wanted.name], {given.name: job.batch}
    facts: dict[str, Any] = {"version": ort.__version__, "precision": precision}
    if provider != "cpu":
        facts.update(provider=runner.provider, claimed=runner.claimed, tune_seconds=job.tune)
    return Peer(lambda: runner.session.run(names, feed)[0], facts, exact)


def _quantise(source: Path, target: Path, batch: Floats) -> None:
    try:
        from onnxruntime import quantization
    except ImportError as error:
        raise MissingError(f"onnxruntime.quantization: {error}") from error

    class Samples(quantization.CalibrationDataReader):
        def __init__(self) -> None:
            noise = np.random.default_rng(2)
            shape = (_CALIBRATION_SAMPLES, *batch.shape[1:])
            self._left: Iterator[Floats] = iter(noise.standard_normal(shape, dtype=np.float32))

        def get_next(self) -> dict[str, Floats] | None:
            sample = next(self._left, None)
            return None if sample is None else {"input": sample[None]}

    prepared = target.with_suffix(".prepared.onnx")
    quantization.quant_pre_process(source, prepared)
    quantization.quantize_static(
        prepared,
        target,
        Samples(),
        quant_format=quantization.QuantFormat.QDQ,
        per_channel=True,
        activation_type=quantization.QuantType.QUInt8,
        weight_type=quantization.QuantType.QInt8,
    )
