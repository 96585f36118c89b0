"""Each packed form against float64, in the interpreter, and as a module."""

import copy
import importlib

import pytest
import torch

from sparseprune.accelerator.fits import Fit
from sparseprune.accelerator.layer import Layer

pytest.importorskip("triton")
packed = importlib.import_module("sparseprune.accelerator.packed")
DTYPES = (torch.float32, torch.float16, torch.bfloat16)


def linear(dtype=torch.float32, **options):
    """40 x 64, rows of two kinds taking turns: each reads its own half of the inputs."""
    torch.manual_seed(0)
    weight = torch.randn(40, 64)
    weight[::2, :32] = 0
    weight[1::2, 32:] = 0
    return Layer("linear", weight, torch.randn(40), **options).to(torch.device("cpu"), dtype)


def conv(dtype=torch.float32, channels=16, **options):
    torch.manual_seed(0)
    weight = torch.randn(32, channels, 3, 3)
    weight[:16, :8] = 0
    weight[16:, 8:, 0] = 0
    settings = {"stride": (2, 1), "padding": (1, 0), "dilation": (1, 2), **options}
    return Layer("conv", weight, torch.randn(32), **settings).to(torch.device("cpu"), dtype)


def width(dtype):
    """Inputs of 16 bytes."""
    return 16 // dtype.itemsize


def assert_right(call, module, x, residual=None):
    layer = module.layer
    y = call(module.form, x, residual)
    exact = layer.exact(x, residual)
    assert y.shape == exact.shape
    assert y.dtype == x.dtype
    # Two roundings to the type, which the interpreter cuts off in bfloat16; sums in float32.
    limit = 2 * torch.finfo(x.dtype).eps * exact.abs().max() + 1e-5
    assert ((y.double() - exact).abs() <= limit).all()


class Made:
    def __init__(self, form, layer):
        self.form, self.layer = form, layer


def made(form, layer, *arguments):
    return Made(form(layer, *arguments), layer)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("fit", ["whole", "permuted", "dense"])
@pytest.mark.parametrize("kind", ["linear", "conv"])
def test_grouped_layers(call, kind, fit, dtype):
    layer = linear(dtype, activation="relu", residual=True)
    x, form = torch.randn(2, 3, 64), packed.Grouped
    if kind == "conv":
        layer = conv(dtype, activation="relu", residual=True)
        x, form = torch.randn(2, 16, 7, 8), packed.GroupedConv
    blocks = Fit(16, width(dtype), permuted=fit == "permuted", dense=fit == "dense")
    x = x.to(dtype)
    residual = torch.randn(layer.product(x.float(), layer.weight.float(), None).shape).to(dtype)
    module = made(form, layer, blocks)
    assert_right(call, module, x, residual)
    if kind == "linear":
        # Rows of one kind that lie apart need their order changed, else nothing is left out.
        assert (module.form._weight().density < 0.7) == (fit == "permuted")


def test_channels_need_not_be_whole_pieces(call):
    layer = conv(channels=11, activation="silu")
    assert_right(call, made(packed.GroupedConv, layer, Fit(16, 8)), torch.randn(1, 11, 6, 6))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("residual", [False, True])
def test_feature_major_layers(call, residual, dtype):
    layer = linear(dtype, activation="hardswish", residual=residual)
    x = torch.randn(3, 7, 64).to(dtype)
    added = torch.randn(3, 7, 40).to(dtype) if residual else None
    module = made(packed.FeatureMajor, layer, Fit(16, 1, permuted=True))
    assert_right(call, module, x, added)
    assert call(module.form, x, added).is_contiguous()


def test_feature_major_layers_take_no_tokens(call):
    module = made(packed.FeatureMajor, linear(), Fit(16, 1))
    assert call(module.form, torch.randn(3, 0, 64), None).shape == (3, 0, 40)


@pytest.mark.parametrize("tokens", [1, 4, 5])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_segments_take_any_number_of_tokens(call, dtype, tokens):
    layer = linear(dtype, activation="gelu", residual=True)
    module = made(packed.Segments, layer, 64, 32)
    x = torch.randn(tokens, 64).to(dtype)
    assert_right(call, module, x, torch.randn(tokens, 40).to(dtype))


FORMS = {
    "grouped": lambda: made(packed.Grouped, linear(), Fit(16, 8, permuted=True)),
    "conv": lambda: made(packed.GroupedConv, conv(), Fit(16, 8)),
    "feature-major": lambda: made(packed.FeatureMajor, linear(), Fit(16, 1)),
    "segments": lambda: made(packed.Segments, linear(), 64, 32),
}


@pytest.mark.parametrize("name", FORMS)
def test_weights_are_buffers(call, name):
    """What is loaded is what is computed with, and all of it moves."""
    module = FORMS[name]()
    x = torch.randn(2, 16, 6, 6) if name == "conv" else torch.randn(2, 64)
    state = {key: value.clone() for key, value in module.form.state_dict().items()}
    other = copy.deepcopy(module.form)
    for value in other.state_dict().values():
        value.zero_()
    other.load_state_dict(state)
    assert_right(call, Made(other, module.layer), x)
    assert not list(module.form.parameters())
    moved = module.form.to("meta")
    held = [*vars(moved).values(), *moved.buffers()]
    assert all(value.device.type == "meta" for value in held if torch.is_tensor(value))
