"""What both providers make of a case, and whether ours may differ so.

Ours may refuse what the CPU provider runs, in words; it may not answer otherwise, nor run what the
CPU provider refuses. A process that dies or hangs is seen by who started it (fuzz.py).
"""

import re
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnxruntime as ort
import reference
from case import Case

from sparseprune import onnxruntime

# ONNX Runtime's classes of errors: a code each. Fail is what is left for the rest.
TYPED = ("InvalidArgument", "InvalidGraph", "NotImplemented", "NoSuchFile", "InvalidProtobuf")
MEMORY = re.compile("out of memory|bad_alloc|[Ff]ailed to allocate|MemoryError|too large")
# Of the body of a function of ours: what runs our operators elsewhere may be refused alone.
INLINED = re.compile("_inlfunc_")
# Beyond this, sums in another order may differ by anything.
MOST = 1e4


@dataclass
class Outcome:
    stage: str = "open"  # the one that failed, else "answer"
    error: str = ""
    code: str = ""
    outputs: dict[str, np.ndarray] = field(default_factory=dict)


def attempt(case: Case, provider: str) -> Outcome:
    outcome = Outcome()
    try:
        with tempfile.TemporaryDirectory() as folder:
            model = case.plain if case.plain and provider == "cpu" else case.model
            session = onnxruntime.session(model, provider=provider, **arguments(case, folder))
            outcome.stage = "run"
            names = [output.name for output in session.get_outputs()]
            found = session.run(names, case.feeds)
        outcome.outputs = dict(zip(names, found, strict=True))
        outcome.stage = "answer"
    except Exception as error:
        cause = error.__cause__ if isinstance(error, onnxruntime.InputError) else error
        outcome.error, outcome.code = str(cause), type(cause).__name__
    return outcome


def arguments(case: Case, folder: str) -> dict:
    settings = case.settings
    made = {"threads": settings.get("threads", 1), "options": options(settings)}
    made["min_sparsity"] = settings.get("min_sparsity", 0)
    made["tuning_cache"] = "off"
    made["tune_seconds"] = settings.get("tune_seconds")
    if "tuning" in settings:
        path = Path(folder) / "tuning.txt"
        path.write_text(settings["tuning"], "utf-8", "surrogateescape")
        made["tuning_file"] = path
    if settings.get("explain"):
        made["explain"] = Path(folder) / "explained"
    return made


def options(settings: dict) -> ort.SessionOptions:
    made = onnxruntime.quiet_options()
    if not settings.get("optimize", True):
        made.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return made


def judge(case: Case, theirs: Outcome, ours: Outcome) -> str:
    """What is wrong with ours; empty: nothing."""
    if MEMORY.search(ours.error + theirs.error):
        return ""
    if ours.stage != "answer":
        named = "sparseprune" in ours.error or "node '" in ours.error
        # ONNX Runtime infers the shapes of what a provider is to compile once more, strictly.
        inferred = "[ShapeInferenceError]" in ours.error and "Node (" in ours.error
        if theirs.stage == "answer" and not (ours.code in TYPED and named) and not inferred:
            return f"refused without a reason: {ours.code} {ours.error}"
        return ""
    if INLINED.search(theirs.error):
        return ""
    if theirs.stage != "answer":
        return f"answers what the CPU provider refuses: {theirs.code} {theirs.error}"
    return compare(case, theirs.outputs, ours.outputs)


def compare(case: Case, theirs: dict, ours: dict) -> str:
    for name, expected in theirs.items():
        found = ours[name]
        if not isinstance(expected, np.ndarray):
            continue
        if (found.shape, found.dtype) != (expected.shape, expected.dtype):
            return f"{name}: {found.dtype}{found.shape}, not {expected.dtype}{expected.shape}"
    bounds = exact_bounds(case, theirs)
    if bounds is None:
        return "" if is_wild(case, theirs) else compare_closely(theirs, ours)
    return excess(bounds, ours)


def exact_bounds(case: Case, theirs: dict) -> dict | None:
    """The reference's answer where the CPU provider obeys it; nothing where it knows less."""
    if is_wild(case, theirs):
        return None
    try:
        with np.errstate(all="ignore"):
            bounds = reference.evaluate(case.plain or case.model, case.feeds)
    except Exception:
        if case.settings.get("bounds"):
            raise
        return None
    if any(bounds[name][0].shape != array.shape for name, array in theirs.items()):
        return None
    beyond = excess(bounds, theirs)
    if beyond and case.settings.get("bounds"):
        raise AssertionError(f"the CPU provider is beyond the bounds: {beyond}")
    return None if beyond else bounds


def excess(bounds: dict, found: dict) -> str:
    for name, (value, bound) in bounds.items():
        beyond = np.abs(found[name] - value) - bound * (1 + 1e-6)
        if not beyond.max(initial=0) <= 0:
            return f"{name}: {beyond.max()} beyond its bound"
    return ""


def is_wild(case: Case, theirs: dict) -> bool:
    """Whether numbers are so large, or not even finite, that equal answers cannot be expected."""
    arrays = [*case.feeds.values(), *theirs.values(), *reference.constants(case.model)]
    floats = (a for a in arrays if isinstance(a, np.ndarray) and a.dtype.kind == "f")
    return any(not np.abs(a).max(initial=0) <= MOST for a in floats)


def compare_closely(theirs: dict, ours: dict) -> str:
    """Without bounds: a wrong operation would be far off."""
    for name, expected in theirs.items():
        if not isinstance(expected, np.ndarray) or expected.dtype.kind != "f":
            continue
        scale = 1 + np.abs(expected).max(initial=0)
        off = np.abs(ours[name] - expected).max(initial=0)
        if not off <= 1e-4 * scale:
            return f"{name}: off by {off}, among values up to {scale}"
    return ""
