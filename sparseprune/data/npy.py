"""``.npy`` files as data: the header is checked before anything is allocated, nothing unpickled."""

import math
from io import BytesIO
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.lib import format as layout
from numpy.typing import NDArray

from sparseprune.errors import InputError

# Version 1.0 of the format, which all arrays of plain numbers are written in, has no longer ones.
_HEADER_BYTES = 10 + (1 << 16)


def read(path: Path, dtypes: tuple[str, ...], shape: tuple[int | None, ...]) -> NDArray[Any]:
    """The array in a file, mapped read-only: pages are read when they are used.

    Args:
        path: a plain ``.npy`` file.
        dtypes: the types it may have, such as "uint8".
        shape: expected shape; None where any size will do.

    Raises:
        InputError: missing, not an .npy file, another type or shape, or not as long as its header
            says.
    """
    expected = f"{' or '.join(dtypes)} [{', '.join('N' if n is None else str(n) for n in shape)}]"
    try:
        with path.open("rb") as file:
            # A header claims its own length, up to 4 GiB: it is parsed from what is there.
            stream = BytesIO(file.read(_HEADER_BYTES))
        version = layout.read_magic(stream)
        if version != (1, 0):
            raise ValueError(f"version {version} of the format")
        found, fortran, dtype = layout.read_array_header_1_0(stream)
        start = stream.tell()
    except FileNotFoundError:
        raise InputError(f"{path}: expected this file, found none; check the folder") from None
    except (OSError, ValueError, SyntaxError, TokenError, RecursionError) as error:
        raise InputError(
            f"{path}: expected an .npy file of {expected}, got {_line(error)}; fetch it again"
        ) from error
    fits = len(found) == len(shape) and all(
        want in (None, have) and have > 0 for want, have in zip(shape, found, strict=True)
    )
    if str(dtype) not in dtypes or fortran or not fits:
        raise InputError(
            f"{path}: expected {expected} in C order, got {dtype} {list(found)}"
            f"{' in Fortran order' if fortran else ''}; check which file it is"
        )
    size = path.stat().st_size - start
    if size != math.prod(found) * dtype.itemsize:
        raise InputError(
            f"{path}: expected {math.prod(found) * dtype.itemsize} bytes of data as its header "
            f"says, got {size}; fetch the file again"
        )
    return np.memmap(path, dtype, "r", start, found)


def _line(error: BaseException) -> str:
    return str(error).partition("\n")[0][:100] or type(error).__name__
