"""A whole network by our kernels, in a process whose Triton interprets."""

import torch
from torch import nn

from sparseprune.accelerator.build import Judge, build
from sparseprune.accelerator.roofline import Ceilings
from sparseprune.accelerator.timing import Round


class Clock:
    """Anything of ours beats dense, the sparser the better."""

    ORDER = ("segments", "feature-major", "sparse", "fused", "chosen", "dense")

    def prepare(self, calls):
        calls[0]()
        return Round(lambda: None, len(calls))

    def race(self, rounds):
        return {name: 1.0 + self.ORDER.index(name.split()[0]) for name in rounds}


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.bn = nn.Conv2d(8, 16, 3, padding=1), nn.BatchNorm2d(16)
        self.conv2 = nn.Conv2d(16, 16, 1)
        self.fc1, self.fc2 = nn.Linear(16, 32), nn.Linear(32, 32)
        self.fc3 = nn.Linear(32, 5)

    def forward(self, x):
        y = torch.relu(self.bn(self.conv1(x)))
        y = torch.relu(self.conv2(y) + y).flatten(2).transpose(1, 2)
        return self.fc3(torch.sigmoid(self.fc2(self.fc1(y)).mean(1)))


torch.manual_seed(0)
model = Net().eval()
with torch.no_grad():
    model.conv2.weight[:, 8:] = 0
    model.fc1.weight[:, ::2] = 0
    model.fc3.weight[:, 16:] = 0
x = torch.randn(2, 8, 3, 4)
expected = {"conv1": "fused dense", "conv2": "sparse 16x8", "fc1": "feature-major 32x1"}
expected |= {"fc2": "fused dense", "fc3": "segments"}
judge = Judge(Clock(), Ceilings(1e12, 1e12, 1e-6))
network = build(model, x, torch.device("cpu"), torch.float32, judge)
chosen = {row["layer"]: row["choice"] for row in network.explain().rows}
assert all(chosen[name].startswith(choice) for name, choice in expected.items()), chosen
with torch.no_grad():
    exact = model.double()(x.double())
apart = (network(x).double() - exact).abs().max()
assert apart <= 1e-5 * exact.abs().max(), apart
# Other batches than the one it was made for.
assert torch.allclose(network(x[:1]).double(), exact[:1], atol=1e-5)
