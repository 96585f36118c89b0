"""The kernel of grouped-vector products: convolutions over NHWC, and linear layers as 1x1 ones.

One program computes BM output pixels of one group of V output channels. It walks the group's steps:
gathers the pieces of x that the step lists, streams the step's [V, BK] weights, and multiplies the
two as dense tiles. Dropped blocks are neither read nor multiplied.
"""

import triton
import triton.language as tl

from .epilogue import pixel, store, store_part
from .walk import own_tile

# What differs from layer to layer: constants say already how much may be copied or stored at once,
# so one kernel serves all sizes, of which a network has dozens; a compilation takes seconds. Of PQ
# and Q it matters that a linear layer's are one: nothing is divided then.
SIZES = (
    *("groups", "chunk", "steps", "M", "N", "x_first", "x_b", "x_p", "x_q", "tap_h", "tap_w"),
    *("H", "W", "top", "left", "stride_h", "stride_w", "dilation_h", "dilation_w"),
    *("y_b", "y_p", "y_q", "r_b", "r_p", "r_q"),
)


@triton.jit(do_not_specialize=SIZES, do_not_specialize_on_alignment=("PQ", "Q"))
def grouped_kernel(
    x_ptr, values_ptr, places_ptr, first_ptr, order_ptr, permutation_ptr, bias_ptr, residual_ptr,
    y_ptr, groups, chunk, steps, M, N, PQ, Q, x_first, x_b, x_p, x_q, tap_h, tap_w, H, W, top, left,
    stride_h, stride_w, dilation_h, dilation_w, y_b, y_p, y_q, y_n, r_b, r_p, r_q,
    BM: tl.constexpr, V: tl.constexpr, BK: tl.constexpr, KC: tl.constexpr, X_UNIT: tl.constexpr,
    TAPS_W: tl.constexpr, TAPS: tl.constexpr,
    MASKED: tl.constexpr, WIDE: tl.constexpr, UPCAST: tl.constexpr, PRECISION: tl.constexpr,
    STAGES: tl.constexpr, PARTIAL: tl.constexpr,
    UNIT: tl.constexpr, HALO: tl.constexpr, ACTIVATION: tl.constexpr,
):  # fmt: skip
    """sum_{s, c} x[m, place of c in s] values[s, v, c]: s the steps of a group, c their BK columns.

    The first tap of the first pixel lies at x_first, which padding puts outside of x; from there,
    pixels of y are x_b, x_p and x_q apart in x, and the taps of each tap_h and tap_w, all in X_UNIT
    elements. A place is the tap's row << 26 | column << 20 | first channel / KC, or the last alone
    if there is one tap only. values [S, V, BK], places [S + 1, BK / KC], first [G + 1], order [G].
    ``PARTIAL`` programs do one part of the steps each: float32 sums in y [parts, M, G V].
    """
    SLOTS: tl.constexpr = BK // KC
    block, group, start, end = own_tile(
        tl.cdiv(M, BM), groups, chunk, steps, first_ptr, order_ptr, PARTIAL
    )  # fmt: skip
    if WIDE:
        block = block.to(tl.int64)
    m, v, c = block * BM + tl.arange(0, BM), tl.arange(0, V), tl.arange(0, BK)
    # Rows beyond M read row 0 instead of carrying a mask through the loop; they are never stored.
    row = tl.where(m < M, m, 0)
    image, p, q = pixel(row, PQ, Q)
    x_rows = x_ptr + (x_first + image * x_b + p * x_p + q * x_q) * X_UNIT  # [BM]
    inside = c  # not looked at without masks
    if MASKED:
        inside = taps_inside(
            p * stride_h - top, q * stride_w - left, H, W, dilation_h, dilation_w, TAPS_W, TAPS,
        )  # fmt: skip
    w_ptrs = values_ptr + start.to(tl.int64) * (V * BK) + v[None, :] * BK + c[:, None]  # [BK, V]
    # The index is read one step ahead: copying x then waits for no load of its own step, which is
    # what lets the compiler keep several steps in flight. Two ahead, it keeps none.
    place_ptrs = places_ptr + start * SLOTS + c // KC  # [BK]
    place = tl.load(place_ptrs)
    acc = tl.zeros((BM, V), dtype=tl.float32)
    for _ in tl.range(start, end, num_stages=STAGES):
        x = gather(
            x_rows, place, c, inside, tap_h, tap_w,
            KC, X_UNIT, TAPS_W, TAPS, MASKED, WIDE,
        )  # fmt: skip
        values = tl.load(w_ptrs)
        place_ptrs += SLOTS
        place = tl.load(place_ptrs)
        if UPCAST:
            x, values = x.to(tl.float32), values.to(tl.float32)
        acc = tl.dot(x, values, acc, input_precision=PRECISION)
        w_ptrs += V * BK
    n = group * V
    if PARTIAL:
        store_part(acc, m, n + v, tl.program_id(1), y_ptr, M, groups * V, WIDE)
    else:
        store(
            acc, m, n, permutation_ptr, bias_ptr, residual_ptr, y_ptr, M, N, PQ, Q,
            y_b, y_p, y_q, y_n, r_b, r_p, r_q, UNIT, HALO, ACTIVATION,
        )  # fmt: skip


@triton.jit
def gather(
    x_rows, place, c, inside, tap_h, tap_w,
    KC: tl.constexpr, X_UNIT: tl.constexpr, TAPS_W: tl.constexpr, TAPS: tl.constexpr,
    MASKED: tl.constexpr, WIDE: tl.constexpr,
):  # fmt: skip
    """The tile [BM, BK] of x that a step multiplies, zero where its tap lies outside of x."""
    # KC neighbours share a place, so the compiler can copy runs of KC inputs, 16 bytes at once.
    if TAPS == 1:
        offset = place * KC + c % KC  # [BK]
    else:
        down, right = place >> 26, (place >> 20) & 63
        tap = down * TAPS_W + right
        if WIDE:
            down, right = down.to(tl.int64), right.to(tl.int64)
        offset = (down * tap_h + right * tap_w) * X_UNIT + (place & 0xFFFFF) * KC + c % KC
    x_ptrs = x_rows[:, None] + offset[None, :]
    if MASKED and TAPS == 1:
        x = tl.load(x_ptrs, mask=(inside != 0)[:, None], other=0.0)
    elif MASKED:
        x = tl.load(x_ptrs, mask=((inside[:, None] >> tap[None, :]) & 1) != 0, other=0.0)
    else:
        x = tl.load(x_ptrs)
    return x


@triton.jit
def taps_inside(
    h0, w0, H, W, dilation_h, dilation_w, TAPS_W: tl.constexpr, TAPS: tl.constexpr
):  # fmt: skip
    """Bit t of [BM] int32 says that tap t of a pixel, whose first is (h0, w0), lies inside of x."""
    inside = tl.zeros(h0.shape, dtype=tl.int32)
    for t in tl.static_range(TAPS):
        h = h0 + t // TAPS_W * dilation_h
        w = w0 + t % TAPS_W * dilation_w
        hit = (h >= 0) & (h < H) & (w >= 0) & (w < W)
        inside |= hit.to(tl.int32) << t
    return inside
