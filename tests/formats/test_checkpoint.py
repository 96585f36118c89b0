import pytest
import torch
from torch import nn

from sparseprune.errors import InputError
from sparseprune.formats import checkpoint, mask
from sparseprune.formats.checkpoint import Checkpoint

MODEL = {"name": "resnet8", "options": {}, "input_shape": [1, 28, 28], "classes": 10}


def state() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Linear(3, 4)).state_dict()


def test_round_trip(tmp_path):
    meta = {"method": "WT", "ratio": 0.9, "recipe": {"train": {"epochs": 5}}, "versions": None}
    checkpoint.save(tmp_path / "c", Checkpoint(MODEL, state(), meta))
    found = checkpoint.load(tmp_path / "c")
    assert found.model == MODEL
    assert found.meta == meta
    assert found.state.keys() == state().keys()
    assert all(torch.equal(found.state[name], tensor) for name, tensor in state().items())
    assert found.state["1.num_batches_tracked"].dtype == torch.int64


@pytest.mark.parametrize("dtype", checkpoint.DTYPES)
def test_every_stored_type_keeps_its_bits(tmp_path, dtype):
    tensor = torch.tensor([0, 1, 1, 0]).to(dtype)
    checkpoint.save(tmp_path / "c", Checkpoint(MODEL, {"t": tensor}))
    assert torch.equal(checkpoint.load(tmp_path / "c").state["t"], tensor)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_not_finite_are_neither_written_nor_read(tmp_path, value):
    bad = state()
    good = Checkpoint(MODEL, state())
    bad["0.weight"][0, 0, 0, 0] = value
    with pytest.raises(InputError, match=r"tensor '0.weight': expected finite values, got 1 "):
        checkpoint.save(tmp_path / "c", Checkpoint(MODEL, bad))
    assert list(tmp_path.iterdir()) == []
    checkpoint.container.write(
        tmp_path / "c", checkpoint.KIND, bad, {"model": good.model, "meta": {}}
    )
    with pytest.raises(InputError, match=r"tensor '0.weight': expected finite values"):
        checkpoint.load(tmp_path / "c")


def test_type_that_is_not_stored(tmp_path):
    with pytest.raises(InputError, match=r"expected one of float32.*got complex64"):
        checkpoint.save(tmp_path / "c", Checkpoint(MODEL, {"t": torch.zeros(1) * 1j}))


@pytest.mark.parametrize("document", [{}, {"model": MODEL}, {"model": [], "meta": {}}])
def test_metadata_that_lacks_a_part(tmp_path, document):
    checkpoint.container.write(tmp_path / "c", checkpoint.KIND, state(), document)
    with pytest.raises(InputError, match="expected 'model' and 'meta' in its metadata"):
        checkpoint.load(tmp_path / "c")


def test_mask_file_is_not_a_checkpoint(tmp_path):
    mask.save(tmp_path / "m", {"w": torch.ones(2, dtype=torch.bool)})
    with pytest.raises(InputError, match="expected a checkpoint, got 'mask'"):
        checkpoint.load(tmp_path / "m")


def test_truncated_checkpoint(tmp_path):
    checkpoint.save(tmp_path / "c", Checkpoint(MODEL, state()))
    data = (tmp_path / "c").read_bytes()
    (tmp_path / "c").write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match="cut short or foreign"):
        checkpoint.load(tmp_path / "c")


def test_digest_sees_names_types_shapes_and_values_but_not_layout():
    first = checkpoint.digest(state())
    assert len(first) == 64
    weight = state()["0.weight"]
    same = dict(reversed(state().items()))
    same["0.weight"] = weight.to(memory_format=torch.channels_last)
    assert checkpoint.digest(same) == first
    others = [
        {**state(), "0.weight": weight.double()},
        {**state(), "0.weight": weight.reshape(3, 3, 2, 3)},
        {**state(), "0.weight": weight + 1},
        {f"x{name}": tensor for name, tensor in state().items()},
    ]
    assert len({first, *map(checkpoint.digest, others)}) == 5


def test_digest_takes_scalars_and_every_stored_type():
    tensors = {str(dtype): torch.tensor(1).to(dtype) for dtype in checkpoint.DTYPES}
    assert checkpoint.digest(tensors) != checkpoint.digest({})
