"""torch, eager and dense: the faster of its two memory layouts."""

import copy
import time

import torch
from cases import Floats
from torch.fx.experimental import optimization

from peers import Job, Peer


def dense(job: Job) -> Peer:
    """BatchNorm is folded into the convolutions, as it is in the ONNX files."""
    torch.set_num_threads(job.threads)
    twin = optimization.fuse(copy.deepcopy(job.twin).eval())
    layouts = {"contiguous": torch.contiguous_format}
    if job.batch.ndim == 4:
        layouts["channels_last"] = torch.channels_last
    tried = {name: _peer(job, twin, name, layout) for name, layout in layouts.items()}
    return min(tried.values(), key=_seconds)


def _peer(job: Job, twin: torch.nn.Module, name: str, layout: torch.memory_format) -> Peer:
    model = copy.deepcopy(twin).to(memory_format=layout)
    batch = torch.from_numpy(job.batch).contiguous(memory_format=layout)

    def call() -> Floats:
        with torch.inference_mode():
            return model(batch).numpy()  # type: ignore[no-any-return]

    isa = torch.backends.cpu.get_cpu_capability()
    facts = {"version": torch.__version__, "precision": "f32", "layout": name, "isa": isa}
    return Peer(call, facts)


def _seconds(peer: Peer) -> float:
    """The fastest of three calls."""
    found = []
    for _ in range(3):
        start = time.perf_counter()
        peer.call()
        found.append(time.perf_counter() - start)
    return min(found)
