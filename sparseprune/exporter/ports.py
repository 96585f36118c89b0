"""Inputs for any ONNX model: of several inputs, any type, a batch that is open or fixed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparseprune.errors import InputError
from sparseprune.exporter.probe import (
    FEWEST,
    MOST,
    SEED,
    Array,
    Feeds,
    Probe,
    Shapes,
    as_array,
    as_pictures,
    enough,
)
from sparseprune.runtime import inputs


@dataclass(frozen=True)
class Port:
    """An input of a model.

    Attributes:
        name: of the input.
        dtype: of its values.
        sizes: the shape; the first is None where any batch is taken.
        given: what the user gave for it.
    """

    name: str
    dtype: np.dtype[Any]
    sizes: tuple[int | None, ...]
    given: Array | None

    @property
    def open(self) -> bool:
        """Whether it takes any batch."""
        return self.sizes[:1] == (None,)

    def values(self, count: int, random: np.random.Generator) -> Array:
        """What was given, cut to ``count`` samples; else as :func:`inputs.draw`.

        Raises:
            InputError: there is no memory for them.
        """
        if self.given is not None:
            return self.given[:count] if self.open else self.given
        shape = tuple(count if size is None else size for size in self.sizes)
        try:
            return inputs.draw(random, shape, self.dtype)
        except (MemoryError, ValueError) as error:
            raise InputError(
                f"there is no memory for input {self.name!r} of shape {list(shape)}; export it "
                "with a smaller or open one"
            ) from error


def probe(session: Any, example: object, shapes: Shapes, model: str) -> Probe:
    """Inputs for the parity check of an ONNX model.

    Args:
        session: its session.
        example: what the user gave: None, a tensor or array for each input in their order (one
            alone for a model of one input), or a mapping by name.
        shapes: the shape of an input by its name, where the model leaves it open; "" names the
            only one.
        model: how to call it.

    Raises:
        InputError: an input that was not given has an open shape or holds no numbers, or what was
            given does not fit.
    """
    values = session.get_inputs()
    names = [value.name for value in values]
    asked = inputs.by_name(shapes, names)
    given = _given(example, names, model)
    ports = [_port(v, given.get(v.name), asked.get(v.name), model) for v in values]
    if len(ports) == 1 and ports[0].given is not None and ports[0].sizes:
        return _one(ports[0], ports[0].given)
    random = np.random.default_rng(SEED)
    if any(port.open for port in ports):
        counts = [len(port.given) for port in ports if port.open and port.given is not None]
        count = min([*counts, MOST]) if counts else FEWEST
        run = {port.name: port.values(count, random) for port in ports}
        single = {port.name: run[port.name][:1] if port.open else run[port.name] for port in ports}
        return Probe([run], single, count)
    batch = next((size for port in ports for size in port.sizes[:1] if size), 1)
    repeats = 1 if given else max(1, FEWEST // batch)
    runs = [{port.name: port.values(batch, random) for port in ports} for _ in range(repeats)]
    return Probe(runs, runs[0], batch * repeats)


def _one(port: Port, given: Array) -> Probe:
    """Many samples for a model of one input; few pictures are joined by random ones."""
    samples = enough(given) if port.dtype == np.float32 else given[:MOST]
    step = port.sizes[0] or len(samples)
    whole = np.resize(samples, (-(-len(samples) // step) * step, *samples.shape[1:]))
    runs = [{port.name: whole[at : at + step]} for at in range(0, len(whole), step)]
    return Probe(runs, {port.name: whole[: port.sizes[0] or 1]}, len(whole))


def _given(example: object, names: list[str], model: str) -> Feeds:
    """The user's arrays by the input's name."""
    if example is None:
        return {}
    if isinstance(example, Mapping):
        arrays = {str(name): as_array(array) for name, array in example.items()}
        if set(arrays) - set(names):
            raise InputError(
                f"{model}: expected inputs named {', '.join(names)}, got {', '.join(arrays)}"
            )
        return arrays
    parts = list(example) if isinstance(example, tuple | list) else [example]
    if len(parts) != len(names):
        raise InputError(
            f"{model}: expected inputs for {', '.join(names)}, got {len(parts)}; give one array "
            "for each, by name"
        )
    return dict(zip(names, map(as_array, parts), strict=True))


def _port(value: Any, given: Array | None, asked: tuple[int, ...] | None, model: str) -> Port:
    dtype, known = inputs.dtype(value), inputs.extents(value)
    text = f"{model}: input {value.name!r} has shape {list(value.shape)}"
    if given is not None:
        if given.dtype != dtype:
            raise InputError(
                f"{model}: expected {dtype} for input {value.name!r}, got {given.dtype}; convert it"
            )
        if dtype == np.float32 and len(known) > 1:
            given = as_pictures(given)
        _check_fits([None, *known[1:]] if known else [], given.shape, text)
        if not given.size:
            raise InputError(f"{text}, got {list(given.shape)}; give one sample or more")
        return Port(value.name, dtype, (*known[:1], *given.shape[1:]), given)
    if asked is not None:
        _check_fits(known, asked, text)
        return Port(value.name, dtype, (*known[:1], *asked[1:]), None)
    if None in known[1:]:
        raise InputError(
            f"{text}, some of it open; give example_inputs (--inputs), or the shape (--shape "
            f"{value.name}=" + ",".join(str(size or "?") for size in known) + ")"
        )
    return Port(value.name, dtype, tuple(known), None)


def _check_fits(known: list[int | None], shape: tuple[int, ...], text: str) -> None:
    if not inputs.fits(known, shape):
        raise InputError(f"{text}, got {list(shape)}; give that shape")
