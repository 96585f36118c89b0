"""Which ways there are to compute a layer; what may be tried is not yet right or fast."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from torch import Tensor, nn

from sparseprune.accelerator import fits
from sparseprune.accelerator.dense import Dense, LibraryFused, SemiStructured, is_semi_structured
from sparseprune.accelerator.layer import Layer
from sparseprune.errors import how_to_install

# Tokens that the kernel for few takes (``sparseprune.kernels.segment_gemv``).
FEW_TOKENS = 4
# Sparse forms tried of each kind: a try compiles kernels, which takes seconds.
_FORMS = 2
BASELINE = "dense"


class Candidate(NamedTuple):
    """A way to compute a layer: its name, and what builds the module."""

    name: str
    build: Callable[[], nn.Module]


def baseline(layer: Layer) -> Candidate:
    """What all others are held against: torch, images channels last."""
    return Candidate(BASELINE, partial(Dense, layer))


def candidates(layer: Layer, x: Tensor, *, tf32: bool) -> tuple[list[Candidate], dict[str, str]]:
    """The other ways to compute ``layer`` on inputs like ``x``.

    Returns:
        Those to try, and the ones that cannot be, each with the reason.
    """
    found, refused = list(_libraries(layer)), dict[str, str]()
    if layer.groups > 1:
        refused["sparse"] = f"the convolution has {layer.groups} groups"
        return found, refused
    try:
        from sparseprune.accelerator import packed  # noqa: F401
    except ImportError as error:
        missing = f"needs {error.name}, {how_to_install(error.name)}"
        return found, refused | dict.fromkeys(("fused dense", "sparse"), missing)
    found += _grouped(layer, fits.dense_fit(layer), "fused dense", tf32)
    sparse = fits.fits(layer)[:_FORMS]
    for fit in sparse:
        found += _grouped(layer, fit, f"sparse {fit.words}", tf32)
    if not sparse:
        refused["sparse"] = _unfit(layer)
    if not layer.is_conv:
        found += _linear(layer, x, tf32)
        if not is_semi_structured(layer.weight):
            refused["2:4"] = "needs 16-bit weights, two of every four of them zero"
    return found, refused


def _libraries(layer: Layer) -> Iterator[Candidate]:
    if layer.activation == "relu":
        if layer.is_conv:
            yield Candidate("cudnn fused", partial(LibraryFused, layer))
        elif layer.bias is not None and not layer.residual:
            yield Candidate("cublas fused", partial(LibraryFused, layer))
    if not layer.is_conv and is_semi_structured(layer.weight):
        yield Candidate("2:4", partial(SemiStructured, layer))


def _grouped(layer: Layer, fit: fits.Fit, name: str, tf32: bool) -> Iterator[Candidate]:
    from sparseprune.accelerator import packed

    form = packed.GroupedConv if layer.is_conv else packed.Grouped
    yield Candidate(name, partial(form, layer, fit, tf32=tf32))


def _linear(layer: Layer, x: Tensor, tf32: bool) -> Iterator[Candidate]:
    """Forms that only linear layers have."""
    from sparseprune.accelerator import packed

    if layer.positions(x) > FEW_TOKENS:
        for fit in fits.fits(layer, single=True)[:_FORMS]:
            name = f"feature-major {fit.words}"
            yield Candidate(name, partial(packed.FeatureMajor, layer, fit, tf32=tf32))
        return
    segment, count, stored = fits.segments(layer.weight)
    if stored <= fits.DENSEST:
        name = f"segments {count}:{segment}"
        yield Candidate(name, partial(packed.Segments, layer, segment, count))


def _unfit(layer: Layer) -> str:
    """Why no blocks of this layer are worth a try, and what would be."""
    best = fits.closest(layer)
    width = 32 // layer.weight.itemsize
    return (
        f"whole blocks of {best.words} keep {best.density:.0%}; prune blocks of 64 outputs x "
        f"{width} inputs to at most {fits.DENSEST:.0%}"
    )
