"""Is a file the published one? MD5 where that is what was published: against damage, not attack."""

import hashlib
from pathlib import Path

from sparseprune.errors import InputError

_BLOCK = 1 << 20


def check_md5(path: Path, expected: str | None, key: str = "data.checksums") -> None:
    """Raise unless the file's MD5 is ``expected`` (None: no digest was published).

    ``key`` is the recipe's that asks for this.

    Raises:
        InputError: missing, unreadable, or another file.
    """
    if expected is None:
        return
    value = hashlib.md5(usedforsecurity=False)
    try:
        with path.open("rb") as stream:
            while block := stream.read(_BLOCK):
                value.update(block)
    except OSError as error:
        raise InputError(f"{path}: expected a readable file, got {error}") from error
    if value.hexdigest() != expected:
        raise InputError(
            f"{path}: expected the published file (MD5 {expected}), got {value.hexdigest()}; fetch "
            f"it again, or set {key} to false for a set of your own in this layout"
        )
