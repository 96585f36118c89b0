"""Stored tensors of a file that may come from anyone: what they hold, and how much of it is zero.

Nothing is allocated for what a tensor claims, only for what is there: ONNX's ``to_array`` reads
the content first and fails if it does not fill the shape. External data are read by ONNX's own
resolver, which follows neither links nor paths that leave the model's folder.
"""

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

from sparseprune.errors import InputError, first_line

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
        InputError: the data are missing, or do not fill the tensor's shape.
    """
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        _check_external(tensor, folder)
    try:
        return numpy_helper.to_array(tensor, str(folder))
    except (ValueError, TypeError, KeyError, OSError, onnx.checker.ValidationError) as error:
        raise InputError(
            f"tensor {tensor.name!r}: expected data of shape {list(tensor.dims)}, got "
            f"{first_line(error)[:200]}"
        ) from error


def stored_bytes(tensor: onnx.TensorProto) -> int:
    """Bytes of the tensor's data, in the file or beside it."""
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        told = _external(tensor, "length")
        return int(told) if told.isdecimal() else 0
    return len(tensor.raw_data) or tensor.ByteSize()


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


def _check_external(tensor: onnx.TensorProto, folder: Path) -> None:
    """Without the right length, each tensor that names a file would read all of it."""
    try:
        itemsize = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
        told, location = _external(tensor, "length"), _external(tensor, "location")
        length = int(told) if told else (folder / location).stat().st_size
    except (ValueError, KeyError, OSError) as error:
        raise InputError(
            f"tensor {tensor.name!r}: expected data in a file beside the model, got "
            f"{first_line(error)[:200]}"
        ) from error
    if length > itemsize * math.prod(tensor.dims):
        raise InputError(
            f"tensor {tensor.name!r}: expected {itemsize * math.prod(tensor.dims)} bytes for "
            f"shape {list(tensor.dims)}, got {length}"
        )


def _external(tensor: onnx.TensorProto, key: str) -> str:
    return next((entry.value for entry in tensor.external_data if entry.key == key), "")
