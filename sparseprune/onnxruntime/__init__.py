"""Ordinary ONNX Runtime sessions in which our library runs the sparse parts.

::

    from sparseprune import onnxruntime

    session = onnxruntime.session("any_pruned.onnx")
    (logits,) = session.run(None, {"input": batch})

With ONNX Runtime 1.23.1 or later the library is an execution provider. It claims the pruned parts
of the network that it is estimated to run faster; the rest, and every part it does not support,
stays with ONNX Runtime's CPU provider. With 1.17 to 1.23.0 it is a set of custom operators: files
exported in the compact form run sparse there, plain ones dense. A weight that is exactly zero is
skipped, so it does not turn a NaN or an infinity of its input into a NaN, as the CPU provider does.
Applications in other languages register the file at :func:`library_path` themselves.
"""

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparseprune.errors import InputError
from sparseprune.onnxruntime import arguments, external, routes
from sparseprune.onnxruntime.routes import PROVIDER, library_path
from sparseprune.onnxruntime.tuning_session import SLICE_SECONDS, tuning_session

if TYPE_CHECKING:
    import onnxruntime as ort

__all__ = ["PROVIDER", "assignment", "cause", "library_path", "quiet_options", "session", "status"]

_CPU = "CPUExecutionProvider"
_FATAL = 4  # errors reach the caller as exceptions; on stderr they would be said twice


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
            then. With ONNX Runtime 1.17 to 1.23.0 "ours" means the custom operators: they run files
            of the compact form, all their compact layers, and the settings of the provider below
            and ``min_sparsity`` mean nothing to them.
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
    ort = routes.onnxruntime()
    arguments.check_session(model, threads, min_sparsity, provider)
    arguments.check_tuning(tune_seconds, tuning_cache)
    arguments.check_files(tuning_file=tuning_file, explain=explain)
    if routes.version(ort) < external.REFUSED_SINCE:
        external.check(model)
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
        routes.add(ort, options, model, settings, demanded=provider == "sparseprune")
    return _open(ort, model, options, provider, tunes=bool(tune_seconds))


def quiet_options() -> "ort.SessionOptions":
    """Session options under which errors are raised, and not also printed."""
    options = routes.onnxruntime().SessionOptions()
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
    """Say whether our library can be used here, and how, for ``sparseprune doctor``.

    Returns:
        ``onnxruntime`` (its version or None), ``library`` (path), ``loads``, ``route``
        (``provider`` or ``custom operators``) and, if it does not load, ``reason``; else None.
    """
    result: dict[str, Any] = {"onnxruntime": None, "library": str(library_path())}
    try:
        ort = routes.onnxruntime()
        result["onnxruntime"] = ort.__version__
        route = routes.route(ort)
    except InputError as error:
        return {**result, "loads": False, "route": None, "reason": str(error)}
    return {**result, "loads": True, "route": route, "reason": None}


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


def cause(name: str, error: Exception) -> str:
    """What ONNX Runtime's ``error`` says of the model called ``name``, in one sentence."""
    # An empty file is a valid protobuf message with nothing in it.
    empty = re.search("No graph was found|does not have a graph", str(error))
    if empty or type(error).__name__ in ("InvalidProtobuf", "NoModel"):
        return f"expected an ONNX model, but {name} is truncated or something else; export it again"
    return f"ONNX Runtime cannot run {name}: {routes.brief(error)}"
