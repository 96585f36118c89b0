"""A training that runs in a process of its own: what the tests of resuming and workers start.

Arguments: the file for the result, and optionally the training state and the step to die at.
"""

import os
import signal
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from sparseprune import train
from sparseprune.recipe import Train

torch.set_num_threads(1)
SETTINGS = Train(
    epochs=3,
    batch_size=13,  # five batches of 65 pictures, cut unevenly by two workers
    lr=0.05,
    schedule="multi_step",
    milestones=[2],
    warmup_epochs=0.5,
    crop=2,
    flip=True,
    clip=2.0,
)


def net(dropout):
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(2, 6, 3, bias=False),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Conv2d(6, 6, 3, padding=1),
        nn.BatchNorm2d(6, momentum=None),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(6 * 36, 3),
    )


def main(result, state=None, stop=None):
    generator = torch.Generator().manual_seed(1)
    labels = torch.arange(65) % 3
    images = torch.randn(65, 2, 8, 8, generator=generator) + labels[:, None, None, None]
    resume = train.Resume(Path(state), steps=1) if state else None
    masks = {"0.weight": torch.rand(6, 2, 3, 3, generator=generator) < 0.7}

    def look(step, steps, loss):
        if stop is not None and step == int(stop):
            os.kill(os.getpid(), signal.SIGKILL)

    with train.workers.joined() as device:
        # Workers draw dropout of their own, which the comparison with one process must do without.
        several = train.workers.count() > 1 or "alone" in result
        model = net(0.0 if several else 0.2).to(device)
        losses = train.fit(
            model, images, labels, SETTINGS, seed=4, masks=masks, progress=look, resume=resume
        )
        if train.workers.rank() == 0:
            save_file(
                {**model.state_dict(), "losses": torch.tensor(losses, dtype=torch.float64)}, result
            )


if __name__ == "__main__":
    main(*sys.argv[1:])
