"""Run in the interpreter's process: compilers and exporters see a network of all operators."""

import torch
from torch import nn

from sparseprune.kernels.grouped_conv import grouped_conv
from sparseprune.kernels.grouped_conv_weight import pack_conv
from sparseprune.kernels.grouped_feature_major import grouped_feature_major
from sparseprune.kernels.grouped_linear import grouped_linear
from sparseprune.kernels.grouped_weight import pack
from sparseprune.kernels.segment_gemv import segment_gemv
from sparseprune.kernels.segment_weight import pack_segments


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = pack_conv(torch.randn(16, 16, 3, 3), rows=16)
        self.linear = pack(torch.randn(20, 16), rows=16)
        self.features = pack(torch.randn(24, 20), rows=16, width=1)
        self.segments = pack_segments(torch.randn(5, 24))

    def forward(self, x):
        y = grouped_conv(x, self.conv, padding=1, out_halo=1, activation="relu").mean((2, 3))
        y = grouped_linear(y, self.linear, activation="silu")
        y = grouped_feature_major(y.T, self.features).T
        return segment_gemv(y, self.segments)


torch.manual_seed(0)
network, x = Network(), torch.randn(2, 16, 5, 5)
with torch.no_grad():
    expected = network(x)
    compiled = torch.compile(network, backend="aot_eager", fullgraph=True)
    assert torch.equal(compiled(x), expected)
    program = torch.export.export(network, (x,))
    assert torch.equal(program.module()(x), expected)
operators = {str(node.target) for node in program.graph.nodes if "sparseprune" in str(node.target)}
assert len(operators) == 4, operators
