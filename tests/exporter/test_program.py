"""Programs of torch.export, whatever goes in and comes out."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from sparseprune import exporter
from sparseprune.errors import InputError


class Tokens(nn.Module):
    """Ids and a scale in; a vector for each token, and its norm, out."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(50, 32)
        self.layer = nn.Linear(32, 48)

    def forward(self, ids, scale):
        vectors = self.layer(self.table(ids)) * scale[:, None, None]
        return {"vectors": vectors, "norms": vectors.norm(dim=-1)}


@pytest.fixture(scope="module")
def program():
    torch.manual_seed(0)
    model = Tokens().eval()
    with torch.no_grad():
        model.layer.weight[torch.rand_like(model.layer.weight) < 0.9] = 0
    batch = torch.export.Dim("batch")
    inputs = torch.randint(0, 50, (2, 7)), torch.rand(2)
    shapes = {"ids": {0: batch}, "scale": {0: batch}}
    return torch.export.export(model, inputs, dynamic_shapes=shapes, strict=False)


def test_several_inputs_and_outputs(program, tmp_path):
    path = tmp_path / "net.onnx"
    record = exporter.export(program, path, form="compact", tune=0)
    assert record["max_abs"] <= record["bound"]
    proto = onnx.load(path)
    assert [node.op_type for node in proto.graph.node if node.domain] == ["SparseLinear"]
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    ids, scale = torch.randint(0, 50, (5, 7)), torch.rand(5)
    names = [port.name for port in session.get_inputs()]
    found = session.run(None, dict(zip(names, (ids.numpy(), scale.numpy()), strict=True)))
    expected = program.module()(ids, scale)
    for value, name in zip(found, ("vectors", "norms"), strict=True):
        np.testing.assert_allclose(value, expected[name].detach().numpy(), rtol=1e-4, atol=1e-5)


def test_inputs_that_do_not_run_are_explained(program, tmp_path):
    wrong = [np.full((4, 7), 1000), np.ones(4, np.float32)]
    with pytest.raises(
        InputError, match="the program cannot run on its inputs: index out of range"
    ):
        exporter.export(program, tmp_path / "net.onnx", example_inputs=wrong, tune=0)


def test_what_is_no_network_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"expected a torch module, a torch\.export program or"):
        exporter.export(42, tmp_path / "net.onnx")


class Attention(nn.Module):
    """With a learned bias for each pair of positions, as T5 and Swin have."""

    def __init__(self, masked):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(32, 32) for _ in range(4))
        self.bias = nn.Parameter(torch.randn(1, 4, 5, 5))
        self.masked = masked

    def forward(self, x, mask):
        query, key, value, last = self.layers
        parts = (part(x).view(-1, 5, 4, 8).transpose(1, 2) for part in (query, key, value))
        bias = self.bias + mask[:, None, None, :] if self.masked else self.bias
        rows = nn.functional.scaled_dot_product_attention(*parts, attn_mask=bias)
        return last(rows.transpose(1, 2).reshape(-1, 5, 32))


@pytest.mark.parametrize("masked", [True, False])
def test_attention_with_a_learned_bias(masked, tmp_path):
    inputs = torch.randn(2, 5, 32), torch.zeros(2, 5)
    program = torch.export.export(Attention(masked).eval(), inputs)
    before = str(program.graph)
    record = exporter.export(program, tmp_path / "net.onnx", tune=0)
    assert record["max_abs"] <= record["bound"]
    assert str(program.graph) == before


class Bessel(nn.Module):
    def forward(self, x):
        return torch.special.bessel_j0(x)


def test_an_operator_without_counterpart_is_named(tmp_path):
    program = torch.export.export(Bessel(), (torch.randn(2, 3),))
    with pytest.raises(InputError, match=r"no ONNX counterpart: .*bessel_j0.*dynamo=False"):
        exporter.export(program, tmp_path / "net.onnx", tune=0)
