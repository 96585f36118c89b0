"""torch, eager and dense: the faster of its two memory layouts."""

import copy
import time
import warnings

import torch
from cases import Floats
from torch import nn

from peers import Job, Peer


def dense(job: Job) -> Peer:
    """BatchNorm is folded into the convolutions, as it is in the ONNX files."""
    torch.set_num_threads(job.threads)
    twin = _folded(job.twin)
    layouts = {"contiguous": torch.contiguous_format}
    if job.batch.ndim == 4:
        layouts["channels_last"] = torch.channels_last
    tried = {name: _peer(job, twin, name, layout) for name, layout in layouts.items()}
    return min(tried.values(), key=_seconds)


def _peer(job: Job, twin: nn.Module, name: str, layout: torch.memory_format) -> Peer:
    model = copy.deepcopy(twin).to(memory_format=layout)
    batch = torch.from_numpy(job.batch).contiguous(memory_format=layout)

    def call() -> Floats:
        with torch.inference_mode():
            return model(batch).numpy()

    isa = torch.backends.cpu.get_cpu_capability()
    facts = {"version": torch.__version__, "precision": "f32", "layout": name, "isa": isa}
    return Peer(call, facts)


def _folded(model: nn.Module) -> nn.Module:
    with warnings.catch_warnings():
        # Its import uses a part of torch that torch has deprecated.
        warnings.simplefilter("ignore", DeprecationWarning)
        from torch.fx.experimental import optimization
    folded: nn.Module = optimization.fuse(model)
    return folded


def _seconds(peer: Peer) -> float:
    """The fastest of three calls."""
    found = []
    for _ in range(3):
        start = time.perf_counter()
        peer.call()
        found.append(time.perf_counter() - start)
    return min(found)
