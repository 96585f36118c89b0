"""The user's own networks: a function or class that is imported by its path and makes one.

Importing runs code. A recipe or command line that a user gives names code they mean to run; a
checkpoint may come from anyone, and so may the recipe inside it. So only paths that were allowed
in this process are imported, and nothing that reads a checkpoint allows any.
"""

import importlib
import logging
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import nn

from sparseprune.errors import InputError, first_line
from sparseprune.models import code

log = logging.getLogger(__name__)

_IMPORT_PATH = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
_allowed: set[str] = set()


def is_path(name: str) -> bool:
    """Whether ``name`` is of the form ``package.module:callable``."""
    return _IMPORT_PATH.fullmatch(name) is not None


def allow(name: str) -> None:
    """Take the user's word that the code at an import path may run in this process.

    Call it with what the user typed or wrote into a recipe, never with what a checkpoint says.
    Names of our own networks need no permission and are passed over.
    """
    if is_path(name):
        _allowed.add(name)


def build(name: str, options: Mapping[str, Any]) -> nn.Module:
    """Import ``package.module:callable`` (from the working directory too) and call it.

    Args:
        name: a path that was allowed before.
        options: keyword arguments of the call.

    Raises:
        InputError: the path was not allowed, cannot be imported, or makes no ``torch.nn.Module``.
    """
    if name not in _allowed:
        raise InputError(
            f"model {name!r}: expected your word before importing code that is not ours; if you "
            f"trust it, give --allow {name} (in Python call sparseprune.models.allow({name!r}))"
        )
    module, _, attribute = name.partition(":")
    if module not in sys.modules:
        log.warning("importing %s, which builds the network", name)
    try:
        with _working_directory_first():
            builder: Any = importlib.import_module(module)
            for part in attribute.split("."):
                builder = getattr(builder, part)
            model = builder(**options)
    except Exception as error:  # the user's code may raise anything
        raise InputError(
            f"architecture {name!r}: expected a function or class that makes the network from "
            f"{_listed(options)}, but it said {type(error).__name__}: {first_line(error)}; "
            "check the import path and the options"
        ) from error
    if not isinstance(model, nn.Module):
        raise InputError(
            f"architecture {name!r}: expected it to return a torch.nn.Module, "
            f"got {type(model).__name__}; name the function or class that builds the network"
        )
    return model


def digest(name: str) -> str:
    """Hex SHA-256 of the files that an imported network of the user's own is from; "" for ours.

    Of its module's and of those that it imports from the same folder (``code.digest``).
    """
    module = name.partition(":")[0]
    file = getattr(sys.modules.get(module), "__file__", None) if is_path(name) else None
    return code.digest(module, Path(file).absolute()) if file else ""


def _listed(options: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={value!r}" for key, value in options.items()) or "no arguments"


@contextmanager
def _working_directory_first() -> Iterator[None]:
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        yield
    finally:
        sys.path.remove(here)
