"""Sequences of fixed lengths, and masks by systems on them (the paper's section 5.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from spectrack.datasets.base import VideoSequence
from spectrack.metrics.regions import jaccard
from spectrack.structures import Box, FrameHWC, HardHW, Prediction, Target
from spectrack.trackers.pixelwise.network import Pixelwise
from spectrack.trackers.pixelwise.region import Region
from spectrack.trackers.pixelwise.settings import PixelwiseSettings
from spectrack.trackers.pixelwise.tracker import PixelwiseTracker

LENGTHS = (20, 40, 80, 160)
THRESHOLDS = (0.4, 0.7)
LAG, DECAY = 5, 0.8
"""Near-true regions: where the mask was so many frames ago, smoothed (section 5.3)."""


def times_of(frames: int, length: int) -> list[int]:
    """Numbers of the frames of a sequence of this length: the first ones, or all, upsampled."""
    if frames >= length:
        return list(range(length))
    return [t * frames // length for t in range(length)]


class NearTrue(PixelwiseTracker):
    """The local network alone, given regions that lie near the truth.

    The centre is smoothed over the true ones of some frames ago; the side is twice the longer side
    of that mask.
    """

    truths: Sequence[HardHW]
    """Of the sequence that is followed, to be set before it."""

    def _init(self, frame_hwc: FrameHWC, target: Target) -> Prediction:
        self._number, self._last = 0, target.box
        self._centre = np.array(target.box.center)
        return super()._init(frame_hwc, target)

    def _predict(self) -> None:
        self._number += 1
        box = Box.from_mask(self.truths[max(self._number - LAG, 0)]) or self._last
        self._last = box
        self._centre = (1 - DECAY) * self._centre + DECAY * np.array(box.center)
        region = replace(Region.around(box, self.settings.context), x=self._centre[0])
        region = replace(region, y=self._centre[1])
        self._theta = region.theta(self.size_wh, self.settings.context)

    def _lose(self) -> None:
        """Where to look is known."""


@dataclass(frozen=True)
class System:
    """A row of the tables.

    Attributes:
        label: What tables call it.
        network: Follows.
        settings: Of the tracker.
        near_true: Give it regions near the truth.
    """

    label: str
    network: Pixelwise
    settings: PixelwiseSettings
    near_true: bool = False

    def tracker(self) -> PixelwiseTracker:
        """A tracker."""
        kind = NearTrue if self.near_true else PixelwiseTracker
        return kind(self.settings, self.network)


def overlaps(
    system: System, video: VideoSequence, length: int, thresholds: Sequence[float] = THRESHOLDS
) -> NDArray[np.float64]:
    """IoU of every frame after the first, at each threshold: (thresholds, length - 1)."""
    tracker, times = system.tracker(), times_of(len(video), length)
    truths = [video.truth_mask(t) for t in times]
    if isinstance(tracker, NearTrue):
        tracker.truths = truths
    found = np.zeros((len(thresholds), length - 1))
    with video.frames() as frames:
        for number, t in enumerate(times):
            if number == 0:
                tracker.init(frames[t], Target(mask=truths[0]))
                continue
            mask = tracker.update(frames[t]).mask
            for row, threshold in enumerate(thresholds):
                found[row, number - 1] = jaccard(mask >= threshold, truths[number])
    return found


def per_frame_of(network: Pixelwise, per_frame: torch.nn.Module) -> Pixelwise:
    """A network whose local half sees single frames."""
    made = Pixelwise.__new__(Pixelwise)
    torch.nn.Module.__init__(made)
    made.local_segmentation, made.global_attention = per_frame, network.global_attention
    return made
