"""What was asked of an export, checked before anything is done."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sparseprune.errors import InputError
from sparseprune.exporter.tuning import Budget, budget
from sparseprune.rewrite import versions

FORMS = ("plain", "compact", "slim")
VALUES = ("float32", "float16")


@dataclass(frozen=True)
class Options:
    """How a network is to be deployed; see :func:`sparseprune.export`."""

    form: str
    values: str
    oldest: tuple[int, int]
    round_to: int
    provider: str
    bound: float | None
    tune: Budget
    shapes: Mapping[str, Sequence[int]] = field(default_factory=dict)

    @property
    def rounds(self) -> bool:
        """Whether weights are rounded on purpose."""
        return self.form == "compact" and self.values == "float16"

    @property
    def note(self) -> dict[str, object]:
        """What the file says of its form."""
        oldest = ".".join(map(str, self.oldest))
        found: dict[str, object] = {"form": self.form, "min_onnxruntime": oldest}
        if self.form == "compact":
            found["values"] = self.values
        if self.form == "slim":
            found["round_to"] = self.round_to
        return found


def check(
    form: str,
    values: str,
    min_onnxruntime: str,
    round_to: int,
    provider: str,
    bound: float | None,
    tune: float | str,
    shapes: Mapping[str, Sequence[int]] | None,
) -> Options:
    """The options, if they can be met.

    Raises:
        InputError: one is none of its choices.
    """
    if form not in FORMS:
        raise InputError(f"form: expected one of {', '.join(FORMS)}, got {form!r}")
    if values not in VALUES:
        raise InputError(f"values: expected one of {', '.join(VALUES)}, got {values!r}")
    if values != "float32" and form != "compact":
        raise InputError(f"values: float16 weights are stored by the form 'compact', got {form!r}")
    if not isinstance(round_to, int) or round_to < 1:
        raise InputError(f"round_to: expected a whole number from 1, got {round_to!r}")
    oldest = _version(min_onnxruntime)
    versions.newest(oldest)
    return Options(form, values, oldest, round_to, provider, bound, budget(tune), shapes or {})


def _version(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{1,4})\.(\d{1,4})(\.\d{1,4})?", str(text))
    if found is None:
        raise InputError(f"min_onnxruntime: expected a version such as 1.20, got {text!r}")
    return int(found[1]), int(found[2])
