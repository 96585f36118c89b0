"""Read the pickles that CIFAR is published as, without unpickling.

A pickle is a program; running one from elsewhere runs whatever its author wished. This reader
walks the few instructions that dictionaries of lists, texts and byte arrays need. It imports
nothing and calls nothing: the handful of names below are recognised by their text, any other name
or instruction is refused. Memory stays within a few times the file's size.
"""

import math
import pickletools
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sparseprune.errors import InputError

# CIFAR-100's training file, the largest published one, has 155 MB.
MAX_BYTES = 512 << 20

_CORES = ("numpy.core", "numpy._core")
_RECONSTRUCT = frozenset(f"{core}.multiarray _reconstruct" for core in _CORES)
_FROMBUFFER = frozenset(f"{core}.numeric _frombuffer" for core in _CORES)
_NAMES = _RECONSTRUCT | _FROMBUFFER | {"numpy ndarray", "numpy dtype", "_codecs encode"}
_LITERALS = frozenset(
    {
        *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8", "BINSTRING", "SHORT_BINSTRING"),
        *("BINUNICODE", "SHORT_BINUNICODE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"),
        *("NONE", "NEWTRUE", "NEWFALSE"),
    }
)
_IGNORED = frozenset({"PROTO", "FRAME", "STOP"})


class _Name(NamedTuple):
    """A global, by its text."""

    text: str


class _Dtype(NamedTuple):
    """``numpy.dtype`` as pickled: only its code, such as "u1"."""

    code: str


class _Array:
    """A numpy array as pickled: empty until its state comes."""

    value: np.ndarray | None = None


class _Refused(Exception):
    """What stands in the file that this reader does not take."""


def read(path: Path) -> dict[str, Any]:
    """The dictionary in a pickle file: keys as text, arrays of bytes as uint8 arrays.

    Texts of Python 2 are read as Latin-1.

    Raises:
        InputError: too large, damaged, or anything but a dictionary of plain values and byte
            arrays.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise _Refused(f"more than {MAX_BYTES} bytes")
        content = path.read_bytes()
        found = _Machine(len(content)).run(content)
        if not isinstance(found, dict):
            raise _Refused(f"a {type(found).__name__}")
    except OSError as error:
        raise InputError(f"{path}: expected a readable file, got {error}") from error
    except (_Refused, ValueError, TypeError, IndexError, KeyError, AttributeError) as error:
        raise InputError(
            f"{path}: expected a pickled dictionary of lists and byte arrays as CIFAR has, got "
            f"{error}; fetch the file again"
        ) from error
    return {_text(key): _plain(value) for key, value in found.items()}


class _Machine:
    """A stack, a memo and the instructions of ``_STEPS``."""

    def __init__(self, budget: int) -> None:
        self.budget = budget  # texts may be encoded once, not once per mention
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def run(self, content: bytes) -> Any:
        for instruction, argument, _ in pickletools.genops(BytesIO(content)):
            name = instruction.name
            if name in _LITERALS:
                constant = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
                self.stack.append(constant.get(name, argument))
            elif name in _STEPS:
                _STEPS[name](self, argument)
            elif name not in _IGNORED:
                raise _Refused(f"the instruction {name}")
        return self.stack[-1]

    def since_mark(self) -> list[Any]:
        start = self.marks.pop()
        values = self.stack[start:]
        del self.stack[start:]
        return values

    def last(self, count: int) -> tuple[Any, ...]:
        if len(self.stack) < count:
            raise _Refused("an instruction without its values")
        values = tuple(self.stack[len(self.stack) - count :])
        del self.stack[len(self.stack) - count :]
        return values

    def name(self, text: str) -> None:
        if text not in _NAMES:
            raise _Refused(f"the name {text.replace(' ', '.')}")
        self.stack.append(_Name(text))

    def encoded(self, value: Any) -> bytes:
        if isinstance(value, bytes | bytearray):
            return bytes(value) if isinstance(value, bytearray) else value
        if not isinstance(value, str) or len(value) > self.budget:
            raise _Refused("bytes out of nothing")
        self.budget -= len(value)
        return value.encode("latin-1")

    def extend(self, values: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, list):
            raise _Refused("values for what is no list")
        target += values

    def update(self, values: list[Any]) -> None:
        target = self.stack[-1]
        # Only texts as keys: hashing nested tuples may take time exponential in their depth.
        if not isinstance(target, dict) or not all(isinstance(v, str | bytes) for v in values[::2]):
            raise _Refused("entries for what is no dictionary of texts")
        target.update(zip(values[::2], values[1::2], strict=True))

    def call(self) -> None:
        function, arguments = self.last(2)
        text = function.text if isinstance(function, _Name) else ""
        if text == "_codecs encode":
            self.stack.append(self.encoded(arguments[0]))
        elif text == "numpy dtype":
            self.stack.append(_Dtype(str(arguments[0])))
        elif text in _RECONSTRUCT:
            self.stack.append(_Array())
        elif text in _FROMBUFFER:
            content, dtype, shape, order = arguments
            self.stack.append(_array(self.encoded(content), dtype, shape, order != "C"))
        else:
            raise _Refused(f"a call of {text or type(function).__name__}")

    def build(self) -> None:
        target, state = self.last(2)
        if isinstance(target, _Array):
            _, shape, dtype, fortran, content = state
            target = _array(self.encoded(content), dtype, shape, fortran, target)
        elif not isinstance(target, _Dtype):
            raise _Refused(f"a state for a {type(target).__name__}")
        self.stack.append(target)


def _array(
    content: bytes, dtype: Any, shape: Any, fortran: Any, into: _Array | None = None
) -> _Array:
    """A byte array, whose shape must be that of its bytes: nothing larger is allocated."""
    if dtype != _Dtype("u1") or fortran:
        raise _Refused("an array of anything but bytes in C order")
    sizes = tuple(int(size) for size in shape)
    if min(sizes, default=0) < 0 or math.prod(sizes) != len(content):
        raise _Refused(f"an array of shape {list(sizes)} with {len(content)} bytes")
    made = into or _Array()
    made.value = np.frombuffer(content, np.uint8).reshape(sizes)
    return made


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, _Array) else value


def _text(key: Any) -> str:
    return key.decode("latin-1") if isinstance(key, bytes) else str(key)


def _memoise(machine: _Machine, place: int | None) -> None:
    machine.memo[len(machine.memo) if place is None else place] = machine.stack[-1]


def _recall(machine: _Machine, place: int) -> None:
    machine.stack.append(machine.memo[place])


def _tuple(count: int) -> Callable[[_Machine, Any], None]:
    return lambda machine, _: machine.stack.append(machine.last(count))


_STEPS: dict[str, Callable[[_Machine, Any], None]] = {
    "EMPTY_DICT": lambda m, _: m.stack.append({}),
    "EMPTY_LIST": lambda m, _: m.stack.append([]),
    "EMPTY_TUPLE": _tuple(0),
    "TUPLE1": _tuple(1),
    "TUPLE2": _tuple(2),
    "TUPLE3": _tuple(3),
    "TUPLE": lambda m, _: m.stack.append(tuple(m.since_mark())),
    "MARK": lambda m, _: m.marks.append(len(m.stack)),
    "APPEND": lambda m, _: m.extend(list(m.last(1))),
    "APPENDS": lambda m, _: m.extend(m.since_mark()),
    "SETITEM": lambda m, _: m.update(list(m.last(2))),
    "SETITEMS": lambda m, _: m.update(m.since_mark()),
    "BINPUT": _memoise,
    "LONG_BINPUT": _memoise,
    "MEMOIZE": _memoise,
    "BINGET": _recall,
    "LONG_BINGET": _recall,
    "GLOBAL": lambda m, text: m.name(text),
    "STACK_GLOBAL": lambda m, _: m.name(" ".join(map(str, m.last(2)))),
    "REDUCE": lambda m, _: m.call(),
    "BUILD": lambda m, _: m.build(),
}
