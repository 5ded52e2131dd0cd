"""What phases 2 and 3 of SFTrack++ learn from: the tracker itself, run over annotated videos.

Of every frame the crops of all hypotheses are kept, their masks, how far each input agreed with the
others, and what is true: what it takes to mix them again, with other weights, and to read a box.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectrack.datasets.base import Dataset
from spectrack.datasets.base import VideoSequence as Video
from spectrack.fusion.train_columns import FrameColumns
from spectrack.fusion.train_videos import FusionVideo, video_columns
from spectrack.spectral.mixing.settings import size_scale
from spectrack.storage import Progress
from spectrack.structures import Box, HardHW, SoftHW
from spectrack.trackers.sftrack.crop import Crop
from spectrack.trackers.sftrack.inputs import seen_side
from spectrack.trackers.sftrack.segmenter import CroppedChannels
from spectrack.trackers.sftrack.settings import SFTrackSettings
from spectrack.trackers.sftrack.tracker import SFTracker
from spectrack.trackers.sftrack.train_seg2box import BoxSample, box_sample

LEAST_OVERLAP = 0.3
"""Frames whose fused box overlaps the true one by less teach nothing about boxes."""


@dataclass(frozen=True, eq=False)
class RunFrame:
    """One frame of a run.

    Attributes:
        channels_chw: Soft masks of the hypotheses, uint8 (C, h, w), in the part of the frame at
            ``rows`` and ``cols``.
        present_c: bool (C,).
        rows: Of the part.
        cols: Of the part.
        maps_kchw: What the network saw of each hypothesis that is there, uint8 (K, 5, S, S).
        crops: Where each of them lies.
        agreement_c: Smoothed agreement, float32 (C,).
        soft_hw: Fused mask as bytes, (H, W), 255 for 1; None where the target was not found.
        boxes: Of the inputs.
    """

    channels_chw: NDArray[np.uint8]
    present_c: NDArray[np.bool_]
    rows: slice
    cols: slice
    maps_kchw: NDArray[np.uint8]
    crops: tuple[Crop, ...]
    agreement_c: NDArray[np.float32]
    soft_hw: NDArray[np.uint8] | None
    boxes: tuple[Box, ...]


@dataclass(frozen=True, eq=False)
class LearningRun:
    """The tracker's run over one video; the first frame is None, and those without hypotheses.

    Attributes:
        video: The video.
        names: Of the inputs.
        size_wh: Of the frames.
        frames: One entry a frame.
    """

    video: Video
    names: tuple[str, ...]
    size_wh: tuple[int, int]
    frames: list[RunFrame | None]

    @property
    def scale(self) -> float:
        """Size of the target in the first frame, as the mixing takes it."""
        box = self.video.target().box
        return size_scale(seen_side(box, self.size_wh, SFTrackSettings().longest))


def learning_runs(
    data: Dataset,
    weights: Path,
    settings: SFTrackSettings,
    progress: Progress | None = None,
) -> list[LearningRun]:
    """Run the tracker over every video from the true box of its first frame.

    Args:
        data: Videos with true masks.
        weights: Of the networks so far.
        settings: Of the tracker, but for the weights.
        progress: Called with the videos done and in all.
    """
    runs = []
    for number, name in enumerate(data):
        tracker = SFTracker(replace(settings, weights=str(weights)))
        runs.append(_run(data[name], tracker))
        if progress is not None:
            progress(number + 1, len(data))
    return runs


def _run(video: Video, tracker: SFTracker) -> LearningRun:
    found: list[RunFrame | None] = []
    size_wh = (0, 0)
    with video.frames() as frames:
        for t, frame in enumerate(frames):
            size_wh = (frame.shape[1], frame.shape[0])
            if t == 0:
                tracker.init(frame, video.target())
                found.append(None)
                continue
            answer = tracker.update(frame)
            how = tracker.explanation
            if how is None or how.channels is None or how.mixed is None:
                found.append(None)
                continue
            soft = None
            if answer.found and answer.mask is not None:
                soft = np.rint(255 * answer.mask.astype(np.float32)).astype(np.uint8)
            channels = how.channels
            assert isinstance(channels, CroppedChannels)
            assert channels.maps_kchw is not None, "the tracker runs with masks=feat2seg"
            found.append(
                RunFrame(
                    channels_chw=channels.soft_chw,
                    present_c=channels.present_c,
                    rows=channels.rows,
                    cols=channels.cols,
                    maps_kchw=channels.maps_kchw,
                    crops=channels.crops,
                    agreement_c=how.mixed.agreement_c,
                    soft_hw=soft,
                    boxes=tuple(h.box for h in how.hypotheses if h is not None),
                )
            )
    return LearningRun(video, tracker.settings.names, size_wh, found)


def mixing_columns(runs: Sequence[LearningRun], reach: int, seed: int) -> list[list[FrameColumns]]:
    """What the mixing is learned from: the columns of every frame, weights of past frames only.

    Args:
        runs: Of the tracker.
        reach: Past frames over which agreement is averaged.
        seed: Of the pixels drawn.
    """
    return [
        [replace(f, scale=run.scale) for f in video_columns(_fusion_video(run), reach, seed, 0)]
        for run in runs
    ]


def _fusion_video(run: LearningRun) -> FusionVideo:
    width, height = run.size_wh

    def masks(t: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        frame = run.frames[t]
        out = np.zeros((len(run.names), height, width), dtype=np.uint8)
        if frame is None:
            return out, np.zeros(len(run.names), dtype=bool)
        out[:, frame.rows, frame.cols] = frame.channels_chw
        return out, frame.present_c

    def truth(t: int) -> HardHW | None:
        return None if run.frames[t] is None else run.video.truth_mask(t)

    return FusionVideo(run.video.name, len(run.video), masks, truth)


def box_samples(runs: Sequence[LearningRun], stride: int = 1) -> list[BoxSample]:
    """What NN_seg2box is learned from: fused masks, the inputs' boxes, and the true box.

    Args:
        runs: Of the tracker.
        stride: Take every so many frames.
    """
    samples = []
    for run in runs:
        for t in range(1, len(run.frames), stride):
            frame, truth = run.frames[t], run.video.truth_box(t)
            if frame is None or frame.soft_hw is None or truth is None:
                continue
            soft: SoftHW = frame.soft_hw.astype(np.float32) / np.float32(255)
            tight = Box.from_mask(frame.soft_hw >= 128)
            if tight is None or tight.iou(truth) < LEAST_OVERLAP:
                continue
            sample = box_sample(soft, frame.boxes, truth)
            if sample is not None:
                samples.append(sample)
    return samples
