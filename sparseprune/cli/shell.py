"""What every verb shares: how errors end, how results are printed, which options there are."""

import errno
import functools
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ParamSpec

import typer

from sparseprune.errors import GateError, InputError, how_to_install

if TYPE_CHECKING:
    from rich.console import Console

P = ParamSpec("P")

BAD_INPUT, GATE_FAILED, INTERRUPTED = 2, 3, 130
INTERRUPTION = "interrupted; what had finished is kept"

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
Debug = Annotated[
    bool, typer.Option("--debug", envvar="SPARSEPRUNE_DEBUG", help="Show tracebacks of errors.")
]
Allow = Annotated[
    str | None,
    typer.Option(help="Your own code the checkpoint's network is built by: package.module:name."),
]
Out = Annotated[Path, typer.Option("--out", "-o", help="File to write.")]
Shapes = Annotated[
    list[str] | None,
    typer.Option(help="Shape of an input the file leaves open: 1,3,224,224 or NAME=1,3,8,8."),
]
RecipeFile = Annotated[Path, typer.Argument(help="Recipe (YAML).", metavar="RECIPE")]
OVERRIDES = {"allow_extra_args": True, "ignore_unknown_options": True}


@functools.cache
def notes() -> "Console":
    """Where progress and errors go: stderr, so that stdout holds results alone."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


@dataclass(frozen=True)
class Outcome:
    """What a verb found: for programs, for people, and what ended it early or failed."""

    result: Any
    text: str
    failure: str | None = None
    code: int = GATE_FAILED
    silent: bool = False  # of torchrun's workers the first alone has something to say


def verb(function: Callable[P, Outcome]) -> Callable[P, None]:
    """Run a verb, print its outcome, and end errors with one sentence and an exit code."""

    @functools.wraps(function)
    def run(*args: P.args, **options: P.kwargs) -> None:
        as_json, debug = bool(options.get("as_json")), bool(options.get("debug"))
        try:
            _allow(options.get("allow"))
            outcome = function(*args, **options)
            if not outcome.silent:
                _print(_json(outcome.result) if as_json else outcome.text)
        except (Exception, KeyboardInterrupt) as error:
            sentence, code = _explain(error)
            if code is None:
                raise
            if debug:
                notes().print_exception()
            if as_json:
                print_error(sentence, code)
            _fail(sentence, code)
        else:
            if outcome.failure:
                _fail(outcome.failure, outcome.code)

    return run


def _allow(path: object) -> None:
    if path is not None:
        from sparseprune import models

        models.allow(str(path))


@contextmanager
def bar(name: str) -> Iterator[Callable[[float, str], None]]:
    """A progress bar on stderr, if that is a terminal; yields the callback that moves it."""
    if not notes().is_terminal:
        yield lambda done, text: None
        return
    from rich.progress import Progress

    with Progress(console=notes(), transient=True) as bars:
        line = bars.add_task(name, total=1.0)
        yield lambda done, text: bars.update(line, completed=done, description=f"{name}  {text}")


def options_of(keys: Iterable[str], **called: str) -> dict[str, str]:
    """The option that each setting is given by; ``called`` are those with names of their own."""
    return {key: called.get(key, f"--{key.replace('_', '-')}") for key in keys}


@contextmanager
def named_as(options: Mapping[str, str]) -> Iterator[None]:
    """Errors that begin with the name of a setting begin with its option instead."""
    try:
        yield
    except InputError as error:
        key, colon, rest = str(error).partition(": ")
        if key not in options or not colon:
            raise
        raise InputError(f"{options[key]}: {rest}") from error


def _explain(error: BaseException) -> tuple[str, int | None]:
    """The sentence and exit code of an error a user can act on; no code for a bug of ours."""
    match error:
        case GateError():
            return str(error), GATE_FAILED
        case InputError():
            return str(error), BAD_INPUT
        case KeyboardInterrupt():
            return INTERRUPTION, INTERRUPTED
        case ModuleNotFoundError():
            return f"this verb needs {error.name}, {how_to_install(error.name)}", BAD_INPUT
        case OSError():
            where = f"{error.filename}: " if error.filename else ""
            full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
            remedy = "; make room and run the same command again" if full else ""
            return f"{where}{error.strerror or error}{remedy}", BAD_INPUT
    return str(error), None


def _fail(sentence: str, code: int) -> None:
    notes().print(f"sparseprune: {sentence}", style="bold red", markup=False, soft_wrap=True)
    raise typer.Exit(code)


def print_error(sentence: str, code: int) -> None:
    """What a verb that failed says to programs; of torchrun's workers one does."""
    if os.environ.get("WORLD_SIZE", "1") != "1":
        from sparseprune.train import workers

        if not workers.first_to_fail():
            return
    _print(json.dumps({"error": sentence, "exit": code}))


def _json(result: Any) -> str:
    return json.dumps(result, indent=2, sort_keys=True)


def _print(text: str) -> None:
    try:
        print(_printable(text), flush=True)
    except BrokenPipeError:
        # The reader (head, a pager) has gone; keep Python's exit from complaining about it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _printable(text: str) -> str:
    """What the terminal's encoding lacks becomes a question mark: results are not lost to it."""
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, "replace").decode(encoding)
