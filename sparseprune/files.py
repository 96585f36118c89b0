"""Files that are whole when they exist: write to a neighbour, then rename."""

import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PureWindowsPath

from sparseprune.errors import InputError

# No reader looks for files of this name, so one that a killed process left behind harms nobody.
_SUFFIX = ".tmp"


class Unwritable(InputError):
    """A file cannot be written: there is no room, or no right to."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder; rename it to ``path`` if the block succeeds.

    The rename is atomic, so readers see the old file or the new one, never a part. If the block
    raises, ``path`` is left as it was and the temporary file is removed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=_SUFFIX, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        # mkstemp makes files private (0600); give the result the mode a plain open() would.
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def leftovers(folder: Path) -> list[Path]:
    """Temporary files below ``folder`` that a killed process left behind."""
    return list(folder.rglob(f".*{_SUFFIX}"))


def check_writable(path: Path, suffix: str, sources: Iterable[Path | None] = ()) -> Path:
    """``path``, if a file of that ``suffix`` can be written there; asked before long work.

    Raises:
        InputError: it is a folder or one of ``sources``, does not end in ``suffix``, or its folder
            cannot be written.
    """
    if path.is_dir():
        raise InputError(f"{path}: expected a file to write, got a folder; add a file name")
    if path.suffix != suffix:
        raise InputError(f"{path}: expected a path that ends in {suffix}, got {path.name!r}")
    for source in sources:
        if source is not None and path.exists() and source.exists() and path.samefile(source):
            raise InputError(
                f"{path}: expected a file to write, got one that is read; choose a new name"
            )
    nearest = next(folder for folder in path.absolute().parents if folder.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        raise InputError(f"{path}: cannot write in {nearest}; choose a folder you may write in")
    return path


def lies_in(folder: Path, location: str) -> bool:
    """Whether a relative path that a stranger wrote stays in ``folder``, on any system.

    What a link points to decides, not where it lies.
    """
    windows = PureWindowsPath(location)
    if "\0" in location or windows.drive or windows.root:  # a root is / as well
        return False
    try:
        top = folder.resolve()
        places = [(folder / name).resolve() for name in (location, windows.as_posix())]
    except (OSError, RuntimeError):  # links in a circle
        return False
    return all(place.is_relative_to(top) for place in places)


def sha256(path: Path) -> str:
    """Hex SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        for block in iter(lambda: stream.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()
