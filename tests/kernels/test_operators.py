"""What holds for the operator of each kernel."""

import importlib
from pathlib import Path

import pytest
import torch

from sparseprune.kernels.grouped_conv_weight import pack_conv
from sparseprune.kernels.grouped_weight import pack
from sparseprune.kernels.segment_weight import pack_segments

pytest.importorskip("triton")
NAMES = ("grouped_linear", "grouped_conv", "grouped_feature_major", "segment_gemv")


def example(name, device="cpu"):
    """The function of an operator, with arguments it takes."""
    function = getattr(importlib.import_module(f"sparseprune.kernels.{name}"), name)
    if name == "grouped_conv":
        return function, torch.ones(1, 16, 3, 4, device=device), pack_conv(torch.ones(20, 16, 2, 2))
    if name == "segment_gemv":
        return function, torch.ones(2, 16, device=device), pack_segments(torch.ones(20, 16))
    width = 1 if name == "grouped_feature_major" else 16
    return function, torch.ones(16, 16, device=device), pack(torch.ones(20, 16), width=width)


def test_compilers_and_exporters_see_through(call):
    script = Path(__file__).with_name("seen_through.py").read_text()
    call(exec, script, {"__name__": "seen_through"})


@pytest.mark.parametrize("name", NAMES)
def test_shapes_are_known_without_running(name):
    """Also strides, which what follows is compiled for."""
    function, x, weight = example(name, "meta")
    y = function(x, weight.to("meta"))
    assert y.device.type == "meta"
    expected = {"grouped_conv": (1, 20, 2, 3), "grouped_feature_major": (20, 16)}
    expected |= {"grouped_linear": (16, 20), "segment_gemv": (2, 20)}
    assert y.shape == expected[name]
    channels = y.movedim(1, -1) if name == "grouped_conv" else y
    assert channels.is_contiguous()


@pytest.mark.parametrize("name", NAMES)
def test_cpu_tensors_are_sent_to_the_cpu_engine(name):
    if importlib.import_module("sparseprune.kernels.launch").INTERPRETED:
        pytest.skip("TRITON_INTERPRET is set, so CPU tensors are welcome")
    function, x, weight = example(name)
    expected = r"expected tensors on a CUDA device, got cpu; .* sparseprune's C\+\+ engine"
    with pytest.raises(ValueError, match=expected):
        function(x, weight)


@pytest.mark.parametrize("name", NAMES)
def test_types_agree(name):
    function, x, weight = example(name)
    message = r"expected weight to be torch.float16 on cpu like x, got torch.float32 on cpu; conv"
    with pytest.raises(ValueError, match=message):
        function(x.half(), weight)
    with pytest.raises(ValueError, match=r"expected bias to be .*float32 .* got torch.float64"):
        function(x, weight, torch.ones(20).double())


@pytest.mark.parametrize("name", NAMES)
def test_shape_of_bias(name):
    function, x, weight = example(name)
    with pytest.raises(ValueError, match=r"expected a bias of shape \[20\], got \(1,\)"):
        function(x, weight, torch.ones(1))


@pytest.mark.parametrize("name", NAMES)
def test_unknown_activations(name):
    function, x, weight = example(name)
    with pytest.raises(ValueError, match=r"expected activation to be one of identity, .* got tanh"):
        function(x, weight, activation="tanh")


@pytest.mark.parametrize("name", NAMES)
def test_gradients(name):
    function, x, weight = example(name)
    with pytest.raises(RuntimeError, match=r"no backward; call it under torch.inference_mode\(\)"):
        function(x.requires_grad_(), weight)


@pytest.mark.parametrize("name", ["grouped_linear", "grouped_conv", "segment_gemv"])
def test_shape_of_residual(name):
    function, x, weight = example(name)
    with pytest.raises(ValueError, match=r"expected a residual of shape \[.*\], got \(1,\)"):
        function(x, weight, residual=torch.ones(1))


def test_old_gpus_are_refused(monkeypatch):
    checks = importlib.import_module("sparseprune.kernels.checks")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 5))
    with pytest.raises(ValueError, match=r"compute capability 8\.0 or newer \(Ampere\), got 7\.5"):
        checks.check_device(torch.device("cuda"), interpreted=False)


def test_capable_gpus_are_accepted(monkeypatch):
    checks = importlib.import_module("sparseprune.kernels.checks")
    for capability in [(8, 0), (8, 9), (9, 0), (12, 0)]:
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _, c=capability: c)
        checks.check_device(torch.device("cuda"), interpreted=False)


def test_feature_major_weights_are_not_for_rows():
    function, x, _ = example("grouped_linear")
    with pytest.raises(ValueError, match="got a weight packed with width=1; give feature-major"):
        function(x, pack(torch.ones(20, 16), width=1))


@pytest.mark.parametrize(
    ("x", "options", "message"),
    [
        (torch.ones(1, 15, 3, 3), {}, r"x of shape \[B, 16, H, W\] .* got \(1, 15, 3, 3\)"),
        (torch.ones(16, 3, 3), {}, r"x of shape \[B, 16, H, W\] .* got \(16, 3, 3\)"),
        (torch.ones(1, 16, 1, 3), {}, r"images that the taps fit in, got \(1, 3\) with \[2, 2\]"),
        (torch.ones(1, 16, 3, 3), {"dilation": 3}, r"the taps fit in.* dilation \(3, 3\)"),
        (torch.ones(1, 16, 3, 3), {"stride": 0}, "positive strides and dilations"),
        (torch.ones(1, 16, 3, 3), {"out_halo": 4}, "an out_halo of 0 to 3, got .* and 4"),
    ],
)
def test_convolutions_that_are_none(x, options, message):
    function, _, weight = example("grouped_conv")
    with pytest.raises(ValueError, match=message):
        function(x, weight, **options)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (torch.ones(16, 16), r"shape \[filters, channels, height, width\] .* got \(16, 16\)"),
        (torch.ones(1, 1, 33, 1), r"at most 32 x 64 taps of 1048576 pieces, got 33 x 1 of 1"),
        (torch.eye(64).view(64, 64, 1, 1), r"64 rows x 16 inputs kept or dropped whole, got 4 of"),
    ],
)
def test_weights_that_are_refused(weight, message):
    with pytest.raises(ValueError, match=message):
        pack_conv(weight)
