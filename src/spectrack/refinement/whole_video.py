"""The recipes that see the whole video at once: ``paper`` and ``published``.

They smooth masks with SFSeg (Algorithm 1) over the pairwise feature of the paper: how fast a pixel
moves. Memory grows with the length of the video, about 20 bytes a pixel of every frame.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from spectrack.errors import InputError
from spectrack.flow.estimators import DISFlow, FlowEstimator
from spectrack.spectral.sfseg.filter import PRESETS, sfseg
from spectrack.spectral.sfseg.settings import MIXED
from spectrack.storage import Progress
from spectrack.structures import Box, FrameHWC, Prediction, SoftHW
from spectrack.tracks import Track
from spectrack.video.given_masks import SoftMasks


def refine_whole(
    frames: Iterable[FrameHWC],
    masks: SoftMasks,
    preset: str = "published",
    progress: Progress | None = None,
    flow: FlowEstimator | None = None,
    fixed: Collection[int] = (),
) -> Track:
    """Smooth the masks of one object with SFSeg over the whole video.

    Args:
        frames: Frames of the video; their ``stems`` name the masks where they have any.
        masks: A mask for every frame; a frame without one takes the nearest earlier mask, or the
            nearest later one.
        preset: A key of ``spectrack.spectral.sfseg.filter.PRESETS``.
        progress: Called with the number of frames read and in all.
        flow: Dense flow; DIS by default.
        fixed: Numbers of the frames whose masks are known: they stay, and the others feel them.

    Returns:
        A hard mask a frame, cut at the preset's threshold; known ones cut at one half.

    Raises:
        InputError: If there is no frame or no mask at all, or a known one is missing.
    """
    settings = PRESETS[preset]
    check_fixed(fixed, masks)
    soft_thw = fill_missing([masks[i] for i in range(len(masks))])
    known = sorted(set(fixed))
    soft_thw[known] = soft_thw[known] >= 0.5
    feature_thw = motion_thw(frames, flow or DISFlow(), progress, len(soft_thw))
    if feature_thw.shape != soft_thw.shape:
        raise InputError(
            f"masks of shape {soft_thw.shape} were given for frames of shape {feature_thw.shape}; "
            "give one mask of the frame's size for every frame"
        )
    smooth_thw = sfseg(soft_thw, feature_thw, settings, fixed=known)
    return _cut(smooth_thw, settings.threshold, frames)


def filter_mixed(
    frames: Iterable[FrameHWC],
    masks: Sequence[SoftHW | None],
    pairwise: Sequence[SoftHW],
    progress: Progress | None = None,
) -> Track:
    """Eq. 10-11 of the SFSeg++ paper: the mixed maps S_m and F_m through SFSeg, no frame looked at.

    Args:
        frames: Frames of the video; their ``stems`` name the masks where they have any.
        masks: S_m of every frame; None is filled as in :func:`refine_whole`.
        pairwise: F_m of every frame.
        progress: Called with the number of frames finished and in all, at the end.

    Raises:
        InputError: If there is no mask at all.
    """
    soft_thw = fill_missing(masks)
    track = _cut(sfseg(soft_thw, np.stack(pairwise), MIXED), MIXED.threshold, frames)
    if progress is not None:
        progress(len(track), len(track))
    return track


def _cut(smooth_thw: NDArray[np.float32], threshold: float, frames: Iterable[FrameHWC]) -> Track:
    stems = getattr(frames, "stems", None)
    track = Track((smooth_thw.shape[2], smooth_thw.shape[1]))
    for t, soft_hw in enumerate(smooth_thw):
        hard_hw = soft_hw >= threshold
        box = Box.from_mask(hard_hw)
        found = box is not None
        track.append(Prediction(box, hard_hw, float(found), found), stems[t] if stems else None)
    return track


def check_fixed(fixed: Collection[int], masks: SoftMasks) -> None:
    """Make sure that every frame that is called known has a mask.

    Raises:
        InputError: If one has none.
    """
    for frame in sorted(fixed):
        if not 0 <= frame < len(masks) or masks[frame] is None:
            raise InputError(
                f"frame {frame} was called known, but has no mask; give numbers of frames with "
                f"one, from 0 to {len(masks) - 1}"
            )


def fill_missing(masks: Sequence[SoftHW | None]) -> NDArray[np.float32]:
    """Stack masks, shape (T, H, W); a gap takes the nearest earlier mask, else the next one.

    Raises:
        InputError: If there is no mask at all.
    """
    first = next((m for m in masks if m is not None), None)
    if first is None:
        raise InputError("no frame has a mask; give masks named like the frames")
    filled, last = [], first
    for mask in masks:
        last = last if mask is None else mask
        filled.append(last)
    return np.stack(filled).astype(np.float32)


def motion_thw(
    frames: Iterable[FrameHWC],
    flow: FlowEstimator,
    progress: Progress | None = None,
    total: int | None = None,
) -> NDArray[np.float32]:
    """How fast every pixel moves, scaled to [0, 1] over the video, shape (T, H, W).

    The mean of the magnitudes of the flow to the next and to the previous frame (one of them at
    the ends), divided by the 99th percentile of the video and cut at 1. SFSeg needs features in
    [0, 1]: the affinity of Eq. 2 is negative beyond.

    Raises:
        InputError: If there is no frame.
    """
    planes: list[NDArray[np.float32]] = []
    previous: FrameHWC | None = None
    for frame in frames:
        planes.append(np.zeros(frame.shape[:2], np.float32))
        if previous is not None:
            planes[-2] += np.hypot(*np.moveaxis(flow(previous, frame), -1, 0))
            planes[-1] += np.hypot(*np.moveaxis(flow(frame, previous), -1, 0))
        previous = frame
        if progress is not None:
            progress(len(planes), total)
    if not planes:
        raise InputError("the video holds no frames; give one with at least one frame")
    motion_thw = np.stack(planes)
    motion_thw[1:-1] /= 2
    top = float(np.percentile(motion_thw, 99))
    if top > 0:
        motion_thw = np.minimum(motion_thw / top, 1)
    return motion_thw.astype(np.float32)
