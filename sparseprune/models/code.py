"""The files that code of the user's own is made of: a module, and what it imports beside it."""

import ast
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

_INSTALLED = {"site-packages", "dist-packages"}


def digest(module: str, file: Path) -> str:
    """Hex SHA-256 of the module's file and of all it imports from the folder it is imported from.

    Imports are read from the files, and theirs in turn, so it does not matter what a process has
    loaded. Of an installed package only its own files count, and nothing else that is installed.
    """
    is_package = file.stem == "__init__"
    folder = file.parents[len(module.split(".")) - (not is_package)]
    top = module.partition(".")[0]
    found: dict[str, str] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = file if name == module else _file(folder, name)
        foreign = _INSTALLED & {*folder.parts} and name.partition(".")[0] != top
        if name in found or path is None or foreign:
            continue
        source = path.read_bytes()
        found[name] = hashlib.sha256(source).hexdigest()
        waiting += _imported(source, name if path.stem == "__init__" else name.rpartition(".")[0])
    return hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()


def _file(folder: Path, name: str) -> Path | None:
    place = folder.joinpath(*name.split("."))
    files = (place / "__init__.py", place.with_name(f"{place.name}.py"))
    return next((file for file in files if file.is_file()), None)


def _imported(source: bytes, package: str) -> Iterator[str]:
    """Names that a file of ``package`` imports, which may be modules, and the packages above."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):  # compiled, say
        return
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".") if node.level else []
            base = [*parts[: len(parts) - node.level + 1], *filter(None, [node.module])]
            names = [".".join([*base, alias.name]) for alias in node.names]
        for name in names:
            parts = name.split(".")
            yield from (".".join(parts[:count]) for count in range(1, len(parts) + 1))
