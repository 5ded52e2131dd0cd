"""The guided step in Triton: affinities once, then sweeps over several masks at once.

A program owns a block of active pixels. Weights lie tap by tap, so that what a block reads of them
is one piece; each is read once a sweep, whatever the number of masks.
"""

from __future__ import annotations

import triton
import triton.language as tl


# Compiled once whatever the number of active pixels.
@triton.jit(do_not_specialize=["count", "taps"])
def affinity_kernel(
    lab: tl.tensor, other: tl.tensor, here: tl.tensor, there: tl.tensor, trust: tl.tensor,
    sharpness: tl.tensor, offsets: tl.tensor, spatial: tl.tensor, out: tl.tensor,
    count: tl.tensor, taps: tl.tensor, block: tl.constexpr,
) -> None:  # fmt: skip
    """Weights of one group of taps, as bytes; see the loop of the same name for the CPU.

    Args:
        lab: Colours of this frame and the guide, float32 (padded pixels, 4).
        other: Colours of the frame the taps lie in.
        here: Padded index of each active pixel, int32 (n,).
        there: Padded index of its tap centre in the other frame, int32 (n,).
        trust: Factor in [0, 1] of each active pixel, float32 (n,).
        sharpness: alpha of each active pixel, float32 (n,).
        offsets: Index offset of each tap, int32 (k,).
        spatial: Weight of each tap in [0, 1], float32 (k,).
        out: Bytes to fill, uint8 (k, n).
        count: n.
        taps: k.
        block: Pixels of a program.
    """
    i = tl.program_id(0) * block + tl.arange(0, block)
    ok = i < count
    scale = 255.0 * tl.load(trust + i, mask=ok, other=0.0)
    quarter = 0.25 * tl.load(sharpness + i, mask=ok, other=0.0)
    p = tl.load(here + i, mask=ok, other=0) * 4
    c0 = tl.load(lab + p, mask=ok, other=0.0)
    c1 = tl.load(lab + p + 1, mask=ok, other=0.0)
    c2 = tl.load(lab + p + 2, mask=ok, other=0.0)
    c3 = tl.load(lab + p + 3, mask=ok, other=0.0)
    linked = ok & (scale >= 0.5)
    centre = tl.load(there + i, mask=ok, other=0)
    for k in range(taps):
        q = (centre + tl.load(offsets + k)) * 4
        d0 = tl.load(other + q, mask=linked, other=0.0) - c0
        d1 = tl.load(other + q + 1, mask=linked, other=0.0) - c1
        d2 = tl.load(other + q + 2, mask=linked, other=0.0) - c2
        d3 = tl.load(other + q + 3, mask=linked, other=0.0) - c3
        z = 1.0 + quarter * (d0 * d0 + d1 * d1 + d2 * d2) + d3 * d3
        z *= z
        weight = tl.where(linked, scale * tl.load(spatial + k) / (z * z) + 0.5, 0.0)
        tl.store(out + k * count + i, weight.to(tl.int32).to(tl.uint8), mask=ok)


@triton.jit
def gather_taps(
    sums: tl.tensor, total: tl.tensor, weights: tl.tensor, planes: tl.tensor, centre: tl.tensor,
    offsets: tl.tensor, taps: tl.tensor, count: tl.tensor, i: tl.tensor, ok: tl.tensor,
    size: tl.tensor,
) -> tl.tensor:  # fmt: skip
    """Add the taps of one frame to the sums of all masks, and their weights to ``total``."""
    for k in range(taps):
        w = tl.load(weights + k * count + i, mask=ok, other=0).to(tl.float32)
        at = planes + centre + tl.load(offsets + k)
        more = ()
        for m in tl.static_range(len(sums)):
            # What has no weight may lie anywhere.
            value = tl.load(at + m * size, mask=ok & (w > 0), other=0.0)
            more = more + (sums[m] + w * value,)  # noqa: RUF005
        sums = more
        total += w
    return sums, total


@triton.jit(do_not_specialize=["count", "own_taps", "side_taps"])
def sweep_kernel(
    own: tl.tensor, before: tl.tensor, after: tl.tensor, weights: tl.tensor,
    own_offsets: tl.tensor, side_offsets: tl.tensor,
    x_before: tl.tensor, x_own: tl.tensor, x_after: tl.tensor, out: tl.tensor,
    tau: tl.tensor, count: tl.tensor, size: tl.tensor, own_taps: tl.tensor, side_taps: tl.tensor,
    maps: tl.constexpr, ahead: tl.constexpr, clip: tl.constexpr, block: tl.constexpr,
) -> None:  # fmt: skip
    """One degree-normalised step on the active pixels of a frame: x + tau (mean of the taps - x).

    Args:
        own: Padded index of each active pixel, int32 (n,).
        before: Padded index of its tap centre in the previous frame, int32 (n,).
        after: The same in the next frame.
        weights: Bytes, own taps, then previous, then next; uint8 (k, n).
        own_offsets: Index offsets of the taps in the frame itself, int32.
        side_offsets: Index offsets of the taps in each neighbouring frame, int32.
        x_before: Soft planes of the previous frame, float32 (maps, padded pixels).
        x_own: Soft planes of this frame.
        x_after: Soft planes of the next frame.
        out: Planes to write the active pixels of.
        tau: Length of the step; 1 replaces each value by the mean.
        count: n.
        size: Padded pixels.
        own_taps: Taps in the frame itself.
        side_taps: Taps in each neighbouring frame.
        maps: Masks that go through together.
        ahead: Whether there are links to the next frame.
        clip: Whether to cut the result to [0, 1].
        block: Pixels of a program.
    """
    i = tl.program_id(0) * block + tl.arange(0, block)
    ok = i < count
    here = tl.load(own + i, mask=ok, other=0)
    there = tl.load(before + i, mask=ok, other=0)
    total = tl.zeros((block,), tl.float32)
    sums = ()
    for _ in tl.static_range(maps):
        sums = sums + (tl.zeros((block,), tl.float32),)  # noqa: RUF005
    sums, total = gather_taps(
        sums, total, weights, x_own, here, own_offsets, own_taps, count, i, ok, size
    )
    past = weights + own_taps * count
    sums, total = gather_taps(
        sums, total, past, x_before, there, side_offsets, side_taps, count, i, ok, size
    )
    if ahead:
        thence = tl.load(after + i, mask=ok, other=0)
        next_ = past + side_taps * count
        sums, total = gather_taps(
            sums, total, next_, x_after, thence, side_offsets, side_taps, count, i, ok, size
        )
    inverse = tl.where(total > 0, 1.0 / tl.maximum(total, 1.0), 0.0)
    for m in tl.static_range(maps):
        x = tl.load(x_own + m * size + here, mask=ok, other=0.0)
        x += tl.where(total > 0, tau * (sums[m] * inverse - x), 0.0)
        if clip:
            x = tl.minimum(tl.maximum(x, 0.0), 1.0)
        tl.store(out + m * size + here, x, mask=ok)
