"""Runners: the one seam between how a network runs and what is asked of it."""

from pathlib import Path

from sparseprune.errors import InputError
from sparseprune.runtime.accelerated_runner import AcceleratedRunner
from sparseprune.runtime.onnx_runner import OnnxRunner
from sparseprune.runtime.runner import Runner
from sparseprune.runtime.torch_runner import TorchRunner

__all__ = ["AcceleratedRunner", "OnnxRunner", "Runner", "TorchRunner", "load"]


def load(
    path: str | Path, *, threads: int | None = 1, provider: str = "auto"
) -> OnnxRunner | TorchRunner:
    """A Runner for a file: ``.onnx`` runs in ONNX Runtime (no torch), ``.safetensors`` in torch.

    Args:
        path: an ONNX model, or a checkpoint written by sparseprune.
        threads: threads inside one call; None leaves the choice to the library that runs it.
        provider: ONNX only: ``auto`` (our provider where it can help), ``cpu``, ``sparseprune``.

    Raises:
        InputError: the file is missing, damaged, or of another kind.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: expected a model file, found none; check the path")
    if path.suffix == ".onnx":
        return OnnxRunner(path, threads=threads, provider=provider)
    if path.suffix == ".safetensors":
        return _checkpoint(path, threads)
    raise InputError(
        f"{path}: expected an .onnx model or a .safetensors checkpoint, got {path.suffix!r}; "
        "make one with 'sparseprune export'"
    )


def _checkpoint(path: Path, threads: int | None) -> TorchRunner:
    try:
        from sparseprune import models
        from sparseprune.formats import checkpoint
    except ImportError as error:
        raise InputError(
            f"{path}: running a checkpoint needs torch ({error}); "
            "install sparseprune[train] or give the .onnx file"
        ) from error
    found = checkpoint.load(path)
    shape = found.model.get("input_shape")
    return TorchRunner(models.load(found), threads=threads, path=path, input_shape=shape)
