"""Stored tensors of a file that may come from anyone: what they hold, and how much of it is zero.

Nothing is allocated for what a tensor claims, only for what is there: ONNX's ``to_array`` reads
the content first and fails if it does not fill the shape.
"""

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

from sparseprune.errors import InputError, first_line
from sparseprune.rewrite import external

Mask = npt.NDArray[np.bool_]

# A mask of what a sparse or compact tensor stands for takes at most this many times its stored
# bytes: kept weights of three bytes then say where they are among 768 others. Small ones are free.
_LARGEST_FACTOR, _FREE_BYTES = 256, 2**20

_TEXT = onnx.TensorProto.STRING
_INTEGERS = frozenset({onnx.TensorProto.INT64, onnx.TensorProto.INT32, onnx.TensorProto.BOOL})


def holds_weights(tensor: onnx.TensorProto) -> bool:
    """Whether its elements are numbers a network learns; shapes and indices are not."""
    return tensor.data_type != _TEXT and tensor.data_type not in _INTEGERS


def array(tensor: onnx.TensorProto, folder: Path) -> npt.NDArray[np.generic]:
    """The tensor's elements.

    Args:
        tensor: its data inside, or in a file of ``folder``.
        folder: where the model file is.

    Raises:
        InputError: the data are missing, lie outside the folder, or do not fill the tensor's shape.
    """
    if tensor.data_location == external.EXTERNAL:
        tensor = _gathered(tensor, folder)
    try:
        return numpy_helper.to_array(tensor)
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(
            f"tensor {tensor.name!r}: expected data of shape {list(tensor.dims)}, got "
            f"{first_line(error)[:200]}"
        ) from error


def stored_bytes(tensor: onnx.TensorProto, folder: Path) -> int:
    """Bytes of the tensor's data, in the file or beside it in ``folder``."""
    if tensor.data_location != external.EXTERNAL:
        return len(tensor.raw_data) or tensor.ByteSize()
    return external.present(tensor, folder)


def kept(tensor: onnx.TensorProto, folder: Path) -> Mask:
    """Which elements are not zero; a negative zero is one, a NaN is not.

    Raises:
        InputError: as :func:`array`.
    """
    mask: Mask = np.asarray(array(tensor, folder) != 0)
    return mask


def sparse(tensor: onnx.SparseTensorProto, folder: Path) -> Mask:
    """The same of a sparse tensor: its indices are flat [n], or coordinates [n, rank].

    Raises:
        InputError: its data are damaged, or it is a few values that claim a huge shape.
    """
    values = kept(tensor.values, folder)
    indices = array(tensor.indices, folder).astype(np.int64)
    shape = tuple(tensor.dims)
    mask = blank(shape, values.size, tensor.values.name)
    try:
        where = np.ravel_multi_index(tuple(indices.T), shape) if indices.ndim == 2 else indices
        mask.reshape(-1)[where] = values
    except (ValueError, IndexError) as error:
        raise InputError(
            f"sparse tensor {tensor.values.name!r}: expected indices inside {list(shape)}, "
            f"got {first_line(error)[:200]}"
        ) from error
    return mask


def blank(shape: tuple[int, ...], content: int, name: str) -> Mask:
    """A mask of this shape that keeps nothing yet.

    Args:
        shape: as the file claims it.
        content: the elements or bytes stored for it, which bound what is allocated.
        name: for the message.

    Raises:
        InputError: the shape is not one, or far too large for what is stored.
    """
    size = math.prod(shape)
    if min(shape, default=1) < 0 or size > max(_FREE_BYTES, _LARGEST_FACTOR * content):
        raise InputError(
            f"weight {name!r}: expected a shape in proportion to the {content} elements stored, "
            f"got {list(shape)}"
        )
    return np.zeros(shape, np.bool_)


def _gathered(tensor: onnx.TensorProto, folder: Path) -> onnx.TensorProto:
    """The tensor with its data inside."""
    return onnx.TensorProto(
        name=tensor.name,
        data_type=tensor.data_type,
        dims=tensor.dims,
        raw_data=external.content(tensor, folder),
    )
