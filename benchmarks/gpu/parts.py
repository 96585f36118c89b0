"""The cases of each part, those with a goal first: what a budget cuts off is then the rest.

A dry run has one tiny case of each kind, which reaches every contestant.
"""

from collections.abc import Callable, Iterator

import torch
from networks import Network

from gpu import rivals
from gpu.contest import Case, Entry
from gpu.layers import Conv, Linear
from gpu.ours import SEGMENT, convolved, grouped, segmented
from gpu.patterns import Pattern
from gpu.place import Place
from gpu.whole import Half

PATTERNS = (Pattern(64, 16), Pattern(64, 64), Pattern(128, 16), Pattern(128, 64), Pattern(64, 8))
PERCENTS = (75, 90, 50)
# Inputs, outputs, side of the input, stride of each kind of 3x3 convolution in ResNet-50.
CONVS = (
    *((64, 64, 56, 1), (128, 128, 56, 2), (128, 128, 28, 1), (256, 256, 28, 2)),
    *((256, 256, 14, 1), (512, 512, 14, 2), (512, 512, 7, 1)),
)
BATCH = 32
# Zeros, and how many of the patterns are tried: all for the goal, the first for what the kernel
# itself costs beside cuDNN.
CONV_PERCENTS = ((75, len(PATTERNS)), (90, 2), (0, 1))
# Tokens, outputs, inputs.
LINEAR = ((4096, 4096, 4096), (4096, 11008, 4096), (256, 4096, 4096), (256, 11008, 4096))
DECODE = ((1, 4096, 4096), (1, 11008, 4096), (1, 4096, 11008), (4, 4096, 4096), (16, 4096, 4096))
MOST_SEGMENTED = 4
SEMI = ((4096, 4096, 4096), (256, 4096, 4096), (16, 4096, 4096), (3072, 3072, 10240))


def linear(place: Place) -> Iterator[Case]:
    """Many tokens."""
    for sizes in ((80, 128, 256),) if place.dry else LINEAR:
        yield _linear_case(Linear(place, *sizes), place)


def _linear_case(layer: Linear, place: Place) -> Case:
    def entries() -> list[Entry]:
        dense = [rivals.cublas(layer, place), rivals.cublas_fused(layer, place)]
        percents, patterns = (place.few(choices) for choices in (PERCENTS, PATTERNS))
        ours = [grouped(layer, p, percent, place) for percent in percents for p in patterns]
        blocks = [
            rivals.bsr(layer, percent, place, stages=stages)
            for percent in percents
            for stages in (None, 4)
        ]
        return [*dense, *ours, *blocks]

    return Case(f"linear-{layer.outputs}x{layer.inputs}-t{layer.tokens}", entries)


def conv(place: Place) -> Iterator[Case]:
    """The 3x3 convolutions of ResNet-50."""
    if place.dry:
        yield _conv_case(Conv(place, 3, 64, 128, 5, stride=2), place)
        return
    for inputs, outputs, side, stride in CONVS:
        yield _conv_case(Conv(place, BATCH, inputs, outputs, side, stride=stride), place)


def _conv_case(layer: Conv, place: Place) -> Case:
    def entries() -> list[Entry]:
        patterns = place.few(PATTERNS)
        fitting = [p for p in patterns if not (layer.outputs % p.rows or layer.inputs % p.width)]
        ours = [
            convolved(layer, pattern, percent, place, halo=halo)
            for percent, most in place.few(CONV_PERCENTS)
            for halo in (True, False)
            for pattern in fitting[:most]
        ]
        return [rivals.cudnn(layer, place), rivals.cudnn_fused(layer, place), *ours]

    return Case(layer.name, entries)


def decode(place: Place) -> Iterator[Case]:
    """One token, or a few."""
    for sizes in ((1, 128, 512),) if place.dry else DECODE:
        yield _decode_case(Linear(place, *sizes, activation="identity"), place)


def _decode_case(layer: Linear, place: Place) -> Case:
    def entries() -> list[Entry]:
        few = layer.tokens <= MOST_SEGMENTED and not layer.inputs % SEGMENT
        ours = [
            entry
            for percent in (90, 75)
            for entry in (
                *([segmented(layer, percent, place)] if few else []),
                *(grouped(layer, Pattern(64, width), percent, place) for width in (16, 64)),
            )
        ]
        blocks = [rivals.bsr(layer, percent, place) for percent in (90, 75)]
        vector = [rivals.cublas_vector(layer, place)] if layer.tokens == 1 else []
        return [rivals.cublas(layer, place), *vector, *ours, *blocks]

    return Case(f"decode-{layer.outputs}x{layer.inputs}-t{layer.tokens}", entries)


def semi(place: Place) -> Iterator[Case]:
    """2:4 sparsity as torch has it."""
    for sizes in ((16, 64, 64),) if place.dry else SEMI:
        for dtype in (torch.bfloat16, torch.float16):
            yield _semi_case(Linear(place, *sizes, "identity", dtype), place)


def _semi_case(layer: Linear, place: Place) -> Case:
    def entries() -> list[Entry]:
        libraries = ("cusparselt", "cutlass")
        sparse = [rivals.semi_structured(layer, library, place) for library in libraries]
        return [rivals.cublas(layer, place), *sparse]

    kind = str(layer.dtype).removeprefix("torch.")
    return Case(f"semi-{layer.outputs}x{layer.inputs}-t{layer.tokens}-{kind}", entries)


def network(place: Place) -> Iterator[Case]:
    """ResNet-50 slimmed to half its FLOPs."""
    if place.dry:
        yield Half(Network("resnet8-12", "resnet8", (3, 12, 12), 10), 3, place).case
        return
    yield Half(Network("resnet50-224", "resnet50", (3, 224, 224), 1000), BATCH, place).case


PARTS: dict[str, Callable[[Place], Iterator[Case]]] = {
    "linear": linear,
    "conv": conv,
    "decode": decode,
    "semi": semi,
    "network": network,
}
CEILINGS = "ceilings"
NAMES = (CEILINGS, *PARTS)
