"""Pictures kept on disk between runs: found by what they were made of, bounded, never trusted.

Any number of processes may use one folder. An entry appears whole (written beside, then renamed)
and ends in a checksum, so a damaged one is a miss. Whatever the disk refuses is a miss, too: a
cache saves time and is never a reason to fail.
"""

import os
import time
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np

from sparseprune.data.pictures import Images
from sparseprune.files import leftovers, replacing

# Holds the 45 variants of CIFAR-10's training pictures that robust training draws from (6.9 GB).
DEFAULT_BYTES = 10 << 30

_CHECK = 4  # bytes of CRC-32 at the end of an entry
_ABANDONED = 24 * 3600  # seconds after which a temporary file has no writer any more


class Cache:
    """A folder of pictures by key.

    Attributes:
        folder: made when the first entry is written.
        limit: bytes; the entries used longest ago are removed first.
    """

    def __init__(self, folder: Path, limit: int = DEFAULT_BYTES) -> None:
        self.folder = folder
        self.limit = limit

    def get(self, key: str, shape: tuple[int, ...]) -> Images | None:
        """The pictures kept under ``key``, or None.

        Read, not mapped: a mapped file that somebody cuts short would end the process.
        """
        path = self._path(key)
        size = int(np.prod(shape, dtype=object))
        try:
            if path.stat().st_size != size + _CHECK:
                return None
            content = np.fromfile(path, np.uint8)
            os.utime(path)  # what was used last is removed last
        except OSError:
            return None
        if len(content) != size + _CHECK or _crc(content[:size].data) != content[size:].tobytes():
            return None
        return content[:size].reshape(shape)

    def put(self, key: str, images: Images) -> None:
        """Keep ``images``; silently not, where they exceed all room or the disk refuses."""
        if images.nbytes + _CHECK > self.limit:
            return
        content = np.ascontiguousarray(images)
        with suppress(OSError):
            self._make_room(content.nbytes + _CHECK)
            with replacing(self._path(key)) as temporary, temporary.open("wb") as stream:
                stream.write(content.data)
                stream.write(_crc(content.data))

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.pictures"

    def _make_room(self, wanted: int) -> None:
        """Remove the oldest entries until ``wanted`` bytes fit. Others may do so at once."""
        entries = []
        for path in self.folder.glob("*.pictures"):
            with suppress(OSError):
                found = path.stat()
                entries.append((found.st_mtime_ns, found.st_size, path))
        room = self.limit - sum(size for _, size, _ in entries)
        for _, size, path in sorted(entries):
            if room >= wanted:
                break
            path.unlink(missing_ok=True)
            room += size
        for path in leftovers(self.folder) if self.folder.is_dir() else []:
            with suppress(OSError):
                if path.stat().st_mtime < time.time() - _ABANDONED:
                    path.unlink()


def user_cache() -> Cache | None:
    """The user's cache of pictures, or None if there is no place for it or it is switched off.

    It is in ``pictures`` below the folder that SPARSEPRUNE_CACHE names, else below
    ``$XDG_CACHE_HOME/sparseprune`` or ``~/.cache/sparseprune``. SPARSEPRUNE_PICTURES_BYTES bounds
    it; 0 switches it off.
    """
    text = os.environ.get("SPARSEPRUNE_PICTURES_BYTES", "")
    limit = int(text) if text.isascii() and text.isdigit() else DEFAULT_BYTES
    folder = _folder()
    return Cache(folder / "pictures", limit) if folder is not None and limit else None


def _folder() -> Path | None:
    if named := os.environ.get("SPARSEPRUNE_CACHE"):
        return Path(named)
    # The base directory specification takes absolute paths only.
    xdg, home = (Path(os.environ.get(name, "")) for name in ("XDG_CACHE_HOME", "HOME"))
    if xdg.is_absolute():
        return xdg / "sparseprune"
    return home / ".cache" / "sparseprune" if home.is_absolute() else None


def _crc(content: bytes | memoryview) -> bytes:
    return zlib.crc32(content).to_bytes(_CHECK, "big")
