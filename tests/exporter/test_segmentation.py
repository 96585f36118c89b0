"""Networks that give each pixel a class, with and without an auxiliary head."""

import numpy as np
import onnx
import pytest
import torch
from torch import nn

import sparseprune as sp
from sparseprune.errors import InputError
from sparseprune.runtime import OnnxRunner, TorchRunner

torch.set_num_threads(1)


class Segmenter(nn.Module):
    """As torchvision's: a mapping, and a head that only helps to train."""

    def __init__(self, aux: bool, mapped: bool = True) -> None:
        super().__init__()
        self.body = nn.Conv2d(3, 8, 3, 2, padding=1)
        self.classifier = nn.Conv2d(8, 4, 1)
        self.aux_classifier = nn.Conv2d(8, 4, 1) if aux else None
        self.mapped = mapped

    def forward(self, x):
        y = torch.relu(self.body(x))
        out = nn.functional.interpolate(self.classifier(y), x.shape[-2:], mode="bilinear")
        if not self.mapped:
            return out
        found = {"out": out}
        if self.aux_classifier is not None:
            found["aux"] = self.aux_classifier(y)
        return found


def net(**kind):
    torch.manual_seed(0)
    return Segmenter(**kind).eval()


PICTURES = np.random.default_rng(0).normal(size=(5, 3, 24, 20)).astype(np.float32)


@pytest.mark.parametrize("kind", [{"aux": True}, {"aux": False}, {"aux": False, "mapped": False}])
def test_the_file_gives_the_main_logits_of_each_pixel(tmp_path, kind):
    model = net(**kind)
    with torch.no_grad():
        model.body.weight[::2] = 0
        if kind["aux"]:
            model.aux_classifier.weight[:2] = 0
        answer = model(torch.from_numpy(PICTURES))
    expected = answer["out"] if isinstance(answer, dict) else answer
    sp.export(model, tmp_path / "net.onnx", example_inputs=PICTURES)
    found = OnnxRunner(tmp_path / "net.onnx").predict(PICTURES)
    assert found.shape == (5, 4, 24, 20)
    # Two sums of 27 and 8 products below 5, in another order: 40 roundings of 6e-8 at most.
    for answer in (found, TorchRunner(model).predict(PICTURES)):
        np.testing.assert_allclose(answer, expected.numpy(), rtol=0, atol=40 * 5 * 2**-24)
    assert len(onnx.load(tmp_path / "net.onnx").graph.output) == 1
    # The model itself keeps its head.
    assert (model.aux_classifier is not None) == kind["aux"]


def test_other_answers_are_refused(tmp_path):
    class Several(Segmenter):
        def forward(self, x):
            return {"first": super().forward(x)["out"]}

    with pytest.raises(InputError, match=r"expected a model that returns logits .* got dict"):
        sp.export(Several(aux=False).eval(), tmp_path / "net.onnx", example_inputs=PICTURES)
