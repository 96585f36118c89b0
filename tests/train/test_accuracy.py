import torch
from torch import nn

from sparseprune import train


def test_accuracy_counts_exactly_and_does_not_depend_on_the_batch():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    images, labels = torch.randn(48, 1, 8, 8), torch.arange(48) % 3
    with torch.no_grad():
        correct = int((model(images).argmax(1) == labels).sum())
    for batch in (1, 7, 48, 500):
        assert train.accuracy(model, images, labels, batch) == correct / 48
