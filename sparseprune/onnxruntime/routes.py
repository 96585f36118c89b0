"""How our library gets into a session: as a provider, or as custom operators."""

import logging
import os
import re
import threading
from importlib import import_module
from pathlib import Path
from typing import Any

from sparseprune.errors import InputError
from sparseprune.onnxruntime.domains import is_compact

PROVIDER = "SparsePruneExecutionProvider"
# The first ONNX Runtimes whose providers can compile subgraphs and leave others to the CPU provider
# (1.23.0 wants copies between the two, as if we were a GPU), and whose custom operators may use the
# session's threads.
OLDEST, OLDEST_OPERATORS = (1, 23, 1), (1, 17)

_log = logging.getLogger(__name__)
_registering = threading.Lock()


def library_path() -> Path:
    """Where our library is; the variable SPARSEPRUNE_ORT_LIBRARY names another one.

    A process keeps the first one it registered as a provider.
    """
    override = os.environ.get("SPARSEPRUNE_ORT_LIBRARY")
    return Path(override) if override else Path(__file__).parents[1] / "libsparseprune_ort.so"


def onnxruntime() -> Any:
    """The package.

    Raises:
        InputError: If it is not installed.
    """
    try:
        return import_module("onnxruntime")
    except ImportError as error:
        raise InputError(
            "running a model needs the package onnxruntime, which is not installed; "
            "install it with: pip install 'sparseprune[onnxruntime]'"
        ) from error


def add(
    ort: Any,
    options: Any,
    model: str | os.PathLike[str] | bytes,
    settings: dict[str, Any],
    *,
    demanded: bool,
) -> None:
    """Put our library into session options.

    Where the library cannot be loaded, or runs no part of the model, a warning is logged; if it is
    ``demanded``, that is an error.

    Args:
        ort: The package onnxruntime.
        options: Session options; changed.
        model: What the session will open.
        settings: Of the provider; those that are None are left to it.
        demanded: Whether running without is an error.

    Raises:
        InputError: If it is demanded and cannot be had.
    """
    try:
        if version(ort) >= OLDEST:
            named = {key: str(value) for key, value in settings.items() if value is not None}
            options.add_provider_for_devices(devices(ort), named)
        else:
            add_operators(ort, options)
            _expect_compact(ort, model)
    except InputError as error:
        if demanded:
            raise
        _log.warning("%s; the model runs on ONNX Runtime's CPU provider alone", error)


def route(ort: Any) -> str:
    """``provider`` or ``custom operators``, whichever this ONNX Runtime takes; loads the library.

    Raises:
        InputError: If it takes neither, with the reason.
    """
    if version(ort) >= OLDEST:
        devices(ort)
        return "provider"
    add_operators(ort, ort.SessionOptions())
    return "custom operators"


def version(ort: Any) -> tuple[int, ...]:
    """(1, 23, 1); of a preview such as 1.24.0rc1 that of the release."""
    return tuple(int(part) for part in re.findall(r"(?:^|\.)(\d+)", ort.__version__)[:3])


def add_operators(ort: Any, options: Any) -> None:
    """Register our custom operators; the library sees to it that twice is the same as once.

    Raises:
        InputError: If they cannot be had, with the reason.
    """
    if version(ort) < OLDEST_OPERATORS:
        raise InputError(
            f"running pruned models sparse needs onnxruntime >= {_text(OLDEST)}, or "
            f">= {_text(OLDEST_OPERATORS)} for files of the compact form, got {ort.__version__}; "
            "upgrade it with: pip install -U onnxruntime"
        )
    library = _library("the sparse custom operators' library")
    try:
        options.register_custom_ops_library(str(library))
    except Exception as error:
        raise _unloadable(ort, "the sparse custom operators' library", library, error) from error


def devices(ort: Any) -> list[Any]:
    """Our provider's devices; registers the library if nobody has.

    Raises:
        InputError: If it cannot be loaded, with the reason.
    """
    with _registering:
        found = _registered(ort)
        return found if found else _register(ort)


def brief(error: Exception) -> str:
    """The message on one line; ONNX Runtime's may quote kilobytes of a hostile file."""
    text = re.sub(r"^.*\[ONNXRuntimeError\] : \d+ : \w+ : ", "", " ".join(str(error).split()))
    return text if len(text) <= 300 else f"{text[:300]}..."


def _expect_compact(ort: Any, model: str | os.PathLike[str] | bytes) -> None:
    if is_compact(model):
        return
    raise InputError(
        f"onnxruntime {ort.__version__} runs only files of the compact form sparse, and "
        f">= {_text(OLDEST)} every pruned file; export the model with form='compact', or upgrade "
        "with: pip install -U onnxruntime"
    )


def _text(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _registered(ort: Any) -> list[Any]:
    return [device for device in ort.get_ep_devices() if device.ep_name == PROVIDER]


def _register(ort: Any) -> list[Any]:
    what = "the sparse execution provider's library"
    library = _library(what)
    try:
        ort.register_execution_provider_library(PROVIDER, str(library))
    except Exception as error:
        raise _unloadable(ort, what, library, error) from error
    found = _registered(ort)
    if not found:
        raise InputError(
            f"the library {library} offers no CPU device for {PROVIDER}; "
            "name sparseprune's own library in SPARSEPRUNE_ORT_LIBRARY, or unset it"
        )
    return found


def _library(what: str) -> Path:
    library = library_path().absolute()
    if not library.is_file():
        raise InputError(
            f"{what} is not at {library}; "
            "build it by installing sparseprune, or name it in SPARSEPRUNE_ORT_LIBRARY"
        )
    return library


def _unloadable(ort: Any, what: str, library: Path, error: Exception) -> InputError:
    return InputError(
        f"ONNX Runtime {ort.__version__} cannot load {what} {library}: {brief(error)}"
    )
