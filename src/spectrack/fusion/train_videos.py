"""Videos for learning to fuse: what each method says, where the truth is, and short sub-videos."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spectrack.errors import InputError
from spectrack.flow.estimators import FlowEstimator
from spectrack.flow.local import flow_pair, quick_flow
from spectrack.fusion.train_columns import FrameColumns, frame_columns
from spectrack.spectral.guided.stream import GuidedSettings
from spectrack.spectral.guided.window import GuidedWindow
from spectrack.spectral.mixing.mixing import agreement, smooth_agreement
from spectrack.structures import FrameHWC, HardHW
from spectrack.threads import loops_on_one_thread

WINDOW = 5
"""Frames of a sub-video, as in the paper (section 5.1.6)."""


@dataclass(frozen=True)
class FusionVideo:
    """One video with the masks of all methods; everything is read when asked for.

    Args:
        name: Of the video.
        length: Frames.
        masks: Frame number to channels, uint8 (C, H, W) with 255 for 1, and which of them have a
            mask there, bool (C,).
        truth: Frame number to the true mask, bool (H, W), or None where there is none.
        frame: Frame number to uint8 RGB (H, W, 3), of any size; needed to learn through the filter
            only.
        sequence: Name of the sequence that the video shows an object of, where it has several.
    """

    name: str
    length: int
    masks: Callable[[int], tuple[NDArray[np.uint8], NDArray[np.bool_]]]
    truth: Callable[[int], HardHW | None]
    frame: Callable[[int], FrameHWC] | None = None
    sequence: str | None = None


@dataclass(frozen=True)
class SubVideo:
    """A few consecutive frames, shrunk, with the links of the filter.

    Attributes:
        channels_tchw: uint8 (T, C, H, W).
        agreement_tc: float32 (T, C).
        present_tc: bool (T, C).
        truth_thw: float32 (T, H, W) in [0, 1].
        window: The links; None for the paper's filter, which has none.
    """

    channels_tchw: Tensor
    agreement_tc: Tensor
    present_tc: Tensor
    truth_thw: Tensor
    window: GuidedWindow | None


def video_columns(
    video: FusionVideo, reach: int, seed: int = 0, ahead: int | None = None
) -> list[FrameColumns]:
    """The columns of every frame that has a truth, with weights that sum to 1.

    The first and the last frame are left out, as in the DAVIS rule, where the video has more.

    Args:
        video: Masks and truth; read once.
        reach: Frames on each side over which agreement is averaged.
        seed: Of the pixels drawn where channels are soft.
        ahead: Coming frames over which agreement is averaged; ``reach`` where left out.

    Raises:
        InputError: If a mask and the truth differ in size, or no frame has a truth.
    """
    agreements, found = [], {}
    for t in range(video.length):
        bytes_chw, present_c = video.masks(t)
        with loops_on_one_thread():
            agreements.append((agreement(bytes_chw, present_c), present_c))
        truth_hw = video.truth(t) if 0 < t < video.length - 1 or video.length < 3 else None
        if truth_hw is not None:
            if truth_hw.shape != bytes_chw.shape[1:]:
                raise InputError(
                    f"video {video.name} has masks of {bytes_chw.shape[2]}x{bytes_chw.shape[1]} "
                    f"and a truth of {truth_hw.shape[1]}x{truth_hw.shape[0]}; give one size"
                )
            found[t] = (frame_columns(bytes_chw, present_c, truth_hw, seed + t), present_c)
    if not found:
        raise InputError(f"video {video.name} has no true mask; give annotated videos to train on")
    return [
        FrameColumns(*columns, smoothed(agreements, t, reach, ahead), present_c, 1 / len(found))
        for t, (columns, present_c) in found.items()
    ]


def even_weights(videos: Sequence[Sequence[FrameColumns]]) -> list[FrameColumns]:
    """All frames of all videos, every video counting the same, mean weight 1."""
    frames = sum(map(len, videos))
    scale = frames / len(videos)
    return [replace(f, weight=f.weight * scale) for video in videos for f in video]


def smoothed(
    agreements: Sequence[tuple[NDArray[np.float64], NDArray[np.bool_]]],
    t: int,
    reach: int,
    ahead: int | None = None,
) -> NDArray[np.float32]:
    """Agreement of each channel around frame t, float32 (C,)."""
    around = agreements[max(0, t - reach) : t + (reach if ahead is None else ahead) + 1]
    present_c = agreements[t][1]
    return np.where(present_c, smooth_agreement(around), 0).astype(np.float32)


def sub_videos(
    video: FusionVideo,
    reach: int,
    count: int,
    height: int,
    guided: GuidedSettings | None,
    flow: FlowEstimator | None = None,
) -> list[SubVideo]:
    """Sub-videos spread evenly over a video.

    Args:
        video: Masks, truth and frames.
        reach: Frames on each side over which agreement is averaged.
        count: How many, fewer where the video is short.
        height: Frames are shrunk to this height, never enlarged.
        guided: The filter they will pass; None where they pass the paper's, without links.
        flow: Dense flow; :func:`spectrack.flow.local.quick_flow` by default.

    Raises:
        InputError: If the video has no frames to read or is shorter than a sub-video.
    """
    if video.frame is None or video.length < WINDOW:
        raise InputError(
            f"video {video.name} has {video.length} readable frames; "
            f"give frames, and at least {WINDOW} of them, to train through the filter"
        )
    starts = np.unique(np.linspace(0, video.length - WINDOW, count).round().astype(int))
    return [
        sub
        for start in starts
        if (sub := _sub_video(video, int(start), reach, height, guided, flow)) is not None
    ]


def _sub_video(
    video: FusionVideo,
    start: int,
    reach: int,
    height: int,
    guided: GuidedSettings | None,
    flow: FlowEstimator | None,
) -> SubVideo | None:
    """The sub-video that begins at a frame; None where one of its frames has no truth."""
    assert video.frame is not None
    times = range(start, start + WINDOW)
    truths = [truth for t in times if (truth := video.truth(t)) is not None]
    if len(truths) < WINDOW:
        return None
    first = max(0, start - reach)
    masks = [video.masks(t) for t in range(first, min(video.length, start + WINDOW + reach))]
    with loops_on_one_thread():
        agreements = [(agreement(*pair), pair[1]) for pair in masks]
    inside = masks[start - first : start - first + WINDOW]
    images = [video.frame(t) for t in times]
    rows = truths[0].shape[0]
    size_wh = _size(images[0], height)
    frames = [_shrunk(image, size_wh) for image in images]
    maps = [np.stack([_shrunk(c, size_wh) for c in bytes_chw]) for bytes_chw, _ in inside]
    truth_thw = np.stack([_shrunk(255 * truth.astype(np.uint8), size_wh) for truth in truths])
    agreement_tc = [smoothed(agreements, t - first, reach) for t in times]
    return SubVideo(
        channels_tchw=torch.from_numpy(np.stack(maps)),
        agreement_tc=torch.from_numpy(np.stack(agreement_tc)),
        present_tc=torch.from_numpy(np.stack([present_c for _, present_c in inside])),
        truth_thw=torch.from_numpy(truth_thw).to(torch.float32) / 255,
        window=None if guided is None else _window(frames, maps, guided, rows, flow),
    )


def _window(
    frames: list[FrameHWC],
    maps: list[NDArray[np.uint8]],
    guided: GuidedSettings,
    rows: int,
    flow: FlowEstimator | None,
) -> GuidedWindow:
    """Links at the size of the sub-video: the recipe's lengths are for masks of so many rows."""
    scale = frames[0].shape[0] / rows
    settings = replace(
        guided,
        step=max(1, round(guided.step * scale)),
        reach=max(1, round(guided.reach * scale)),
        flow_sigma=guided.flow_sigma * scale,
    )
    estimate = flow or quick_flow()
    pairs = [flow_pair(estimate, a, b) for a, b in pairwise(frames)]
    near_thw = np.stack([(m.mean(axis=0) >= 127.5).astype(np.float32) for m in maps])
    flows = [(pair.forward_hw2, pair.backward_hw2) for pair in pairs]
    return GuidedWindow(frames, near_thw, flows, settings)


def _size(image: FrameHWC, height: int) -> tuple[int, int]:
    scale = min(1.0, height / image.shape[0])
    return max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))


def _shrunk(image: NDArray[np.uint8], size_wh: tuple[int, int]) -> NDArray[np.uint8]:
    if (image.shape[1], image.shape[0]) == size_wh:
        return image
    small: NDArray[np.uint8] = np.asarray(
        cv2.resize(image, size_wh, interpolation=cv2.INTER_AREA), dtype=np.uint8
    )
    return small
