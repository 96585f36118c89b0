"""Data-parallel training: each worker takes its part of every batch, and sums are shared.

Under ``torchrun`` every process runs the same program with the same seed. All draw the same batch,
each descends on its part of it, and gradients, losses and BatchNorm statistics are added up, so
weights are those of one process but for the order of additions.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

import torch
from torch import distributed, nn

from sparseprune.errors import InputError

# The store is on this machine or the next; a worker that was interrupted ends in 5 seconds anyway.
_STORE_PATIENCE = timedelta(seconds=2)


def rank() -> int:
    """The number of this worker, from 0; 0 where there is only one."""
    return distributed.get_rank() if _several() else 0


def count() -> int:
    """How many workers share each batch."""
    return distributed.get_world_size() if _several() else 1


def device() -> torch.device:
    """What this process trains on: its GPU, or the CPU where there is none."""
    if torch.cuda.is_available():
        return torch.device("cuda", torch.cuda.current_device())
    return torch.device("cpu")


@contextmanager
def joined() -> Iterator[torch.device]:
    """Join the workers that ``torchrun`` started; yields the device of this one.

    GPUs talk through NCCL, CPUs through gloo. Without ``torchrun`` there is one worker, and
    nothing to join.
    """
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    found = device()
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield found
        return
    distributed.init_process_group("nccl" if found.type == "cuda" else "gloo")
    try:
        yield found
    finally:
        distributed.destroy_process_group()


def refuse(verb: str) -> None:
    """Say that a verb, which starts processes of its own, is not shared.

    Raises:
        InputError: there are several workers.
    """
    found = os.environ.get("WORLD_SIZE", "1")
    if int(found) > 1:
        raise InputError(
            f"expected one process, got WORLD_SIZE {found}: torchrun shares train and prune; call "
            f"{verb} without it, which works on all cores by itself"
        )


def first_to_fail() -> bool:
    """Whether this worker fails before all others: it reports for them.

    The store that ``torchrun`` keeps for its workers counts; without it the worker of rank 0 is
    the one.
    """
    here = os.environ
    if here.get("TORCHELASTIC_USE_AGENT_STORE") == "True":
        try:
            place = here["MASTER_ADDR"], int(here["MASTER_PORT"])
            store = distributed.TCPStore(*place, timeout=_STORE_PATIENCE)  # type: ignore[attr-defined]
            failed = f"sparseprune/failed/{here.get('TORCHELASTIC_RESTART_COUNT', '0')}"
            return bool(store.add(failed, 1) == 1)
        except (RuntimeError, KeyError, ValueError):  # torchrun itself has ended
            pass
    return here.get("RANK", "0") == "0"


def part(size: int) -> slice:
    """Which of ``size`` pictures are this worker's; parts differ by at most one picture."""
    each, rest = divmod(size, count())
    start = rank() * each + min(rank(), rest)
    return slice(start, start + each + (rank() < rest))


def add(tensors: Sequence[torch.Tensor]) -> None:
    """Replace each tensor by its sum over the workers, in one exchange a type."""
    if count() == 1:
        return
    for dtype in {tensor.dtype for tensor in tensors}:
        same = [tensor for tensor in tensors if tensor.dtype == dtype]
        flat = torch.cat([tensor.reshape(-1) for tensor in same])
        distributed.all_reduce(flat)
        totals = torch.split(flat, [it.numel() for it in same])
        for tensor, total in zip(same, totals, strict=True):
            tensor.copy_(total.reshape(tensor.shape))


def agree(model: nn.Module) -> None:
    """Give all workers the parameters and buffers of the first."""
    if count() > 1:
        for tensor in model.state_dict().values():
            whole = tensor.contiguous()
            distributed.broadcast(whole, 0)
            tensor.copy_(whole)


def wait() -> None:
    """Return when all workers are here."""
    if count() > 1:
        distributed.barrier()


def _several() -> bool:
    return distributed.is_available() and distributed.is_initialized()
