"""Loading networks from checkpoints, which may hold anything."""

import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch

from sparseprune import models
from sparseprune.errors import InputError

ROOT = Path(models.__file__).parents[2]
SECTION = {"name": "resnet8", "options": {"width": 4}, "input_shape": [1, 12, 12], "classes": 3}


@dataclass
class Stored:
    model: dict[str, Any]
    state: dict[str, torch.Tensor]
    meta: dict[str, Any] = field(default_factory=dict)


def small(**changes: Any) -> Stored:
    """A checkpoint of a narrow resnet8, with some of its model section changed."""
    model = models.build("resnet8", input_shape=(1, 12, 12), classes=3, width=4)
    return Stored({**SECTION, **changes}, dict(model.state_dict()))


def test_load_gives_the_same_network_and_its_own_tensors():
    stored = small()
    model = models.load(stored)
    assert not model.training
    assert all(torch.equal(model.state_dict()[key], stored.state[key]) for key in stored.state)
    before = stored.state["fc.bias"].clone()
    with torch.no_grad():
        model.get_parameter("fc.bias").add_(1)
    assert torch.equal(stored.state["fc.bias"], before)
    assert model.get_parameter("fc.bias").requires_grad


def test_sizes_named_in_a_file_allocate_nothing():
    huge = small(options={"width": 65536})
    with pytest.raises(InputError, match=r"conv1.weight: expected shape \(65536, 1, 3, 3\)"):
        models.load(huge)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"classes": 4}, r"fc.weight: expected shape \(4, 16\), got \(3, 16\); give the"),
        ({"name": "resnet20"}, r"layer1.1.conv1.weight: expected shape .* found no such tensor"),
        ({"name": "nothing"}, "unknown model 'nothing'"),
        ({"options": {"deep": 1}}, "no option 'deep'"),
        ({"options": [1]}, r"expected 'options' in its model section, got \[1\]; write"),
        ({"name": ["resnet8"]}, "expected 'name' in its model section"),
        ({"input_shape": 28}, "expected 'input_shape' in its model section, got 28"),
    ],
)
def test_a_checkpoint_of_another_network_is_refused(changes, message):
    with pytest.raises(InputError, match=message):
        models.load(small(**changes))


def test_an_extra_tensor_is_refused():
    stored = small()
    stored.state["extra"] = torch.zeros(2)
    with pytest.raises(
        InputError, match=r"extra: the model has no such tensor, found shape \(2,\)"
    ):
        models.load(stored)


def test_numbers_of_another_type_are_refused():
    stored = small()
    stored.state["fc.bias"] = stored.state["fc.bias"].half()
    with pytest.raises(InputError, match=r"fc.bias: expected torch.float32, got torch.float16"):
        models.load(stored)


def test_an_incomplete_model_section_is_refused():
    stored = small()
    del stored.model["classes"]
    with pytest.raises(InputError, match="expected 'classes' in its model section, got None"):
        models.load(stored)


def test_slim_layers_that_do_not_fit_each_other_are_refused():
    stored = small()
    stored.meta["form"] = "slim"
    stored.state["fc.weight"] = stored.state["fc.weight"][:, :-1]
    with pytest.raises(InputError, match=r"expected slim layers that fit each other, got: .* slim"):
        models.load(stored)


def test_loading_does_not_import_the_compiler():
    """It takes seconds, and every verb that reads a checkpoint would pay them."""
    program = """if True:
        import sys, torch
        from types import SimpleNamespace
        from sparseprune import models
        shape = {"input_shape": (1, 8, 8), "classes": 2}
        state = models.build("resnet8", **shape).state_dict()
        section = {"name": "resnet8", **shape}
        models.load(SimpleNamespace(model=section, state=state, meta={"form": "slim"}))
        assert "torch._dynamo" not in sys.modules
    """
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)
