import contextlib
import json
import struct
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError
from safetensors.torch import save, save_file

from sparseprune.errors import InputError
from sparseprune.formats import container


def written(path: Path) -> bytes:
    tensors = {"b": torch.arange(6.0).reshape(2, 3), "a": torch.tensor(3)}
    container.write(path, "thing", tensors, {"answer": 42})
    return path.read_bytes()


def test_round_trip_keeps_tensors_and_document(tmp_path):
    path = tmp_path / "x.safetensors"
    written(path)
    tensors, document = container.read(path, "thing")
    assert document == {"answer": 42}
    assert torch.equal(tensors["b"], torch.arange(6.0).reshape(2, 3))
    assert tensors["a"].item() == 3


def test_same_content_gives_the_same_bytes(tmp_path):
    assert written(tmp_path / "1") == written(tmp_path / "2")


def test_views_shared_and_channels_last_tensors_are_written(tmp_path):
    base = torch.randn(2, 3, 4, 5)
    tensors = {
        "last": base.to(memory_format=torch.channels_last),
        "view": base[:, ::2],
        "same": base,
        "again": base,
    }
    container.write(tmp_path / "x", "thing", tensors, {})
    found, _ = container.read(tmp_path / "x", "thing")
    assert all(torch.equal(found[name], tensors[name]) for name in tensors)


def test_document_that_json_cannot_hold_is_refused_and_writes_nothing(tmp_path):
    for bad in (float("nan"), Path("x")):
        with pytest.raises(InputError, match="expected plain JSON values beside the thing, but"):
            container.write(tmp_path / "x", "thing", {}, {"bad": bad})
    assert list(tmp_path.iterdir()) == []


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match="expected a thing file, found none"):
        container.read(tmp_path / "absent", "thing")


def test_folder_in_place_of_a_file(tmp_path):
    with pytest.raises(InputError, match="expected a thing file, got a folder; check"):
        container.read(tmp_path, "thing")


def test_every_truncation_is_refused(tmp_path):
    data = written(tmp_path / "x")
    for length in range(len(data)):
        (tmp_path / "cut").write_bytes(data[:length])
        with pytest.raises(InputError, match="expected a whole safetensors file"):
            container.read(tmp_path / "cut", "thing")


@settings(max_examples=150, deadline=None)
@given(change=st.data())
def test_damaged_bytes_give_the_file_or_an_input_error(change, tmp_path_factory):
    folder = tmp_path_factory.mktemp("damage")
    data = bytearray(written(folder / "x"))
    for _ in range(change.draw(st.integers(1, 3))):
        position = change.draw(st.integers(0, len(data) - 1))
        data[position] = change.draw(st.integers(0, 255))
    (folder / "y").write_bytes(bytes(data))
    with contextlib.suppress(InputError):
        container.read(folder / "y", "thing")


def test_header_that_claims_a_huge_tensor_is_refused_without_allocating(tmp_path):
    header = {"a": {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 1 << 42]}}
    text = json.dumps(header).encode()
    (tmp_path / "x").write_bytes(struct.pack("<Q", len(text)) + text)
    with pytest.raises(InputError, match="expected a whole safetensors file"):
        container.read(tmp_path / "x", "thing")


def test_pickle_is_not_opened(tmp_path):
    torch.save({"a": torch.ones(3)}, tmp_path / "x.pt")
    with pytest.raises(InputError, match="expected a whole safetensors file"):
        container.read(tmp_path / "x.pt", "thing")


def test_safetensors_of_another_program(tmp_path):
    save_file({"a": torch.ones(3)}, tmp_path / "x")
    with pytest.raises(InputError, match="safetensors file of another program"):
        container.read(tmp_path / "x", "thing")


def test_another_kind(tmp_path):
    written(tmp_path / "x")
    with pytest.raises(InputError, match="expected a mask, got 'thing'"):
        container.read(tmp_path / "x", "mask")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "expected JSON in its metadata"),
        ("[" * 100_000, "expected JSON in its metadata"),
        ("[1]", "expected a thing, got None"),
        ('{"kind": "thing", "version": 2}', "expected version 1 of the thing file, got 2"),
        ('{"kind": "thing", "version": 1, "document": 5}', "expected a mapping in its metadata"),
        ('{"kind": "thing", "version": 1}', "expected a mapping in its metadata"),
    ],
)
def test_foreign_metadata(tmp_path, text, message):
    (tmp_path / "x").write_bytes(save({"a": torch.ones(3)}, metadata={container.KEY: text}))
    with pytest.raises(InputError, match=message):
        container.read(tmp_path / "x", "thing")


def test_a_full_disk_is_one_sentence(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(container, "save_file", refuse)
    with pytest.raises(InputError, match=r"x.st: cannot be written: .*No space left on device"):
        container.write(tmp_path / "x.st", "kind", {}, {})
    assert not list(tmp_path.iterdir())
