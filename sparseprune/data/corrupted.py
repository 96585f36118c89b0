"""Corrupted variants of any set: made when asked for, remembered on disk."""

import hashlib
from collections.abc import Iterator
from functools import lru_cache
from importlib import metadata
from pathlib import Path

import numpy as np

from sparseprune.data import corruptions
from sparseprune.data.cache import Cache, user_cache
from sparseprune.data.corruptions.textures import FILES
from sparseprune.data.pictures import Images, Pictures, pieces
from sparseprune.errors import InputError

# What computes the corruptions besides our own code.
_LIBRARIES = ("numpy", "scipy", "pillow")


def variant(
    images: Pictures,
    name: str,
    severity: int,
    *,
    seed: int = 0,
    frost_textures: Path | None = None,
) -> Images:
    """All of ``images`` corrupted, uint8 [N, H, W, C]; for sets that fit in memory.

    The strengths are those for the nearer picture size (``corruptions.table_for``). The same
    pictures, corruption, severity and seed give the same result, whether it was remembered or not.

    Raises:
        InputError: unknown name or severity, or unsuitable pictures or textures.
    """
    found = list(variants(images, name, severity, seed=seed, frost_textures=frost_textures))
    return found[0] if len(found) == 1 else np.concatenate(found)


def variants(
    images: Pictures,
    name: str,
    severity: int,
    *,
    seed: int = 0,
    frost_textures: Path | None = None,
) -> Iterator[Images]:
    """``variant`` in pieces, bounded in memory for sets that are not held there.

    Raises:
        InputError: as ``variant``.
    """
    table = corruptions.table_for(*images.shape[1:3])
    corruptions.check(name)
    corruptions.check_images(images)
    cache = user_cache()
    textures = _textures_digest(frost_textures) if name == "frost" else ""
    for start, piece in pieces(images):
        key = _key(piece, (name, severity, seed, table, start, textures)) if cache else ""
        found = cache.get(key, piece.shape) if cache else None
        if found is None:
            found = corruptions.corrupt(
                piece,
                name,
                severity,
                seed=seed,
                table=table,
                first_index=start,
                frost_textures=frost_textures,
            )
            _remember(cache, key, found)
        yield found


def _remember(cache: Cache | None, key: str, images: Images) -> None:
    if cache is not None:
        cache.put(key, images)


def _key(images: Images, settings: tuple[object, ...]) -> str:
    """SHA-256 of everything the result depends on: code, settings and every pixel.

    Hashing the pixels costs a tenth of the cheapest corruption, and no file that changed behind
    its name is ever taken for the old one.
    """
    value = hashlib.sha256(repr((code_version(), settings, images.shape)).encode())
    value.update(np.ascontiguousarray(images).data)
    return value.hexdigest()


@lru_cache(maxsize=1)
def code_version() -> str:
    """Hex SHA-256 of the corruptions' source files and of the libraries they call.

    Taken from the sources themselves: a number to raise by hand would be forgotten.
    """
    value = hashlib.sha256(repr([metadata.version(name) for name in _LIBRARIES]).encode())
    for path in sorted(Path(corruptions.__file__).parent.glob("*.py")):
        value.update(path.read_bytes())
    return value.hexdigest()


def _textures_digest(folder: Path | None) -> str:
    if folder is None:
        return "own"
    try:
        return hashlib.sha256(b"".join((folder / name).read_bytes() for name in FILES)).hexdigest()
    except OSError as error:
        raise InputError(f"{folder}: expected photographs of frost, got {error}") from error
