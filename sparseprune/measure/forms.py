"""One network in the forms it can be deployed in, as files of a folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from sparseprune import onnxruntime, rewrite
from sparseprune.errors import InputError, first_line
from sparseprune.runtime import inputs

DENSE, SPARSE, COMPACT, SLIM = "dense", "sparse", "compact", "slim"
_DOMAIN = "sparseprune"
_UNREADABLE = (DecodeError, OSError, ValueError, onnx.checker.ValidationError)


@dataclass(frozen=True)
class Form:
    """A file under the clock.

    Attributes:
        id: what its rows are called.
        model: the file it was made from.
        form: dense, sparse, compact or slim; "file" for one that is timed as it is deployed.
        path: the file that is run.
        provider: see ``onnxruntime.session``.
    """

    id: str
    model: Path
    form: str
    path: Path
    provider: str


@dataclass(frozen=True)
class Group:
    """Forms that are compared with one of them, and why there are no others.

    Attributes:
        name: of the table.
        forms: the baseline first.
        missing: reasons by form.
    """

    name: str
    forms: tuple[Form, ...]
    missing: dict[str, str]


def all_forms(name: str, path: Path, folder: Path) -> Group:
    """The file on the CPU provider alone, on ours, and rewritten where that differs.

    Args:
        name: what the file is called.
        path: a plain, compact or slim ONNX file.
        folder: where the rewritten files are made.

    Raises:
        InputError: the file is missing, or no model that ONNX Runtime can open.
    """
    inputs.declared(path)  # what is rewritten has to be valid
    proto = _load(path)
    compact = any(node.domain == _DOMAIN for node in proto.graph.node)
    forms = [Form(f"{name} {DENSE}", path, DENSE, path, "cpu")]
    missing = {}
    for form in (COMPACT,) if compact else (SPARSE, COMPACT, SLIM):
        as_it_is = compact or form == SPARSE
        found = path if as_it_is else folder / f"{len(list(folder.iterdir()))}.onnx"
        reason = _prepare(form, None if as_it_is else proto, found)
        if reason:
            missing[form] = reason
        else:
            provider = "auto" if form == SLIM else "sparseprune"
            forms.append(Form(f"{name} {form}", path, form, found, provider))
    return Group(name, tuple(forms), missing)


def as_deployed(paths: Sequence[Path]) -> Group:
    """Files timed as they are, on our provider where it can help; the first is the baseline."""
    names = named(paths)
    files = tuple(Form(name, path, "file", path, "auto") for name, path in names.items())
    return Group(files[0].id, files, {})


def named(paths: Sequence[Path]) -> dict[str, Path]:
    """Paths by file name, or by path where two files share a name; each file once."""
    unique = list(dict.fromkeys(paths))
    names = [path.name for path in unique]
    return {path.name if names.count(path.name) == 1 else str(path): path for path in unique}


def _prepare(form: str, proto: onnx.ModelProto | None, target: Path) -> str | None:
    """Write ``proto``, if there is one, in this form; why it cannot be, or not be run."""
    try:
        if form != SLIM:
            _check_library(form)
        if proto is not None:
            _write(form, proto, target)
    except InputError as error:
        return str(error)
    return None


def _check_library(form: str) -> None:
    """Raise unless our library can run this form here.

    Raises:
        InputError: says why not.
    """
    status = onnxruntime.status()
    if not status["loads"]:
        raise InputError(status["reason"])
    if form == SPARSE and status["route"] != "provider":
        raise InputError(
            f"onnxruntime {status['onnxruntime']} runs only the compact form sparse; upgrade it "
            "with: pip install -U onnxruntime"
        )


def _write(form: str, proto: onnx.ModelProto, target: Path) -> None:
    """Writes the model in another form.

    Raises:
        InputError: says why it has none.
    """
    made = rewrite.compact(proto) if form == COMPACT else rewrite.slim(proto)
    if form == COMPACT and not any(node.domain == _DOMAIN for node in made.graph.node):
        raise InputError("no layer would be smaller")
    try:
        onnx.save(made, target)
    except ValueError as error:  # beyond protobuf's 2 GiB
        raise InputError(f"it cannot be written: {first_line(error)}") from error


def _load(path: Path) -> onnx.ModelProto:
    """The model with its external data; ONNX's reader follows no path out of its folder."""
    try:
        return onnx.load(path)
    except _UNREADABLE as error:
        raise InputError(
            f"{path}: expected a model that ONNX can read, got {first_line(error)[:200]}; "
            "export it again"
        ) from error
