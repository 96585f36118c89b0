"""Sessions that answer Ctrl-C while they tune.

The provider tunes inside a run, and Python answers a signal only when that returns. So it is asked
to end a run early, with an error that says so, and the run is repeated until it is done.
"""

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

# What a run may tune. What the provider does at a time takes longer for large networks: packing
# the weights of a ResNet-50 up to a second.
SLICE_SECONDS = 0.2

_GOES_ON = "sparseprune: tuning goes on"
_FATAL = 4


@cache
def tuning_session(base: type[Any]) -> type[Any]:
    """``base``, ONNX Runtime's InferenceSession, whose runs last until tuning is over.

    For sessions whose provider has the option ``tune_slice``.
    """

    class TuningSession(base):  # type: ignore[misc]
        def run(self, output_names: Any, input_feed: Any, run_options: Any = None) -> Any:
            run = super().run
            return _repeat(lambda options: run(output_names, input_feed, options), run_options)

        def run_with_ort_values(self, names: Any, feed: Any, run_options: Any = None) -> Any:
            run = super().run_with_ort_values
            return _repeat(lambda options: run(names, feed, options), run_options)

        def run_with_iobinding(self, iobinding: Any, run_options: Any = None) -> None:
            run = super().run_with_iobinding
            _repeat(lambda options: run(iobinding, options), run_options)

        def run_with_ortvaluevector(self, run_options: Any, *arguments: Any) -> None:
            run = super().run_with_ortvaluevector
            _repeat(lambda options: run(options, *arguments), run_options)

        def run_async(
            self,
            output_names: Any,
            input_feed: Any,
            callback: Callable[..., None],
            user_data: Any,
            run_options: Any = None,
        ) -> None:
            start = super().run_async

            def done(results: Any, data: Any, error: str) -> None:
                if _GOES_ON in error:
                    start(output_names, input_feed, done, data, run_options)
                else:
                    callback(results, data, error)

            start(output_names, input_feed, done, user_data, run_options)

    return TuningSession


def _repeat(run: Callable[[Any], Any], options: Any) -> Any:
    over, result = _try(run, options)
    if over:
        return result
    # Nobody is to read of every slice that a node failed.
    options = import_module("onnxruntime").RunOptions() if options is None else options
    severity, options.log_severity_level = options.log_severity_level, _FATAL
    try:
        while not over:
            over, result = _try(run, options)
    finally:
        options.log_severity_level = severity
    return result


def _try(run: Callable[[Any], Any], options: Any) -> tuple[bool, Any]:
    """Whether it ran to the end, and what it gave."""
    try:
        return True, run(options)
    except Exception as error:  # ONNX Runtime's errors share no base of their own
        if _GOES_ON not in str(error):
            raise
    return False, None
