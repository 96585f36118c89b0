"""Prune a trained network, run it truly faster, and check what the speed-up hides.

Everything below is imported on first use, so a server that only runs models needs neither torch
nor the time to import it::

    import sparseprune as sp

    runner = sp.load("model.onnx")
    logits = runner.predict(batch)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# Public name -> the module that defines it.
_HOME = {
    "GateError": "sparseprune.errors",
    "InputError": "sparseprune.errors",
    "Pruner": "sparseprune.prune",
    "accelerate": "sparseprune.accelerator",
    "export": "sparseprune.exporter",
    "load": "sparseprune.runtime",
    "slim": "sparseprune.convert",
}
_MODULES = {
    "onnxruntime": "sparseprune.onnxruntime",
    "schedules": "sparseprune.prune.schedules",
}
__all__ = [
    "GateError",
    "InputError",
    "Pruner",
    "__version__",
    "accelerate",
    "export",
    "load",
    "onnxruntime",
    "schedules",
    "slim",
]

if TYPE_CHECKING:
    from sparseprune import onnxruntime
    from sparseprune.accelerator import accelerate
    from sparseprune.convert import slim
    from sparseprune.errors import GateError, InputError
    from sparseprune.exporter import export
    from sparseprune.prune import Pruner, schedules
    from sparseprune.runtime import load


def __getattr__(name: str) -> Any:
    try:
        if name in _MODULES:
            return import_module(_MODULES[name])
        if name in _HOME:
            return getattr(import_module(_HOME[name]), name)
    except ModuleNotFoundError as error:
        from sparseprune.errors import how_to_install

        raise ImportError(
            f"sparseprune.{name} needs {error.name}, {how_to_install(error.name)}"
        ) from error
    raise AttributeError(f"module 'sparseprune' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
