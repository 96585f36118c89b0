"""Any ONNX files under the clock: each in all its forms, or all against a baseline."""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from sparseprune import onnxruntime
from sparseprune.errors import GateError, InputError
from sparseprune.files import sha256
from sparseprune.measure import answers, forms
from sparseprune.measure.forms import Form, Group
from sparseprune.measure.memory import memory
from sparseprune.measure.pairs import Contest
from sparseprune.records import Row
from sparseprune.runtime import inputs
from sparseprune.runtime.inputs import Feeds, Shape

Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Settings:
    """What to measure: every number of threads with every batch.

    Attributes:
        threads: threads inside a call.
        batches: first extents where files leave them open; None is 1, or what a file fixes.
        rounds: interleaved rounds, 2 or more.
        shapes: of inputs the files leave open, by name; "" names the only one.
    """

    threads: Sequence[int] = (1,)
    batches: Sequence[int | None] = (None,)
    rounds: int = 30
    shapes: Mapping[str, Sequence[int]] = field(default_factory=dict)


def bench(
    models: Sequence[Path],
    baseline: Path | None,
    settings: Settings,
    progress: Progress = lambda done, text: None,
) -> Iterator[Row]:
    """``latency`` rows as they are measured, and ``missing`` rows for what cannot be.

    Without a baseline each model is compared in its forms: dense (ONNX Runtime's CPU provider),
    sparse (ours), compact and slim, made of it where they differ. With one, the files are compared
    with it as they are deployed. Every form's answers on seeded inputs are checked against those of
    its file on the CPU provider before anything is timed.

    Args:
        models: ONNX files with any numeric inputs.
        baseline: the file every other is compared with.
        settings: what to measure.
        progress: called with the share that is done and a few words.

    Raises:
        InputError: a file is missing or cannot be run, or nothing could be measured.
        GateError: a form answers otherwise than its dense file.
    """
    with tempfile.TemporaryDirectory() as folder:
        groups = list(_groups(models, baseline, Path(folder)))
        runs = [(g, t, b) for g in groups for t in settings.threads for b in settings.batches]
        reasons = []
        for number, (group, threads, batch) in enumerate(runs):
            first = (threads, batch) == (settings.threads[0], settings.batches[0])
            if first:
                yield from (_missing(group, reason, form=f) for f, reason in group.missing.items())
            share = partial(_share, progress, number, len(runs))
            try:
                sizes = _sizes(group, batch, settings.shapes)
                found = _measured(group, sizes, threads, settings.rounds, share)
            except GateError:
                raise
            except InputError as error:
                reasons.append(error)
                yield _missing(group, str(error), threads=threads, batch=batch)
            else:
                yield from found
        if len(reasons) == len(runs):
            raise reasons[0]


def _groups(models: Sequence[Path], baseline: Path | None, folder: Path) -> Iterator[Group]:
    if baseline is not None:
        yield forms.as_deployed([baseline, *models])
        return
    for name, path in forms.named(models).items():
        yield forms.all_forms(name, path, folder)


def _share(progress: Progress, number: int, total: int, done: float, text: str) -> None:
    progress((number + done) / total, text)


def _missing(group: Group, reason: str, **what: Any) -> Row:
    return {"kind": "missing", "group": group.name, "reason": reason, **what}


def _sizes(
    group: Group, batch: int | None, shapes: Mapping[str, Sequence[int]]
) -> dict[str, Shape]:
    """Input shapes; where a batch is asked for, it replaces the first extent of a given shape."""
    ports = inputs.declared(group.forms[0].path)
    open_ones = {p.name for p in ports if p.shape and not isinstance(p.shape[0], int)}
    if batch is not None:
        names = {"": ports[0].name} if len(ports) == 1 else {}
        shapes = {
            name: (batch, *shape[1:]) if names.get(name, name) in open_ones else shape
            for name, shape in shapes.items()
        }
    return inputs.resolve(ports, batch, shapes)


def _measured(
    group: Group, sizes: dict[str, Shape], threads: int, rounds: int, progress: Progress
) -> list[Row]:
    """Rows of one number of threads and one batch: checked, timed, then loaded once more alone."""
    sessions = {form.id: _open(form, threads) for form in group.forms}
    feeds = inputs.probe(sessions[group.forms[0].id].get_inputs(), sizes)
    apart = {form.id: _checked(form, sessions, feeds, group) for form in group.forms}
    calls = {id: partial(session.run, None, feeds) for id, session in sessions.items()}
    contest = Contest(calls, group.forms[0].id, rounds=rounds, threads=threads)
    contest.run(lambda done: progress(0.8 * done / rounds, group.name))
    rows: list[Row] = []
    for form in group.forms:
        progress(0.8 + 0.2 * len(rows) / len(group.forms), f"memory of {form.id}")
        what = {**_head(group, form), **_claims(form, sessions[form.id]), "threads": threads}
        times = _times(contest, form, sizes)
        cost = _cost(form, sizes, threads)
        rows.append({**what, **times, "difference": apart[form.id], **cost})
    return rows


def _times(contest: Contest, form: Form, sizes: Mapping[str, Shape]) -> Row:
    """Items in a call are the first extent of the first input that has one."""
    items = next((shape[0] for shape in sizes.values() if shape), 1)
    times = contest.times(form.id)
    return {
        "batch": items,
        "inputs": {name: list(shape) for name, shape in sizes.items()},
        **times,
        "items_per_s": items * 1e6 / times["median_us"],
    }


def _open(form: Form, threads: int) -> Any:
    return onnxruntime.session(form.path, threads=threads, provider=form.provider)


def _checked(form: Form, sessions: Mapping[str, Any], feeds: Feeds, group: Group) -> float:
    """How far the form's answers are from its dense file's.

    Raises:
        InputError: it cannot be run, or the network answers otherwise each time.
        GateError: its answers are others.
    """
    base = group.forms[0]
    dense = sessions[base.id] if base.provider == "cpu" else _dense(form)
    expected = _run(dense, form, feeds)
    if form is base:
        _repeats(form, expected, _run(dense, form, feeds))
    return answers.check(form.id, expected, _run(sessions[form.id], form, feeds))


def _repeats(form: Form, first: list[Any], second: list[Any]) -> None:
    try:
        answers.check(form.id, first, second)
    except GateError as error:
        raise InputError(
            f"{form.id}: expected a network that gives the same answers to the same inputs, got "
            "others the second time; take its random nodes out"
        ) from error


def _dense(form: Form) -> Any:
    return onnxruntime.session(form.path, threads=1, provider="cpu")


def _run(session: Any, form: Form, feeds: Feeds) -> list[Any]:
    try:
        return list(session.run(None, feeds))
    except Exception as error:  # ONNX Runtime's errors share no base of their own
        raise InputError(onnxruntime.cause(form.id, error)) from error


def _head(group: Group, form: Form) -> Row:
    return {
        "kind": "latency",
        "id": form.id,
        "group": group.name,
        "baseline": group.forms[0].id,
        "form": form.form,
        "model": str(form.model),
        "digest": sha256(form.model),
    }


def _claims(form: Form, session: Any) -> Row:
    """Who computes; how many nodes our provider runs, where ONNX Runtime tells."""
    found = onnxruntime.assignment(session)
    ours = found[0] > 0 if found else onnxruntime.PROVIDER in session.get_providers()
    dense = "CPUExecutionProvider"
    if form.form == forms.COMPACT and not ours:
        dense += ", our custom operators"
    return {
        "provider": onnxruntime.PROVIDER if ours else dense,
        "claimed": found and dict(zip(("nodes", "of"), found, strict=True)),
    }


def _cost(form: Form, sizes: Mapping[str, Shape], threads: int) -> Row:
    found = memory(form.path, sizes, threads=threads, provider=form.provider)
    cost = {"load_ms": found.load_ms, "first_ms": found.first_ms}
    return {**cost, "memory_bytes": found.memory_bytes, "file_bytes": form.path.stat().st_size}
