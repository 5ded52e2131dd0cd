"""How good channels and their mixing are on the data they were learned from, before any filter.

The columns of a frame hold all its pixels, counted, so J is exact for hard masks; for soft ones,
whose pixels are drawn, it is an estimate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from spectrack.fusion.train_columns import FrameColumns, collate
from spectrack.spectral.mixing.learned import LearnedMixing
from spectrack.spectral.mixing.settings import MixingSettings


@dataclass(frozen=True)
class FusionScores:
    """Mean J over the frames of a video, then over videos, in [0, 1].

    Attributes:
        channels: Of each channel by itself; where it has no mask it counts as empty.
        mean: Of the plain mean of the channels that are there.
        mixing: Of the learned mixing.
    """

    channels: tuple[float, ...]
    mean: float
    mixing: float


def fusion_scores(mixing: MixingSettings, videos: Sequence[Sequence[FrameColumns]]) -> FusionScores:
    """J of each channel, of their mean and of the learned mixing; soft masks are cut at one half.

    Args:
        mixing: What was learned.
        videos: The columns of every frame of every video.
    """
    per_video = [
        np.mean([_frame(frame, soft) for frame, soft in _mixed(mixing, video)], axis=0)
        for video in videos
    ]
    *channels, mean, mixed = (float(j) for j in np.mean(per_video, axis=0))
    return FusionScores(tuple(channels), mean, mixed)


def _mixed(
    mixing: MixingSettings, video: Sequence[FrameColumns]
) -> list[tuple[FrameColumns, NDArray[np.float32]]]:
    """Each frame with the mixing's answer for its columns, (K,)."""
    batch, model = collate(video), LearnedMixing(mixing)
    with torch.no_grad():
        soft_n = model.of_columns(
            batch.columns_nc.to(torch.float32) / 255,
            batch.frame_n,
            batch.agreement_tc,
            batch.present_tc,
            batch.scale_t,
        ).numpy()
    ends = np.cumsum([len(frame.count_k) for frame in video])
    return list(zip(video, np.split(soft_n, ends[:-1]), strict=True))


def _frame(frame: FrameColumns, soft_k: NDArray[np.float32]) -> list[float]:
    """J of each channel, of the mean, and of the mixing."""
    present = max(int(frame.present_c.sum()), 1)
    values_kc = frame.columns_kc / np.float32(255)
    mean_k = values_kc[:, frame.present_c].sum(axis=1) / present
    hard_kn = np.column_stack([values_kc >= 0.5, mean_k >= 0.5, soft_k >= 0.5])
    inter_n = frame.truth_k @ hard_kn
    union_n = frame.count_k @ hard_kn + frame.truth_k.sum() - inter_n
    return [float(i / u) if u > 0 else 1.0 for i, u in zip(inter_n, union_n, strict=True)]
