"""Recipe keys on the command line: ``--train.epochs 3``, ``--prune.0.ratios '[0.5, 0.9]'``."""

from collections.abc import Iterator, Sequence
from typing import Any

import yaml

from sparseprune.errors import InputError


def parse(arguments: Sequence[str]) -> dict[str, Any]:
    """Dotted keys and their values; values are read as YAML.

    Raises:
        InputError: an argument is not ``--key value`` or ``--key=value``.
    """
    return dict(_pairs(arguments))


def _pairs(arguments: Sequence[str]) -> Iterator[tuple[str, Any]]:
    rest = iter(arguments)
    for argument in rest:
        if not argument.startswith("--") or len(argument) == 2:
            raise InputError(f"expected --key value to override the recipe, got {argument!r}")
        key, equals, text = argument[2:].partition("=")
        if not equals:
            try:
                text = next(rest)
            except StopIteration:
                raise InputError(f"--{key}: expected a value after it, got nothing") from None
        try:
            yield key, yaml.safe_load(text)
        except yaml.YAMLError:
            raise InputError(f"--{key}: expected a YAML value, got {text!r}") from None
