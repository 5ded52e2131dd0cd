"""What mixing can be learned from, in little space: the columns of channel values of a frame.

Eq. 9 treats every pixel by itself, so pixels where all channels say the same may be counted
instead of kept. With masks that are hard, a frame of 400,000 pixels becomes a few hundred columns,
and the loss over them is exactly that over the frame. Soft or noisy channels have too many; then
pixels are drawn, stratified by truth and majority, with weights that keep the sums right on
average.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spectrack.spectral.mixing.learned import LearnedMixing
from spectrack.training.losses import focal, ratio

DRAWN = 4096
"""Pixels drawn from a frame whose channels are soft."""


@dataclass(frozen=True)
class FrameColumns:
    """One frame.

    Attributes:
        columns_kc: Values of the channels, uint8 (K, C), 255 for 1.
        count_k: Pixels that look like this, float32 (K,).
        truth_k: Of these, pixels of the target, float32 (K,).
        agreement_c: Smoothed agreement of each channel, float32 (C,).
        present_c: Whether a channel has a mask here, bool (C,).
        weight: Of the frame in the loss; its mean over the data is 1.
        scale: Size of the target, see :func:`spectrack.spectral.mixing.settings.size_scale`.
    """

    columns_kc: NDArray[np.uint8]
    count_k: NDArray[np.float32]
    truth_k: NDArray[np.float32]
    agreement_c: NDArray[np.float32]
    present_c: NDArray[np.bool_]
    weight: float = 1.0
    scale: float = 1.0


@dataclass(frozen=True)
class ColumnBatch:
    """Several frames, one after the other; the fields are those of :class:`FrameColumns`."""

    columns_nc: Tensor
    frame_n: Tensor
    count_n: Tensor
    truth_n: Tensor
    agreement_tc: Tensor
    present_tc: Tensor
    weight_t: Tensor
    scale_t: Tensor

    def to(self, device: torch.device | str) -> ColumnBatch:
        """The batch on another device."""
        return ColumnBatch(*(value.to(device) for value in vars(self).values()))


def frame_columns(
    bytes_chw: NDArray[np.uint8],
    present_c: NDArray[np.bool_],
    truth_hw: NDArray[np.bool_],
    seed: int = 0,
    drawn: int = DRAWN,
) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]]:
    """Columns of a frame, how often each occurs, and how often on the target.

    Args:
        bytes_chw: Channels, uint8 (C, H, W), 255 for 1.
        present_c: Which channels count; the others are read as 0.
        truth_hw: bool (H, W).
        seed: Of the draw, where one is needed.
        drawn: About how many pixels to draw.

    Returns:
        uint8 (K, C), float32 (K,) and float32 (K,).
    """
    channels = len(bytes_chw)
    flat_cn = np.where(present_c[:, None], bytes_chw.reshape(channels, -1), np.uint8(0))
    truth_n = truth_hw.ravel()
    binary = channels <= 63 and not (np.add(flat_cn, 1, dtype=np.uint8) > 1).any()
    if binary:
        keys_n = np.zeros(flat_cn.shape[1], dtype=np.int64)
        for c in range(channels):
            keys_n |= (flat_cn[c] != 0).astype(np.int64) << c
        # Most pixels are background to all: one column, no need to sort them.
        some_n = np.flatnonzero(keys_n)
        keys, inverse = np.unique(keys_n[some_n], return_inverse=True)
        count = np.bincount(inverse, minlength=len(keys)).astype(np.float32)
        inside = np.bincount(inverse, weights=truth_n[some_n], minlength=len(keys))
        rest = len(truth_n) - len(some_n)
        rest_inside = int(truth_n.sum()) - int(truth_n[some_n].sum())
        keys = np.append(keys, 0)
        columns = ((keys[:, None] >> np.arange(channels)) & 1).astype(np.uint8) * np.uint8(255)
        return (
            columns,
            np.append(count, np.float32(rest)),
            np.append(inside, rest_inside).astype(np.float32),
        )
    rng = np.random.default_rng(seed)
    majority_n = 2 * flat_cn.sum(axis=0, dtype=np.int32) >= 255 * max(int(present_c.sum()), 1)
    chosen, counts = [], []
    for target in (False, True):
        for inside_majority in (False, True):
            (stratum,) = np.nonzero((truth_n == target) & (majority_n == inside_majority))
            if len(stratum):
                picked = rng.choice(stratum, min(len(stratum), max(1, drawn // 4)), replace=False)
                chosen.append(picked)
                counts.append(np.full(len(picked), len(stratum) / len(picked), np.float32))
    index, count_k = np.concatenate(chosen), np.concatenate(counts)
    return np.ascontiguousarray(flat_cn[:, index].T), count_k, count_k * truth_n[index]


def collate(frames: Sequence[FrameColumns]) -> ColumnBatch:
    """One batch of several frames."""
    sizes = [len(frame.count_k) for frame in frames]
    return ColumnBatch(
        columns_nc=torch.from_numpy(np.concatenate([f.columns_kc for f in frames])),
        frame_n=torch.repeat_interleave(torch.arange(len(frames)), torch.tensor(sizes)),
        count_n=torch.from_numpy(np.concatenate([f.count_k for f in frames])),
        truth_n=torch.from_numpy(np.concatenate([f.truth_k for f in frames])),
        agreement_tc=torch.from_numpy(np.stack([f.agreement_c for f in frames])),
        present_tc=torch.from_numpy(np.stack([f.present_c for f in frames])),
        weight_t=torch.tensor([f.weight for f in frames], dtype=torch.float32),
        scale_t=torch.tensor([f.scale for f in frames], dtype=torch.float32),
    )


def column_loss(model: LearnedMixing, batch: ColumnBatch, gamma: float = 0.75) -> Tensor:
    """Focal-Dice (Eq. 12) of the mix, mean over frames; equal to the loss over whole frames.

    Args:
        model: The mixing.
        batch: Frames.
        gamma: Exponent of Eq. 12.
    """
    soft_n = model.of_columns(
        batch.columns_nc.to(torch.float32) / 255,
        batch.frame_n,
        batch.agreement_tc,
        batch.present_tc,
        batch.scale_t,
    )
    zeros_t = torch.zeros_like(batch.weight_t)
    inter_t = zeros_t.index_add(0, batch.frame_n, batch.truth_n * soft_n)
    soft_t = zeros_t.index_add(0, batch.frame_n, batch.count_n * soft_n)
    truth_t = zeros_t.index_add(0, batch.frame_n, batch.truth_n)
    dice_t = ratio(2 * inter_t, soft_t + truth_t)
    return (batch.weight_t * focal(1 - dice_t, gamma)).mean()
