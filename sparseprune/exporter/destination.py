"""The last step: the file appears whole, or not at all, and its weights with it."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import onnx

from sparseprune.errors import GateError, InputError
from sparseprune.exporter import external, validity
from sparseprune.files import Unwritable, replacing


class Staging:
    """A model on its way to its path. Its weights must not change any more, its notes may."""

    def __init__(self, path: Path, large: bool) -> None:
        self.path = path
        self.large = large
        self.folder: Path | None = None
        self._places: list[tuple[int, int]] = []

    def loadable(self, proto: onnx.ModelProto) -> bytes | Path:
        """The model as a runtime can load it now: its bytes, or a file beside its weights.

        Raises:
            InputError: it is too large even without its weights, or the system refuses.
        """
        if not self.large:
            return self._bytes(proto)
        with _refusals(self.path):
            return self._staged(proto)

    def commit(self, proto: onnx.ModelProto) -> int:
        """Let the model appear, whole or not at all; bytes written.

        Raises:
            GateError: ONNX's checker refuses the file with its weights.
            InputError: as ``loadable``.
        """
        content = self.loadable(proto)
        with _refusals(self.path):
            if isinstance(content, bytes):
                with replacing(self.path) as temporary:
                    temporary.write_bytes(content)
                return len(content)
            if fault := validity.fault(content):
                raise GateError(f"{self.path.name}: the model with its weights beside it: {fault}")
            return self._move(content)

    def _bytes(self, proto: onnx.ModelProto) -> bytes:
        size = proto.ByteSize()
        if size > external.LARGEST_BYTES:
            raise InputError(
                f"{self.path}: expected a model below 2 GiB without its weights, the limit of one "
                f"ONNX file, got {size} bytes"
            )
        return bytes(proto.SerializeToString())

    def _staged(self, proto: onnx.ModelProto) -> Path:
        assert self.folder is not None
        model = self.folder / self.path.name
        location = f"{self.path.name}.data"
        if not self._places:
            with (self.folder / location).open("wb") as stream:
                self._places = external.write(proto, stream)
        with external.beside(proto, location, self._places):
            model.write_bytes(self._bytes(proto))
        return model

    def _move(self, model: Path) -> int:
        """Weights first: a model that is there has its weights. An old one leaves before."""
        weights = model.with_name(f"{model.name}.data")
        size = model.stat().st_size + weights.stat().st_size
        self.path.unlink(missing_ok=True)
        target = self.path.with_name(weights.name)
        weights.replace(target)
        try:
            model.replace(self.path)
        except OSError:
            target.unlink(missing_ok=True)
            raise
        return size


@contextmanager
def staging(proto: onnx.ModelProto, path: Path) -> Iterator[Staging]:
    """Where a model waits for its checks; nothing is left of it if the block raises.

    Raises:
        InputError: the system refuses a folder beside ``path``, needed for a large model.
    """
    large = external.is_large(proto)
    stage = Staging(path, large)
    if not large:
        yield stage
        return
    with _refusals(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = tempfile.TemporaryDirectory(
            prefix=f".{path.name}.", suffix=".tmp", dir=path.parent
        )
    with folder as name:
        stage.folder = Path(name)
        yield stage


@contextmanager
def _refusals(path: Path) -> Iterator[None]:
    """What the system refuses, in one sentence."""
    try:
        yield
    except OSError as error:
        raise Unwritable(
            f"{path}: cannot be written: {error.strerror or error}; make room or write elsewhere"
        ) from error
