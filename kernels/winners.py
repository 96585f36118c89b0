"""Tilings that were the fastest when measured on a GPU: ``configs/<gpu>.json``.

A tiling is the fastest for one shape; shapes close to it take it too.
"""

import functools
import json
import math
import re
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).parent / "configs"
TYPES = ("float16", "bfloat16", "float32", "tf32")
# Beyond twice the rows, groups or steps, occupancy is another matter and arithmetic knows better.
FAR = 1.0
# Bytes of shared memory of one block (compute capability 9.0 and 10.0), and of a row of one step.
MOST_SHARED, STEP_BYTES = 227 * 1024, 128


class Shape(NamedTuple):
    """What a tiling is for: see ``GroupedWeight``; ``type`` is one of ``TYPES``."""

    type: str
    rows: int
    width: int
    m: int
    groups: int
    longest: int


class Winner(NamedTuple):
    """The fastest tiling of a shape, and its microseconds."""

    shape: Shape
    tiling: tuple[int, int, int, int]
    us: float


CHOICES = ("block_m", "warps", "stages", "splits")
ALLOWED = {
    "rows": (16, 32, 64, 128),
    "block_m": (16, 32, 64, 128, 256),
    "warps": (4, 8, 16),
    "stages": range(1, 9),
    "splits": range(1, 17),
}


def path(gpu: str, folder: Path = FOLDER) -> Path:
    """The file of a GPU by the name that its driver gives it."""
    return folder / (re.sub(r"[^a-z0-9]+", "-", gpu.lower()).strip("-") + ".json")


@functools.cache
def winners(gpu: str, folder: Path = FOLDER) -> tuple[Winner, ...]:
    """All of a GPU; none if it has no file.

    Raises:
        ValueError: the file does not hold what this version writes.
    """
    file = path(gpu, folder)
    if not file.exists():
        return ()
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{file}: expected JSON, got {error}; delete it") from error
    return parse(content, gpu, str(file))


def parse(content: Any, gpu: str, source: str) -> tuple[Winner, ...]:
    """The winners of a file's content.

    Raises:
        ValueError: it is of another GPU, or an entry is not one.
    """
    if not isinstance(content, dict) or content.get("gpu") != gpu:
        raise ValueError(f"{source}: expected the tilings of {gpu}; measure again, or delete it")
    entries = content.get("tilings")
    if not isinstance(entries, list):
        raise ValueError(f"{source}: expected a list of tilings; measure again, or delete it")
    for number, entry in enumerate(entries):
        if problem := _problem(entry):
            raise ValueError(
                f"{source}: expected {problem} in tiling {number}, got {entry!r}; "
                "measure again, or delete the file"
            )
    return tuple(
        Winner(
            Shape(*(entry[name] for name in Shape._fields)),
            tuple(entry[name] for name in CHOICES),
            float(entry["us"]),
        )
        for entry in entries
    )


def write(file: Path, gpu: str, versions: dict[str, str | None], found: list[Winner]) -> None:
    """Write ``found`` beside what the file holds of other shapes; the later of two is kept."""
    known = {}
    if file.exists():
        old = parse(json.loads(file.read_text(encoding="utf-8")), gpu, str(file))
        known = {winner.shape: winner for winner in old}
    known |= {winner.shape: winner for winner in found}
    entries = [_entry(winner) for winner in sorted(known.values())]
    content = {"gpu": gpu, "versions": versions, "tilings": entries}
    parse(content, gpu, str(file))
    text = json.dumps(content, indent=1, sort_keys=True) + "\n"
    temporary = file.with_suffix(".tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(file)


@functools.lru_cache(maxsize=4096)
def nearest(gpu: str, shape: Shape, folder: Path = FOLDER) -> tuple[int, int, int, int] | None:
    """The tiling measured for the shape closest to ``shape``, None if none is close."""
    close = [
        (distance, winner.tiling)
        for winner in winners(gpu, folder)
        if winner.shape[:3] == shape[:3] and (distance := _distance(winner.shape, shape)) <= FAR
    ]
    if not close:
        return None
    block_m, warps, stages, splits = min(close)[1]
    # A part has one step at least.
    return block_m, warps, stages, min(splits, max(1, shape.longest))


def _distance(one: Shape, other: Shape) -> float:
    """The largest of the three ratios of sizes, in powers of two."""
    pairs = zip(one[3:], other[3:], strict=True)
    return max(abs(math.log2(max(a, 1) / max(b, 1))) for a, b in pairs)


def _entry(winner: Winner) -> dict[str, Any]:
    choices = dict(zip(CHOICES, winner.tiling, strict=True))
    return {**winner.shape._asdict(), **choices, "us": winner.us}


def _problem(entry: Any) -> str | None:
    """What of an entry is not as it must be."""
    if not isinstance(entry, dict):
        return "an object"
    if entry.get("type") not in TYPES:
        return f"a type of {', '.join(TYPES)}"
    for name in (*Shape._fields[1:], *CHOICES):
        value = entry.get(name)
        if type(value) is not int or value < (name != "longest"):
            return f"a whole number {name}"
        if name in ALLOWED and value not in ALLOWED[name]:
            return f"{name} to be one of {', '.join(map(str, ALLOWED[name]))}"
    if entry["stages"] * (entry["block_m"] + entry["rows"]) * STEP_BYTES > MOST_SHARED:
        return f"at most {MOST_SHARED} bytes of shared memory"
    us = entry.get("us")
    if type(us) not in (int, float) or not 0 < us < math.inf:
        return "microseconds us above zero"
    return None
