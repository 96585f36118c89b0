"""The last step: the file appears whole, or not at all."""

from pathlib import Path

import onnx

from sparseprune.errors import InputError
from sparseprune.files import replacing

# The format's own limit: a protobuf message is shorter than 2 GiB.
LARGEST_BYTES = 2**31 - 1


def write(proto: onnx.ModelProto, path: Path) -> None:
    """Write the model whole or not at all.

    Raises:
        InputError: it is too large for one file, or the system refuses.
    """
    size = proto.ByteSize()
    if size > LARGEST_BYTES:
        raise InputError(
            f"{path}: expected a model below 2 GiB, the limit of one ONNX file, got {size} bytes"
        )
    try:
        with replacing(path) as temporary:
            temporary.write_bytes(proto.SerializeToString())
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error
