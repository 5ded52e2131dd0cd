"""One fused step of the spectral filter in Triton: every map is read once and x written once.

Eq. 7 of the SFSeg++ paper for a tile of the picture and a run of frames (see ``tiles``). A Gaussian
along an axis of a tile is a product with a banded matrix, which is what a GPU does best; along time
it is a sum over the last filtered tiles, which stay in registers. Sums are float32 whatever is
stored.

The *form* of the affinity is known when a kernel is compiled: ``alpha`` above 0 for Taylor (Eq. 2),
else the ``weights`` of a cosine series, and no weights for no pairwise term.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def enter(
    v: tl.tensor, d: tl.tensor, alpha: tl.constexpr, weights: tl.constexpr, frequency: tl.constexpr
) -> tl.tensor:
    """The planes to be filtered, a tuple, from ``v = u . x`` and the feature."""
    planes = (v,)
    if alpha > 0:
        planes = (v, d * v, d * d * v)
    if len(weights) > 0:
        if weights[0] == 0:
            planes = ()
        for n in tl.static_range(1, len(weights)):
            angle = d * (n * frequency)
            planes = planes + (tl.cos(angle) * v, tl.sin(angle) * v)  # noqa: RUF005
    return planes


@triton.jit
def leave(
    planes: tl.tensor, u: tl.tensor, d: tl.tensor,
    alpha: tl.constexpr, weights: tl.constexpr, frequency: tl.constexpr,
) -> tl.tensor:  # fmt: skip
    """The raw result from the filtered planes, and ``u`` and the feature of the same pixels."""
    total = planes[0]
    if alpha > 0:
        total -= alpha * (d * (d * planes[0] - 2 * planes[1]) + planes[2])
    if len(weights) > 0:
        total *= weights[0]
        start: tl.constexpr = len(planes) - 2 * len(weights) + 2
        for n in tl.static_range(1, len(weights)):
            angle = d * (n * frequency)
            cosine, sine = planes[start + 2 * n - 2], planes[start + 2 * n - 1]
            total += weights[n] * (tl.cos(angle) * cosine + tl.sin(angle) * sine)
    return u * total


@triton.jit
def smooth_tile(
    tile: tl.tensor, band_y: tl.tensor, band_x: tl.tensor,
    reach_y: tl.constexpr, reach_x: tl.constexpr, precision: tl.constexpr,
) -> tl.tensor:  # fmt: skip
    """The Gaussian along both axes of a tile; what is nearer to its edge than that is not right."""
    if precision == "fp16":
        if reach_x > 0:
            tile = tl.dot(tile.to(tl.float16), band_x.to(tl.float16))
        if reach_y > 0:
            tile = tl.dot(band_y.to(tl.float16), tile.to(tl.float16))
    else:
        if reach_x > 0:
            tile = tl.dot(tile, band_x, input_precision=precision)
        if reach_y > 0:
            tile = tl.dot(band_y, tile, input_precision=precision)
    return tile


# Compiled once whatever the length of the video.
@triton.jit(do_not_specialize=["first", "last", "frames", "right"])
def step_kernel(
    stored: tl.tensor, unary: tl.tensor, feature: tl.tensor, target: tl.tensor, stats: tl.tensor,
    scale: tl.tensor, offset: tl.tensor, band_y: tl.tensor, band_x: tl.tensor,
    first: tl.tensor, last: tl.tensor, frames: tl.tensor, height: tl.tensor, width: tl.tensor,
    right: tl.tensor, gain: tl.tensor,
    taps: tl.constexpr, reach_y: tl.constexpr, reach_x: tl.constexpr,
    alpha: tl.constexpr, weights: tl.constexpr, frequency: tl.constexpr,
    sigmoid: tl.constexpr, rows: tl.constexpr, cols: tl.constexpr, run: tl.constexpr,
    precision: tl.constexpr,
) -> None:  # fmt: skip
    """Raw results of the frames ``first`` to ``last - 1``; grid (tiles, runs).

    Args:
        stored: x before its activation, (T, H, W).
        unary: S^p, (T, H, W).
        feature: The feature less a constant, (T, H, W); not read without a pairwise term.
        target: To fill, (T, H, W).
        stats: To fill, float32 (T, tiles, 3): minimum, maximum and sum of squares of each tile.
        scale: Of the activation, float32 (T,).
        offset: Of the activation, float32 (T,).
        band_y: Gaussian along the height as a matrix, float32 (rows, rows).
        band_x: The same along the width, float32 (cols, cols).
        first: First frame to filter.
        last: The one past the last.
        frames: T.
        height: H.
        width: W.
        right: Tiles across a frame.
        gain: Factor of x, and so of what is written.
        taps: Weights along time, from the middle one outwards.
        reach_y: Reach along the height.
        reach_x: Reach along the width.
        alpha: Sharpness of Taylor's affinity, 0 for another.
        weights: Of a cosine series, the constant first; empty for another affinity.
        frequency: Of a cosine series.
        sigmoid: Whether the activation ends with a sigmoid.
        rows: Rows of a tile with its rim, a power of two.
        cols: Columns of a tile with its rim, a power of two.
        run: Frames of a run.
        precision: Of the factors of the matrix products: ``fp16``, ``tf32``, ``tf32x3`` (about
            float32) or ``ieee``. Their sums are float32.
    """
    reach_t: tl.constexpr = len(taps) - 1
    pairwise: tl.constexpr = alpha > 0 or len(weights) > 0
    tile, part = tl.program_id(0), tl.program_id(1)
    tiles = tl.num_programs(0)
    r, c = tl.arange(0, rows), tl.arange(0, cols)
    y = (tile // right) * (rows - 2 * reach_y) + r - reach_y
    x = (tile % right) * (cols - 2 * reach_x) + c - reach_x
    at = y[:, None] * width + x[None, :]
    seen = ((y >= 0) & (y < height))[:, None] & ((x >= 0) & (x < width))[None, :]
    own_y = (r >= reach_y) & (r < rows - reach_y)
    own_x = (c >= reach_x) & (c < cols - reach_x)
    own = seen & own_y[:, None] & own_x[None, :]
    matrix_y = tl.load(band_y + r[:, None] * rows + r[None, :])
    matrix_x = tl.load(band_x + c[:, None] * cols + c[None, :])

    size = tl.zeros((), tl.int64) + height * width  # long videos have more than 2^31 values
    begin = first + part * run
    end = tl.minimum(begin + run, last)
    nothing = tl.zeros((rows, cols), tl.float32)
    ring = ()
    for _ in tl.static_range(2 * reach_t):
        ring = ring + (enter(nothing, nothing, alpha, weights, frequency),)  # noqa: RUF005
    for t in range(begin - reach_t, end + reach_t):
        inside = (t >= 0) & (t < frames)
        frame = t * size
        there = seen & inside
        value = tl.load(stored + frame + at, mask=there, other=0.0).to(tl.float32)
        value = value * tl.load(scale + t, mask=inside, other=0.0)
        value += tl.load(offset + t, mask=inside, other=0.0)
        if sigmoid:
            value = tl.sigmoid(value)
        # Outside u is 0, and so is all that enters the filter.
        value *= gain * tl.load(unary + frame + at, mask=there, other=0.0).to(tl.float32)
        d = nothing
        if pairwise:
            d = tl.load(feature + frame + at, mask=there, other=0.0).to(tl.float32)
        entered = enter(value, d, alpha, weights, frequency)
        new = ()
        for k in tl.static_range(len(entered)):
            plane = smooth_tile(entered[k], matrix_y, matrix_x, reach_y, reach_x, precision)
            new = new + (plane,)  # noqa: RUF005
        ring = ring + (new,)  # noqa: RUF005
        done = t - reach_t
        if done >= begin:
            sums = ()
            for k in tl.static_range(len(new)):
                total = ring[reach_t][k] * taps[0]
                for s in tl.static_range(1, len(taps)):
                    total += (ring[reach_t - s][k] + ring[reach_t + s][k]) * taps[s]
                sums = sums + (total,)  # noqa: RUF005
            frame = done * size
            u = tl.load(unary + frame + at, mask=own, other=0.0).to(tl.float32)
            d = nothing
            if pairwise:
                d = tl.load(feature + frame + at, mask=own, other=0.0).to(tl.float32)
            out = leave(sums, u, d, alpha, weights, frequency)
            tl.store(target + frame + at, out, mask=own)
            note = stats + (done * tiles + tile) * 3
            tl.store(note, tl.min(tl.where(own, out, float("inf"))))
            tl.store(note + 1, tl.max(tl.where(own, out, float("-inf"))))
            tl.store(note + 2, tl.sum(tl.where(own, out * out, 0.0)))
        ring = ring[1:]
