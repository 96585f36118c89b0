"""What is wrong with a recipe, in one sentence."""

import difflib
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from sparseprune.recipe.section import Section


def sentence(
    section: type[Section], error: ValidationError, source: str, options: Mapping[str, str]
) -> str:
    """Name the first wrong key, what was expected and what came.

    ``source`` is where the values are from; ``options`` are dotted keys that were typed instead,
    and as what.
    """
    # An unknown key often explains the one that is missing, so it is named first.
    problems = error.errors(include_url=False)
    first = min(problems, key=lambda problem: problem["type"] != "extra_forbidden")
    unknown = first["type"] == "extra_forbidden"
    # Of a key that may be one thing or another, pydantic adds which it tried: "literal['all']".
    where = ".".join(str(part) for part in first["loc"] if "[" not in str(part)) or "the recipe"
    key = next((key for key in options if _concerns(key, where, unknown)), None)
    source = source if key is None else options[key]
    if unknown:
        known = _fields(section, first["loc"][:-1])
        near = difflib.get_close_matches(str(first["loc"][-1]), known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(known)}"
        return f"{source}: unknown key '{where}'; {hint}"
    if first["type"] == "missing":
        return f"{source}: missing key '{where}'; add it"
    message = first["msg"].removeprefix("Value error, ")
    if not first["loc"]:  # of several sections together; all of them would bury the sentence
        return f"{source}: {message}"
    # The same goes for several keys of one section.
    if not (first["type"] == "value_error" and isinstance(first["input"], Mapping)):
        message = f"{message}, got {first['input']!r}"
    # An option names its key; a place in a list that was typed with it says nothing more.
    said = key is not None and not where.removeprefix(key).strip(".0123456789")
    return f"{source}: {message}" if said else f"{source}: '{where}': {message}"


def _concerns(key: str, where: str, unknown: bool) -> bool:
    """Whether a mistake is in what was given for ``key``, which may be below an unknown one."""
    return f"{where}.".startswith(f"{key}.") or (unknown and key.startswith(f"{where}."))


def _fields(section: Any, location: tuple[int | str, ...]) -> list[str]:
    """Known keys of the part of ``section`` at ``location``."""
    for part in location:
        if isinstance(part, int):
            continue
        annotation = section.model_fields[part].annotation
        section = annotation.__args__[0] if hasattr(annotation, "__args__") else annotation
    return list(section.model_fields)
