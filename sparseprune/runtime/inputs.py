"""The inputs of a model that may come from anyone: their types, shapes, and values to run it on."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sparseprune import onnxruntime
from sparseprune.errors import InputError

Shape = tuple[int, ...]
Feeds = dict[str, npt.NDArray[Any]]

_TYPES = {"float": "float32", "double": "float64"}  # ONNX Runtime's names that are not NumPy's
_SEED = 0


def declared(model: Path) -> list[Any]:
    """The inputs as ONNX Runtime's own provider sees them: ``name``, ``type`` and ``shape``.

    Raises:
        InputError: the file is missing, or no model that ONNX Runtime can open, or its names are
            no text.
    """
    found = list(onnxruntime.session(model, provider="cpu", threads=1).get_inputs())
    try:  # what ONNX Runtime holds is decoded when it is asked for
        for value in found:
            _ = value.name, value.shape
    except UnicodeDecodeError as error:
        raise InputError(
            f"{model}: expected names in UTF-8, got other bytes; export it again"
        ) from error
    return found


def resolve(
    inputs: Sequence[Any], batch: int | None, shapes: Mapping[str, Sequence[int]]
) -> dict[str, Shape]:
    """The shape to run each input with.

    Args:
        inputs: as :func:`declared` gives them.
        batch: the first extent wherever the model leaves it open; None is 1.
        shapes: by name; "" names the only input.

    Raises:
        InputError: an extent is open and not given, or what is given does not fit.
    """
    given = by_name(shapes, [i.name for i in inputs])
    if batch is not None and not any(_open_batch(i) for i in inputs):
        _check_fixed(inputs, batch)
    return {i.name: _size(i, batch, given.get(i.name)) for i in inputs}


def by_name(shapes: Mapping[str, Sequence[int]], names: Sequence[str]) -> dict[str, Shape]:
    """The shapes a user gave (``--shape``), by the name of their input; "" is the only one's.

    Raises:
        InputError: there is no such input, or "" may be any of several.
    """
    if "" in shapes and len(names) != 1:
        raise InputError(f"expected --shape NAME=..., one for each of {', '.join(names)}")
    given = {name or names[0]: tuple(shape) for name, shape in shapes.items()}
    for name in given:
        if name not in names:
            raise InputError(f"expected --shape for one of {', '.join(names)}, got {name!r}")
    return given


def extents(value: Any) -> list[int | None]:
    """The declared shape of an input; None where it is open."""
    return [extent if isinstance(extent, int) else None for extent in value.shape]


def fits(known: Sequence[int | None], shape: Sequence[int]) -> bool:
    """Whether ``shape`` is one that ``known``, as :func:`extents` gives it, allows."""
    return len(known) == len(shape) and all(
        extent in (None, asked) for extent, asked in zip(known, shape, strict=True)
    )


def zeros(inputs: Sequence[Any], sizes: Mapping[str, Shape]) -> Feeds:
    """Zeros of the inputs' types, which every model takes.

    Raises:
        InputError: an input is not of numbers, or too large for the memory.
    """
    return {i.name: _made(i, sizes[i.name], np.zeros) for i in inputs}


def probe(inputs: Sequence[Any], sizes: Mapping[str, Shape]) -> Feeds:
    """Seeded values, see :func:`draw`, on which different networks give different answers.

    Raises:
        InputError: as :func:`zeros`.
    """
    random = np.random.default_rng(_SEED)
    return {i.name: _made(i, sizes[i.name], partial(draw, random)) for i in inputs}


def draw(random: np.random.Generator, size: Shape, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Values of a type that a network may have been made for.

    Floats are standard normal, as normalised data are. Bytes are small numbers. Wide integers are
    zeros and ones: they are tokens, segments or masks, and what indexes a table must be inside it.
    A single integer is 1.
    """
    if dtype.kind not in "biu":
        return random.standard_normal(size, np.float32).astype(dtype)
    if not size:
        return np.ones(size, dtype)
    limit = 128 if dtype.itemsize == 1 and dtype.kind != "b" else 2
    return random.integers(0, limit, size, np.int8).astype(dtype)


def words(shape: Sequence[Any]) -> str:
    """A shape for people: [?, 3, 224, 224]."""
    return "[" + ", ".join(str(extent) if extent is not None else "?" for extent in shape) + "]"


def _made(value: Any, size: Shape, make: Any) -> npt.NDArray[Any]:
    kind = dtype(value)
    try:
        made: npt.NDArray[Any] = make(size, kind)
    except (MemoryError, ValueError) as error:
        raise InputError(
            f"there is no memory for input {value.name!r} of shape {words(size)}; "
            "give a smaller one with --shape"
        ) from error
    return made


def dtype(value: Any) -> np.dtype[Any]:
    """The type of an input's values.

    Raises:
        InputError: they are no numbers.
    """
    inner = value.type.removeprefix("tensor(").removesuffix(")")
    try:
        found: np.dtype[Any] = np.dtype(_TYPES.get(inner, inner))
    except TypeError:
        found = np.dtype(object)
    if found.kind not in "biuf":
        raise InputError(
            f"expected inputs that are numbers, got {value.name!r} of type {value.type}"
        )
    return found


def _open_batch(value: Any) -> bool:
    return bool(value.shape) and not isinstance(value.shape[0], int)


def _check_fixed(inputs: Sequence[Any], batch: int) -> None:
    """Where the file fixes every batch, only that one will do."""
    for value in inputs:
        if value.shape and value.shape[0] != batch:
            raise InputError(
                f"input {value.name!r} has a fixed batch of {value.shape[0]}, got {batch}"
            )


def _size(value: Any, batch: int | None, shape: Sequence[int] | None) -> Shape:
    known = extents(value)
    if shape is None:
        if None in known[1:]:
            raise InputError(
                f"the shape of input {value.name!r} is open: {words(value.shape)}; "
                f"give it with --shape {value.name}="
                + ",".join("?" if extent is None else str(extent) for extent in known)
            )
        first = [(batch or 1) if extent is None else extent for extent in known[:1]]
        shape = [*first, *(extent or 0 for extent in known[1:])]
    if not fits(known, shape):
        raise InputError(
            f"input {value.name!r} has shape {words(value.shape)}, got --shape {words(shape)}"
        )
    return tuple(shape)
