"""Where a case runs: device and versions, memory that no cache holds, seeded tensors."""

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

from sparseprune import environment
from sparseprune.errors import InputError
from sparseprune.records import Row

Item = TypeVar("Item")

# Copies together take so many times the L2 cache: it then keeps none until its turn comes.
BEYOND_CACHE = 3
# A layer so small that more would be needed reads its weight in no time anyway.
MOST_COPIES = 512


@dataclass(frozen=True)
class Place:
    """A GPU with so many bytes of L2 cache and of shared memory a block, or the interpreter."""

    device: torch.device
    cache: int
    shared: int

    @property
    def dry(self) -> bool:
        return self.device.type != "cuda"

    def few(self, choices: Sequence[Item]) -> Sequence[Item]:
        """All of them, or in a dry run one: the interpreter takes a second for a few."""
        return choices[:1] if self.dry else choices

    def copies(self, size: int) -> int:
        """Of something of ``size`` bytes; two in a dry run, so that taking turns is tried."""
        if self.dry:
            return 2
        return min(MOST_COPIES, max(1, math.ceil(BEYOND_CACHE * self.cache / size)))

    def rotated(self, item: Item, size: int) -> list[Item]:
        """``item`` and copies of it and of all its tensors."""
        return [item, *(copy.deepcopy(item) for _ in range(self.copies(size) - 1))]

    def random(self, *shape: int, seed: int, scale: float = 1, dtype=torch.bfloat16) -> Tensor:
        """Normal numbers, the same on every device."""
        generator = torch.Generator().manual_seed(seed)
        numbers = torch.randn(shape, generator=generator) * scale
        return numbers.to(self.device, dtype)


def here(*, dry: bool) -> Place:
    """The current GPU, or the interpreter's.

    Raises:
        InputError: there is no GPU to measure on.
    """
    if dry:
        return Place(torch.device("cpu"), cache=0, shared=227 * 1024)
    if not torch.cuda.is_available():
        raise InputError(
            f"expected a CUDA device to measure on, got {environment.gpu()}; "
            "run with --dry to try everything in Triton's interpreter, without times"
        )
    properties = torch.cuda.get_device_properties(0)
    cache, shared = properties.L2_cache_size, properties.shared_memory_per_block_optin
    return Place(torch.device("cuda", 0), cache, shared)


def facts(place: Place) -> Row:
    """Device and versions, as the first row of a file has them."""
    libraries = {"cuda": torch.version.cuda, "cudnn": None, "cusparselt": None}
    if place.dry:
        return {"gpu": "interpreter", "versions": {**environment.versions(), **libraries}}
    libraries["cudnn"] = str(torch.backends.cudnn.version())
    libraries["cusparselt"] = str(torch.backends.cusparselt.version())
    properties = torch.cuda.get_device_properties(place.device)
    return {
        "gpu": properties.name,
        "capability": f"{properties.major}.{properties.minor}",
        "multiprocessors": properties.multi_processor_count,
        "cache_bytes": place.cache,
        "memory_mib": properties.total_memory // 2**20,
        "versions": {**environment.versions(), **libraries},
    }
