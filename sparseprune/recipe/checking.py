"""Plain values to a section of a recipe, and in words what is wrong with them."""

import difflib
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from sparseprune.errors import InputError
from sparseprune.recipe.section import Section

S = TypeVar("S", bound=Section)


def check(section: type[S], values: Mapping[str, Any], source: str) -> S:
    """Make a section of plain values; ``source`` names them in errors.

    Raises:
        InputError: names the first wrong key, what was expected and what came.
    """
    try:
        return section.model_validate(values)
    except ValidationError as error:
        raise InputError(f"{source}: {_sentence(section, error)}") from error


def lay(document: dict[str, Any], dotted: str, value: Any) -> None:
    """Set ``document[a][b][c]`` for "a.b.c"; a number indexes a list."""
    place: Any = document
    *path, last = dotted.split(".")
    for part in path:
        if isinstance(place, list):
            place = place[_index(place, part, dotted)]
        else:
            place = place.setdefault(part, {})
        if not isinstance(place, dict | list):
            raise InputError(f"--{dotted}: expected a section at {part!r}, got {place!r}")
    if isinstance(place, list):
        place[_index(place, last, dotted)] = value
    else:
        place[last] = value


def _index(place: list[Any], part: str, dotted: str) -> int:
    if not part.isdigit() or int(part) >= len(place):
        raise InputError(f"--{dotted}: expected an index 0 to {len(place) - 1}, got {part!r}")
    return int(part)


def _sentence(section: type[Section], error: ValidationError) -> str:
    # An unknown key often explains the one that is missing, so it is named first.
    problems = error.errors(include_url=False)
    first = min(problems, key=lambda problem: problem["type"] != "extra_forbidden")
    where = ".".join(map(str, first["loc"])) or "the recipe"
    if first["type"] == "extra_forbidden":
        known = _fields(section, first["loc"][:-1])
        near = difflib.get_close_matches(str(first["loc"][-1]), known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(known)}"
        return f"unknown key '{where}'; {hint}"
    if first["type"] == "missing":
        return f"missing key '{where}'; add it"
    message = first["msg"].removeprefix("Value error, ")
    if not first["loc"]:  # of several sections together; all of them would bury the sentence
        return message
    return f"'{where}': {message}, got {first['input']!r}"


def _fields(section: Any, location: tuple[int | str, ...]) -> list[str]:
    """Known keys of the part of ``section`` at ``location``."""
    for part in location:
        if isinstance(part, int):
            continue
        annotation = section.model_fields[part].annotation
        section = annotation.__args__[0] if hasattr(annotation, "__args__") else annotation
    return list(section.model_fields)
