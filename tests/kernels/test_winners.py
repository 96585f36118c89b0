"""Tilings measured on a GPU are read from its file, and only where they fit."""

import json

import pytest
import torch

from sparseprune.kernels import winners
from sparseprune.kernels.grouped_weight import pack
from sparseprune.kernels.winners import Shape, Winner

GPU = "NVIDIA H100 80GB HBM3"
SHAPE = Shape("bfloat16", 64, 16, 4096, 64, 16)
ENTRY = {
    "type": "bfloat16", "rows": 64, "width": 16, "m": 4096, "groups": 64, "longest": 16,
    "block_m": 128, "warps": 4, "stages": 4, "splits": 1, "us": 50.5,
}  # fmt: skip


def found(us=50.5, tiling=(128, 4, 4, 1), **changes):
    return Winner(SHAPE._replace(**changes), tiling, us)


def test_what_is_written_is_read_and_the_later_one_is_kept(tmp_path):
    file = winners.path(GPU, tmp_path)
    assert file.name == "nvidia-h100-80gb-hbm3.json"
    winners.write(file, GPU, {"torch": "2"}, [found(), found(m=16)])
    winners.write(file, GPU, {"torch": "3"}, [found(us=40.0, tiling=(64, 4, 5, 2))])
    assert winners.winners(GPU, tmp_path) == (found(m=16), found(us=40.0, tiling=(64, 4, 5, 2)))
    assert json.loads(file.read_text())["versions"] == {"torch": "3"}
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, (128, 4, 4, 1)),
        ({"m": 8192}, (128, 4, 4, 1)),
        ({"m": 8193}, None),
        ({"longest": 7}, None),
        ({"groups": 40}, (128, 4, 4, 1)),
        ({"rows": 128}, None),
        ({"width": 8}, None),
        ({"type": "float16"}, None),
        ({"m": 32}, (16, 4, 4, 8)),  # nearer to 16 than to 4096
        ({"m": 16, "longest": 9}, (16, 4, 4, 8)),
    ],
)
def test_close_shapes_take_a_winner(tmp_path, changes, expected):
    small = found(m=16, longest=16, tiling=(16, 4, 4, 8))
    winners.write(winners.path(GPU, tmp_path), GPU, {}, [small, found()])
    assert winners.nearest(GPU, SHAPE._replace(**changes), tmp_path) == expected


def test_the_closest_wins_and_no_part_is_empty(tmp_path):
    far, near = found(m=16, longest=4, tiling=(16, 4, 2, 4)), found(m=32, longest=2)
    winners.write(winners.path(GPU, tmp_path), GPU, {}, [far, near])
    shape = SHAPE._replace(m=32)
    assert winners.nearest(GPU, shape._replace(longest=2), tmp_path) == (128, 4, 4, 1)
    assert winners.nearest(GPU, shape._replace(m=16, longest=2), tmp_path) == (16, 4, 2, 2)


def test_a_gpu_without_a_file_has_none(tmp_path):
    assert winners.nearest("NVIDIA L4", SHAPE, tmp_path) is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"block_m": 96}, "block_m to be one of 16, 32, 64, 128, 256"),
        ({"warps": 4.0}, "a whole number warps"),
        ({"rows": True}, "a whole number rows"),
        ({"m": 0}, "a whole number m"),
        ({"splits": None}, "a whole number splits"),
        ({"type": "int8"}, "a type of float16"),
        ({"us": 0}, "microseconds"),
        ({"block_m": 256, "rows": 128, "stages": 8}, "bytes of shared memory"),
    ],
)
def test_entries_that_no_kernel_takes_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        winners.parse({"gpu": GPU, "tilings": [ENTRY, {**ENTRY, **change}]}, GPU, "file")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "expected the tilings of NVIDIA"),
        ({"gpu": "NVIDIA L4", "tilings": []}, "expected the tilings of NVIDIA H100"),
        ({"gpu": GPU, "tilings": {}}, "a list of tilings"),
        ({"gpu": GPU, "tilings": [7]}, "an object in tiling 0"),
    ],
)
def test_other_files_are_refused(content, message):
    with pytest.raises(ValueError, match=message):
        winners.parse(content, GPU, "file")


def test_damaged_files_are_refused(tmp_path):
    winners.path("broken", tmp_path).write_bytes(b"\xff{")
    with pytest.raises(ValueError, match=r"broken\.json: expected JSON"):
        winners.winners("broken", tmp_path)


def test_every_file_that_is_shipped_is_read():
    for file in winners.FOLDER.glob("*.json"):
        gpu = json.loads(file.read_text(encoding="utf-8"))["gpu"]
        assert winners.path(gpu) == file
        assert winners.winners(gpu)


def test_the_tiling_of_a_product_is_looked_up_on_its_gpu(monkeypatch):
    pytest.importorskip("triton")
    from sparseprune.kernels import tiling

    packed = pack(torch.ones(128, 256, dtype=torch.bfloat16))
    assert tiling.shape(64, packed, tensor_cores=True) == Shape("bfloat16", 64, 16, 64, 2, 4)
    single = pack(torch.ones(128, 256))
    assert tiling.shape(64, single, tensor_cores=True).type == "tf32"
    assert tiling.shape(64, single, tensor_cores=False).type == "float32"
    arithmetic = tiling.tiling(64, packed, tensor_cores=True)
    assert tiling.chosen(64, packed, tensor_cores=True) == arithmetic

    class OnGpu:
        """The packed weight, as if it were on a GPU."""

        device = torch.device("cuda")
        dtype, shape = packed.values.dtype, packed.values.shape

    asked = []
    on_gpu = tiling.GroupedWeight(**{**vars(packed), "values": OnGpu()})
    facts = {"name": GPU, "multi_processor_count": 132, "major": 9}
    facts |= {f"shared_memory_per_{of}": 2**17 for of in ("block_optin", "multiprocessor")}
    properties = type("Properties", (), facts)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: properties)
    monkeypatch.setattr(
        tiling, "nearest", lambda *question: asked.append(question) or (64, 8, 3, 2)
    )
    assert tiling.chosen(64, on_gpu, tensor_cores=True) == tiling.Tiling(64, 8, 3, 2)
    assert asked == [(GPU, Shape("bfloat16", 64, 16, 64, 2, 4))]
    monkeypatch.setattr(tiling, "nearest", lambda *question: None)
    assert tiling.chosen(64, on_gpu, tensor_cores=True) == arithmetic
