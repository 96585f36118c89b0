"""Our kernels as contestants of a layer."""

from collections.abc import Iterator
from functools import partial

from gpu.contest import Attempt, Entry, Prepared
from gpu.layers import Conv, Linear
from gpu.patterns import Pattern, balanced, segments, tilings
from gpu.place import Place
from sparseprune.kernels.grouped_conv import grouped_conv
from sparseprune.kernels.grouped_conv_weight import pack_conv, to_matrix
from sparseprune.kernels.grouped_linear import grouped_linear
from sparseprune.kernels.grouped_weight import GroupedWeight, pack
from sparseprune.kernels.segment_gemv import segment_gemv
from sparseprune.kernels.segment_weight import pack_segments
from sparseprune.kernels.tiling import Tiling, shape
from sparseprune.records import Row

SEGMENT = 256
SPLITS = (0, 2)  # 0: by arithmetic


def grouped(layer: Linear, pattern: Pattern, percent: int, place: Place) -> Entry:
    """``grouped_linear`` in one pattern, with the fastest of the tilings."""
    return Entry(
        pattern.name, f"{percent}", partial(_grouped, layer, pattern, percent, place), ours=True
    )


def _grouped(layer: Linear, pattern: Pattern, percent: int, place: Place) -> Prepared:
    mask = balanced(layer.weight, pattern, percent)
    pruned = layer.weight * mask
    weight = pack(pruned, mask, rows=pattern.rows, width=pattern.width)
    work = layer.work(int(mask.sum()), _bytes(weight))
    copies = place.rotated(weight, _bytes(weight))

    def attempts() -> Iterator[Attempt]:
        for tiling in tilings(layer.tokens, weight, place):
            call = partial(grouped_linear, bias=layer.bias, activation=layer.activation)
            calls = [partial(call, layer.x, one, tiling=tiling) for one in copies]
            yield Attempt(calls, described(layer.tokens, weight, tiling), work=work)

    return Prepared(layer.expected(pruned), attempts())


def segmented(layer: Linear, percent: int, place: Place) -> Entry:
    """``segment_gemv``, which keeps as many weights of each segment as ``percent`` leaves."""
    kept = SEGMENT * (100 - percent) // 100
    prepare = partial(_segmented, layer, kept, place)
    return Entry(f"segments {kept}:{SEGMENT}", f"{percent}", prepare, ours=True)


def _segmented(layer: Linear, kept: int, place: Place) -> Prepared:
    mask = segments(layer.weight, SEGMENT, kept)
    pruned = layer.weight * mask
    weight = pack_segments(pruned, mask, segment=SEGMENT)
    size = weight.values.nbytes + weight.indices.nbytes
    work = layer.work(int(mask.sum()), size)
    copies = place.rotated(weight, size)

    def attempts() -> Iterator[Attempt]:
        for splits in SPLITS:
            call = partial(segment_gemv, bias=layer.bias, activation=layer.activation)
            calls = [partial(call, layer.x, one, splits=splits) for one in copies]
            yield Attempt(calls, {"splits": splits}, work=work)

    return Prepared(layer.expected(pruned), attempts())


def convolved(layer: Conv, pattern: Pattern, percent: int, place: Place, *, halo: bool) -> Entry:
    """``grouped_conv``; with a halo the layer before has written the padding into memory."""
    name = pattern.name + (" halo" if halo else "")
    prepare = partial(_convolved, layer, pattern, percent, place, halo)
    return Entry(name, f"{percent}", prepare, ours=True)


def _convolved(layer: Conv, pattern: Pattern, percent: int, place: Place, halo: bool) -> Prepared:
    mask = balanced(to_matrix(layer.weight, pattern.width), pattern, percent)
    taps = mask.unflatten(1, (*layer.weight.shape[2:], -1)).permute(0, 3, 1, 2)
    pruned = layer.weight * taps
    weight = pack_conv(pruned, taps, rows=pattern.rows, width=pattern.width)
    work = layer.work(int(mask.sum()), _bytes(weight.matrix))
    copies = place.rotated(weight, _bytes(weight.matrix))
    edge = layer.padding if halo else 0
    x = layer.surrounded(edge)

    def attempts() -> Iterator[Attempt]:
        for tiling in tilings(layer.pixels, weight.matrix, place):
            call = partial(
                grouped_conv, stride=layer.stride, padding=layer.padding, halo=edge,
                bias=layer.bias, activation="relu", tiling=tiling,
            )  # fmt: skip
            calls = [partial(call, x, one) for one in copies]
            yield Attempt(calls, described(layer.pixels, weight.matrix, tiling), work=work)

    return Prepared(layer.expected(pruned), attempts())


def described(m: int, weight: GroupedWeight, tiling: Tiling) -> Row:
    """What ``kernels/configs`` needs to know of a time."""
    product = shape(m, weight, tensor_cores=True)
    return {"product": product._asdict(), "tiling": tiling._asdict()}


def _bytes(weight: GroupedWeight) -> int:
    return weight.values.nbytes + weight.pieces.nbytes
