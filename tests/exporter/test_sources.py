"""What other tools pruned is read with their zeros, and nothing of it is executed."""

import pickle

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn.utils import parametrize, prune

from sparseprune import models
from sparseprune.errors import InputError
from sparseprune.exporter import sources

SHAPE = (1, 16, 16)
OPTIONS = {"width": 4, "classes": 5}


def make() -> nn.Module:
    torch.manual_seed(0)
    return models.build("vgg8", input_shape=SHAPE, **OPTIONS).eval()


def holes(weight: torch.Tensor) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return (torch.rand(weight.shape, generator=generator) > 0.7).float()


@pytest.fixture
def pruned():
    """The network with 70 % of every convolution zero: what every convention has to give."""
    model = make()
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.Conv2d):
                module.weight.mul_(holes(module.weight))
    return model


def convolutions(model):
    return {name: m for name, m in model.named_modules() if isinstance(m, nn.Conv2d)}


def torch_prune():
    model = make()
    for module in convolutions(model).values():
        prune.custom_from_mask(module, "weight", holes(module.weight))
    return model.state_dict()


class Mask(nn.Module):
    def __init__(self, mask):
        super().__init__()
        self.register_buffer("mask", mask)

    def forward(self, weight):
        return weight * self.mask


def torch_parametrize():
    model = make()
    for module in convolutions(model).values():
        parametrize.register_parametrization(module, "weight", Mask(holes(module.weight)))
    return model.state_dict()


def renamed(names):
    """The dense state with every tensor of a convolution kept as ``names`` says."""
    model = make()
    layers = convolutions(model)
    state = {}
    for name, tensor in model.state_dict().items():
        layer, _, key = name.rpartition(".")
        if layer in layers:
            for form in names(key):
                stored = holes(tensor) if form == "weight_mask" else tensor
                stored = holes(tensor) if form.endswith(".weight_mask") else stored
                state[f"{layer}.{form}"] = stored
        else:
            state[name] = tensor
    return state


def nni_1():
    forms = {"weight": ["module.weight", "weight_mask"], "bias": ["module.bias"]}
    return renamed(forms.__getitem__)


def nni_2():
    forms = {"weight": ["weight", "module.weight", "weight_mask"], "bias": ["module.bias"]}
    state = renamed(forms.__getitem__)
    # What the wrapped module holds is stale there: the wrapper's own tensor is trained.
    return {n: t * 0 + 7 if n.endswith("module.weight") else t for n, t in state.items()}


def nni_3():
    inside = ["weight", "_nni_wrapper.weight", "_nni_wrapper.weight_mask"]
    return renamed({"weight": inside, "bias": ["bias"]}.__getitem__)


@pytest.mark.parametrize(
    ("make_state", "convention"),
    [
        (torch_prune, "torch.nn.utils.prune"),
        (torch_parametrize, "torch.nn.utils.parametrize"),
        (nni_1, "NNI"),
        (nni_2, "NNI"),
        (nni_3, "NNI 3"),
    ],
    ids=["prune", "parametrize", "nni1", "nni2", "nni3"],
)
def test_masks_become_zeros(make_state, convention, pruned, tmp_path):
    path = tmp_path / "model.pt"
    torch.save({"state_dict": make_state(), "epoch": 3}, path)
    source = sources.load(path, "vgg8", {"width": 4}, SHAPE)
    assert source.provenance["found"] == [convention]
    assert_same(source, pruned)


def assert_same(source, pruned):
    found = source.module.state_dict()
    for name, tensor in pruned.state_dict().items():
        assert torch.equal(found[name], tensor), name
    assert source.kind == "module"
    assert not source.module.training
    assert source.example.shape == (2, *SHAPE)
    share = source.provenance["sparsity"]
    assert set(share) == set(convolutions(pruned))
    assert all(0.5 < value < 0.9 for value in share.values())


@pytest.mark.parametrize("place", ["state_dict", "model", "model_state_dict", "net", None])
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "module._orig_mod."])
def test_plain_zeros_wherever_they_are_kept(place, prefix, pruned, tmp_path):
    state = {f"{prefix}{name}": tensor for name, tensor in pruned.state_dict().items()}
    path = tmp_path / "model.pth"
    torch.save(state if place is None else {place: state, "optimizer": {"lr": 0.1}}, path)
    source = sources.load(path, "vgg8", OPTIONS, SHAPE)
    assert source.provenance["found"] == ["plain zeros"]
    assert_same(source, pruned)


def test_a_sparseml_checkpoint_is_named(pruned, tmp_path):
    path = tmp_path / "checkpoint.pth"
    torch.save({"state_dict": pruned.state_dict(), "recipe": "modifiers: []", "epoch": -1}, path)
    source = sources.load(path, "vgg8", OPTIONS, SHAPE)
    assert source.provenance["found"] == ["SparseML recipe"]
    assert_same(source, pruned)


def test_safetensors_of_others(pruned, tmp_path):
    path = tmp_path / "model.safetensors"
    save_file(pruned.state_dict(), path)
    assert_same(sources.load(path, "vgg8", OPTIONS, SHAPE), pruned)


@pytest.mark.parametrize("form", ["nni", "ao", "plain"])
def test_masks_in_a_file_of_their_own(form, pruned, tmp_path):
    model = make()
    masks = {name: holes(m.weight) for name, m in convolutions(model).items()}
    document = {
        "nni": {
            n: {"weight": m, "bias": None, "_output_0": torch.ones(1, 2)} for n, m in masks.items()
        },
        "ao": {"state": {f"{n}.weight": {"mask": m} for n, m in masks.items()}, "groups": []},
        "plain": {f"{n}.weight": m for n, m in masks.items()},
    }[form]
    torch.save(model.state_dict(), tmp_path / "model.pt")
    torch.save(document, tmp_path / "masks.pt")
    source = sources.load(
        tmp_path / "model.pt", "vgg8", OPTIONS, SHAPE, masks=tmp_path / "masks.pt"
    )
    assert source.provenance["found"] == ["masks of masks.pt"]
    assert_same(source, pruned)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"features.0": {"weight": torch.ones(1)}}, "expected shape .* got .1."),
        ({"features.0": {"weight": torch.full((4, 1, 3, 3), 0.5)}}, "expected zeros and ones"),
        ({"nope": {"weight": torch.ones(1)}}, "mask 'nope.weight': expected the name"),
        ({"features.0": {"_output_0": torch.zeros(1)}}, "got one of an activation"),
        ({"features.0": {"weight": None}}, "found none"),
    ],
)
def test_masks_that_do_not_fit_are_refused(document, message, tmp_path):
    torch.save(make().state_dict(), tmp_path / "model.pt")
    torch.save(document, tmp_path / "masks.pt")
    with pytest.raises(InputError, match=message):
        sources.load(tmp_path / "model.pt", "vgg8", OPTIONS, SHAPE, masks=tmp_path / "masks.pt")


def test_half_precision_weights_are_widened(pruned, tmp_path):
    torch.save(pruned.half().state_dict(), tmp_path / "model.pt")
    source = sources.load(tmp_path / "model.pt", "vgg8", OPTIONS, SHAPE)
    assert source.module.features[0].weight.dtype == torch.float32
    assert torch.equal(source.module.features[0].weight, pruned.features[0].weight.float())


class Harmful:
    """Runs code when it is unpickled."""

    ran = False

    def __reduce__(self):
        return (setattr, (Harmful, "ran", True))


@pytest.mark.parametrize("content", [Harmful(), {"state_dict": {}, "extra": Harmful()}, make()])
def test_a_file_that_would_run_code_is_refused(content, tmp_path):
    path = tmp_path / "model.pt"
    torch.save(content, path)
    with pytest.raises(InputError, match=r"without running code.*torch.save\(model.state_dict"):
        sources.load(path, "vgg8", OPTIONS, SHAPE)
    path.write_bytes(pickle.dumps(content, protocol=2))
    with pytest.raises(InputError, match="without running code"):
        sources.load(path, "vgg8", OPTIONS, SHAPE)
    assert not Harmful.ran


@pytest.mark.parametrize(("name", "got"), [("net", "no ending"), ("net.tflite", "got .tflite")])
def test_an_unknown_ending_names_those_that_are_known(name, got, tmp_path):
    with pytest.raises(
        InputError, match=rf"ends in .onnx, in .pt2 .*.safetensors, .pt.* {got}; re"
    ):
        sources.load(tmp_path / name)
    with pytest.raises(InputError, match="because a checkpoint holds weights alone; give --arch"):
        sources.load(tmp_path / "net.pth")
    torch.save(make().state_dict(), tmp_path / name)
    assert sources.load(tmp_path / name, "vgg8", OPTIONS, SHAPE).kind == "module"


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_what_is_refused_is_said_in_few_words(tmp_path):
    path = tmp_path / "model.pt"
    found = {}
    for name, write in {
        "module": lambda: torch.save(make(), path),
        "program": lambda: torch.jit.save(torch.jit.script(nn.Linear(2, 2)), path),
        "damaged": lambda: path.write_bytes(b"junk" * 100),
    }.items():
        write()
        with pytest.raises(InputError) as caught:
            sources.load(path, "vgg8", OPTIONS, SHAPE)
        found[name] = str(caught.value)
    assert "but it holds an object of the class sparseprune.models." in found["module"]
    assert "but it is a TorchScript archive" in found["program"]
    assert "but torch says " in found["damaged"]
    assert not any("weights_only" in message or "globals" in message for message in found.values())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("classifier.bias"), "missing: classifier.bias"),
        (lambda s: s.update(extra=torch.ones(1)), "unexpected: extra"),
        (
            lambda s: s.update({"classifier.bias": torch.ones(7)}),
            r"of another shape: classifier.bias \[7\] instead of \[5\]",
        ),
        (
            lambda s: [s.pop(f"features.{k}.bias") for k in (0, 1, 3, 4)],
            "missing: features.0.bias, features.1.bias, features.3.bias and 1 more",
        ),
    ],
)
def test_weights_of_another_network_are_named(change, message, tmp_path):
    state = make().state_dict()
    change(state)
    torch.save(state, tmp_path / "model.pt")
    with pytest.raises(InputError, match=message):
        sources.load(tmp_path / "model.pt", "vgg8", OPTIONS, SHAPE)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"epoch": 3, "loss": 0.1}, "expected a state dict, itself or under one of.*epoch, loss"),
        ([1, 2], "expected a state dict, got list"),
        ({}, "expected a state dict"),
    ],
)
def test_files_without_weights_are_refused(document, message, tmp_path):
    torch.save(document, tmp_path / "model.pt")
    with pytest.raises(InputError, match=message):
        sources.load(tmp_path / "model.pt", "vgg8", OPTIONS, SHAPE)


def test_missing_and_damaged_files_are_refused(tmp_path):
    with pytest.raises(InputError, match="found none"):
        sources.load(tmp_path / "none.pt", "vgg8", OPTIONS, SHAPE)
    (tmp_path / "cut.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{}")
    with pytest.raises(InputError, match="expected a whole safetensors file"):
        sources.load(tmp_path / "cut.safetensors", "vgg8", OPTIONS, SHAPE)
    torch.save(make().state_dict(), tmp_path / "model.pt")
    with pytest.raises(InputError, match="expected the architecture"):
        sources.load(tmp_path / "model.pt")
    with pytest.raises(InputError, match="expected positive whole numbers"):
        sources.load(tmp_path / "model.pt", "vgg8", OPTIONS, (1, 0, 16))


def test_another_parametrization_is_refused(tmp_path):
    model = make()
    nn.utils.parametrizations.weight_norm(model.classifier)
    torch.save(model.state_dict(), tmp_path / "model.pt")
    with pytest.raises(InputError, match="expected a parametrization by a mask"):
        sources.load(tmp_path / "model.pt", "vgg8", OPTIONS, SHAPE)
