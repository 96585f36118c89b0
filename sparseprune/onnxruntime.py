"""Ordinary ONNX Runtime sessions in which our execution provider runs the sparse parts.

::

    from sparseprune import onnxruntime

    session = onnxruntime.session("any_pruned.onnx")
    (logits,) = session.run(None, {"input": batch})

The provider is a plugin library (ONNX Runtime 1.23 or later). It claims the pruned parts of the
network that it is estimated to run faster; the rest, and every part it does not support, stays with
ONNX Runtime's CPU provider. A weight that is exactly zero is skipped, so it does not turn a NaN or
an infinity of its input into a NaN, as the CPU provider does. Applications in other languages
register the file at :func:`library_path` themselves.
"""

import logging
import os
import re
import threading
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparseprune.errors import InputError
from sparseprune.tuning_session import SLICE_SECONDS, tuning_session

if TYPE_CHECKING:
    import onnxruntime as ort

PROVIDER = "SparsePruneExecutionProvider"
OLDEST = (1, 23)  # the first ONNX Runtime whose plugin providers can compile subgraphs
MOST_THREADS = 4096  # more is a mistake, and no memory for them is all that would be said

_CPU = "CPUExecutionProvider"
_FATAL = 4  # errors reach the caller as exceptions; on stderr they would be said twice
_log = logging.getLogger(__name__)
_registering = threading.Lock()


def library_path() -> Path:
    """Where the provider's library is; the variable SPARSEPRUNE_ORT_LIBRARY names another one.

    A process keeps the first one it registered.
    """
    override = os.environ.get("SPARSEPRUNE_ORT_LIBRARY")
    return Path(override) if override else Path(__file__).with_name("libsparseprune_ort.so")


def session(
    model: str | os.PathLike[str] | bytes,
    *,
    threads: int | None = None,
    min_sparsity: float | None = None,
    provider: str = "auto",
    tune_seconds: float | None = None,
    tuning_file: str | os.PathLike[str] | None = None,
    tuning_cache: str | None = None,
    explain: str | os.PathLike[str] | None = None,
    options: "ort.SessionOptions | None" = None,
) -> "ort.InferenceSession":
    """Open a model: an ordinary ``onnxruntime.InferenceSession``, same inputs and outputs.

    Args:
        model: Path of an ONNX file, or its bytes.
        threads: Intra-op threads; None leaves ONNX Runtime's default, one per core.
        min_sparsity: The provider claims a subgraph where one weight has at least this fraction of
            exact zeros, 0 to 1. None leaves the choice to a cost model: what is estimated to run
            faster in the provider, which an unpruned network never is.
        provider: ``auto`` uses our provider where it pays, and only the CPU provider, with a logged
            warning, where ours cannot be loaded; ``cpu`` never uses ours; ``sparseprune`` fails
            then.
        tune_seconds: How long the first run of each new input shape may look for faster tiles,
            0 to 3600; None is 0. Ctrl-C ends it. What was found before, for this kind of CPU, is
            used without looking: in ``tuning_file``, in the model's own metadata, in the user's
            cache.
        tuning_file: A tuning to use; also written after tuning.
        tuning_cache: ``on`` (None) reads and writes the user's cache, ``refresh`` only writes it,
            ``off`` leaves it alone. It is in the folder SPARSEPRUNE_CACHE names, else in
            ``$XDG_CACHE_HOME/sparseprune`` or ``~/.cache/sparseprune``.
        explain: A file to which the provider appends what it decides and plans, as lines of JSON
            (what ``sparseprune explain`` shows).
        options: Session options to start from. They are changed: threads and providers are set on
            them. Options that already name providers keep those.

    Raises:
        InputError: For a wrong argument, a file that is missing, not an ONNX model, or one that
            ONNX Runtime refuses, and when ``provider="sparseprune"`` cannot be had.
    """
    ort = _onnxruntime()
    _check_arguments(model, threads, min_sparsity, provider)
    _check_tuning(tune_seconds, tuning_cache)
    _check_files(tuning_file=tuning_file, explain=explain)
    options = _prepare(ort, options, threads)
    if provider != "cpu" and not _chosen(options):
        settings = {
            "threads": threads,
            "min_sparsity": min_sparsity,
            "tune_seconds": tune_seconds,
            "tune_slice": SLICE_SECONDS if tune_seconds else None,
            "tuning_file": tuning_file,
            "tuning_cache": tuning_cache,
            "explain": explain,
        }
        _append_provider(ort, options, settings, demanded=provider == "sparseprune")
    return _open(ort, model, options, provider, tunes=bool(tune_seconds))


def quiet_options() -> "ort.SessionOptions":
    """Session options under which errors are raised, and not also printed."""
    options = _onnxruntime().SessionOptions()
    options.log_severity_level = _FATAL
    return options


def assignment(session: "ort.InferenceSession") -> tuple[int, int] | None:
    """Count the graph's nodes: those our provider runs, and all of them.

    Nodes are counted after ONNX Runtime's basic optimisations. None where that is not recorded:
    before ONNX Runtime 1.27, and for sessions that :func:`session` did not open.
    """
    try:
        subgraphs = session.get_provider_graph_assignment_info()
    except Exception:  # an attribute that is missing, or the record that was not asked for
        return None
    counts = [(subgraph.ep_name == PROVIDER, len(subgraph.get_nodes())) for subgraph in subgraphs]
    return sum(count for ours, count in counts if ours), sum(count for _, count in counts)


def status() -> dict[str, Any]:
    """Say whether the provider can be used here, for ``sparseprune doctor``.

    Returns:
        ``onnxruntime`` (its version or None), ``library`` (path), ``loads`` and, if it does not,
        ``reason``, else None.
    """
    result: dict[str, Any] = {"onnxruntime": None, "library": str(library_path())}
    try:
        ort = _onnxruntime()
        result["onnxruntime"] = ort.__version__
        _devices(ort)
    except InputError as error:
        return {**result, "loads": False, "reason": str(error)}
    return {**result, "loads": True, "reason": None}


def _onnxruntime() -> Any:
    try:
        return import_module("onnxruntime")
    except ImportError as error:
        raise InputError(
            "running a model needs the package onnxruntime, which is not installed; "
            "install it with: pip install 'sparseprune[onnxruntime]'"
        ) from error


def _check_arguments(model: object, threads: object, sparsity: object, provider: object) -> None:
    if provider not in ("auto", "cpu", "sparseprune"):
        raise InputError(
            f"expected provider 'auto', 'cpu' or 'sparseprune', got {provider!r}; choose one"
        )
    if threads is not None and not (isinstance(threads, int) and 1 <= threads <= MOST_THREADS):
        raise InputError(
            f"expected a number of threads from 1 to {MOST_THREADS}, or None, got {threads!r}"
        )
    if sparsity is not None and not (isinstance(sparsity, int | float) and 0 <= sparsity <= 1):
        raise InputError(f"expected min_sparsity to be a number from 0 to 1, got {sparsity!r}")
    if isinstance(model, bytes):
        return
    if not isinstance(model, str | os.PathLike):
        raise InputError(
            f"expected a path or the bytes of an ONNX model, got {type(model).__name__}"
        )
    if not Path(model).is_file():
        raise InputError(f"expected an ONNX file at {Path(model)}, but there is no such file")


def _check_tuning(seconds: object, cache: object) -> None:
    if seconds is not None and not (isinstance(seconds, int | float) and 0 <= seconds <= 3600):
        raise InputError(f"expected tune_seconds to be a number from 0 to 3600, got {seconds!r}")
    if cache not in (None, "on", "off", "refresh"):
        raise InputError(f"expected tuning_cache 'on', 'off' or 'refresh', got {cache!r}")


def _check_files(**paths: object) -> None:
    for name, path in paths.items():
        if path is not None and not (isinstance(path, str | os.PathLike) and str(path)):
            raise InputError(f"expected {name} to be a path or None, got {path!r}")


def _prepare(ort: Any, options: Any, threads: int | None) -> Any:
    if options is None:
        options = quiet_options()
    if threads is not None:
        options.intra_op_num_threads = threads
    # What `assignment` reads; versions that do not know the key ignore it.
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    return options


def _chosen(options: Any) -> bool:
    return bool(options.has_providers()) if hasattr(options, "has_providers") else False


def _append_provider(ort: Any, options: Any, settings: dict[str, Any], *, demanded: bool) -> None:
    try:
        devices = _devices(ort)
    except InputError as error:
        if demanded:
            raise
        _log.warning("%s; the model runs on ONNX Runtime's CPU provider alone", error)
        return
    named = {key: str(value) for key, value in settings.items() if value is not None}
    options.add_provider_for_devices(devices, named)


def _open(
    ort: Any, model: str | os.PathLike[str] | bytes, options: Any, provider: str, *, tunes: bool
) -> Any:
    kind = tuning_session(ort.InferenceSession) if tunes else ort.InferenceSession
    # Without a list, ONNX Runtime takes the providers named in the options, then the CPU one.
    providers = [_CPU] if provider == "cpu" else None
    try:
        # "enable_fallback": a failure must raise, not print and try again.
        return kind(model, options, providers=providers, enable_fallback=0)
    except Exception as error:
        name = f"the model of {len(model)} bytes" if isinstance(model, bytes) else str(Path(model))
        raise InputError(cause(name, error)) from error


def _devices(ort: Any) -> list[Any]:
    """Our provider's devices; registers the library if nobody has.

    Raises:
        InputError: If it cannot be loaded, with the reason.
    """
    version = tuple(int(part) for part in ort.__version__.split(".")[:2])
    if version < OLDEST:
        raise InputError(
            f"the sparse execution provider needs onnxruntime >= {OLDEST[0]}.{OLDEST[1]}, "
            f"got {ort.__version__}; upgrade it with: pip install -U onnxruntime"
        )
    with _registering:
        found = _registered(ort)
        return found if found else _register(ort)


def _registered(ort: Any) -> list[Any]:
    return [device for device in ort.get_ep_devices() if device.ep_name == PROVIDER]


def _register(ort: Any) -> list[Any]:
    library = library_path().absolute()
    if not library.is_file():
        raise InputError(
            f"the sparse execution provider's library is not at {library}; "
            "build it by installing sparseprune, or name it in SPARSEPRUNE_ORT_LIBRARY"
        )
    try:
        ort.register_execution_provider_library(PROVIDER, str(library))
    except Exception as error:
        raise InputError(
            f"ONNX Runtime {ort.__version__} cannot load the sparse execution provider's library "
            f"{library}: {_brief(error)}"
        ) from error
    found = _registered(ort)
    if not found:
        raise InputError(
            f"the library {library} offers no CPU device for {PROVIDER}; "
            "name sparseprune's own library in SPARSEPRUNE_ORT_LIBRARY, or unset it"
        )
    return found


def cause(name: str, error: Exception) -> str:
    """What ONNX Runtime's ``error`` says of the model called ``name``, in one sentence."""
    # An empty file is a valid protobuf message with nothing in it.
    empty = re.search("No graph was found|does not have a graph", str(error))
    if empty or type(error).__name__ in ("InvalidProtobuf", "NoModel"):
        return f"expected an ONNX model, but {name} is truncated or something else; export it again"
    return f"ONNX Runtime cannot run {name}: {_brief(error)}"


def _brief(error: Exception) -> str:
    """The message on one line; ONNX Runtime's may quote kilobytes of a hostile file."""
    text = re.sub(r"^.*\[ONNXRuntimeError\] : \d+ : \w+ : ", "", " ".join(str(error).split()))
    return text if len(text) <= 300 else f"{text[:300]}..."
