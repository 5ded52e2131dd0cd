"""The systems of the tables by name, each a tracker behind ``init`` and ``update``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from experiments.rts.rts_systems import FUSED, RTS_ROWS, fused_inputs
from experiments.sftrackpp.sftrack_unet import ASKED, NAMES, ensemble_maps, load_unet, median_box
from spectrack.structures import Box, FrameHWC, Prediction, SoftHW, Target
from spectrack.trackers.sftrack.boxes import LearnedBox
from spectrack.trackers.sftrack.crop import Crop
from spectrack.trackers.sftrack.first import first_mask
from spectrack.trackers.sftrack.input_maps import colours_of, learn_colours
from spectrack.trackers.sftrack.inputs import InputPool
from spectrack.trackers.sftrack.segmenter import Segmenter
from spectrack.trackers.sftrack.settings import SFTrackSettings
from spectrack.trackers.sftrack.state import EARLY, EARLY_RATE
from spectrack.trackers.sftrack.tracker import SFTracker
from spectrack.trackers.sftrack.weights import load_sftrack
from spectrack.tracking.base import NoSettings, Tracker
from spectrack.tracking.colour import robust_box
from spectrack.tracking.explanation import Hypothesis
from spectrack.tracking.table import TRACKERS, TrackerEntry, make_tracker

Hypotheses = Sequence[Hypothesis | None]
DEFAULT = SFTrackSettings.of_paper()

INPUTS: dict[str, str] = {
    "flow": "flow (masks)",
    "csrt": "CSRT (boxes)",
    "kcf": "KCF (boxes)",
    "medianflow": "MedianFlow (boxes)",
    "mosse": "MOSSE (boxes)",
}
"""Single trackers, with what the tables call them."""

ENSEMBLES: dict[str, str] = {"median": "median ensemble", "unet": "U-Net ensemble"}

ABLATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    **{
        f"iterations-{n}": (
            "without the spectral step" if n == 0 else f"{n} iteration{'s' * (n > 1)}",
            {"iterations": n},
        )
        for n in range(4)
        if n != DEFAULT.iterations
    },
    "no-feedback": ("without feedback to the inputs", {"feedback": False}),
    "best-input": ("best input only: flow", {"inputs": "flow"}),
    "five-inputs": ("all five inputs", {"inputs": ",".join(ASKED)}),
    "median-input": ("median of the inputs as the only input", {"inputs": "median"}),
}
"""SFTrack++ with another setting: what the tables call it, and the setting."""

SYSTEMS = (*INPUTS, *ENSEMBLES, "sftrack", *ABLATIONS)


def make_system(name: str, weights: Path | None = None, unet: Path | None = None) -> Tracker:
    """A fresh tracker.

    Args:
        name: One of :data:`SYSTEMS` or :mod:`experiments.rts.rts_systems`.
        weights: Of SFTrack++; the shipped ones for None. Inputs need none. Of RTS for RTS.
        unet: Of the U-Net ensemble.
    """
    if name in INPUTS:
        return make_tracker(name)
    if name in RTS_ROWS:
        return make_tracker("rts", weights=str(weights), **RTS_ROWS[name][1])
    if name == FUSED:
        return SFTracker(SFTrackSettings.of_paper(inputs=fused_inputs(str(weights))))
    if name == "median":
        return MedianEnsemble(weights)
    if name == "unet":
        assert unet is not None, "the U-Net ensemble has weights of its own"
        return UNetEnsemble(weights, unet)
    if name == "median-input":
        TRACKERS["median"] = TrackerEntry(
            "experiments.sftrackpp.sftrack_systems:MedianInput", "the inputs' median", "masks"
        )
    settings = {} if name == "sftrack" else ABLATIONS[name][1]
    return SFTracker(SFTrackSettings.of_paper(**settings, weights=str(weights or "")))


def median_mask(hypotheses: Hypotheses, size_wh: tuple[int, int]) -> NDArray[np.uint8]:
    """Per-pixel median of the inputs' maps (soft masks, filled boxes), uint8 (H, W), 255 for 1."""
    maps = [
        h.box.fill(size_wh).astype(np.uint8) * np.uint8(255) if h.soft_hw is None else h.soft_hw
        for h in hypotheses
        if h is not None
    ]
    if not maps:
        return np.zeros(size_wh[::-1], dtype=np.uint8)
    rising = np.sort(np.stack(maps), axis=0)
    low, high = rising[(len(maps) - 1) // 2], rising[len(maps) // 2]
    return low // 2 + high // 2 + (low & high & 1)


class Ensemble(Tracker):
    """Inputs that run on their own, and a box read off what is made of their answers.

    It starts as SFTrack++ does: from the same first mask, which ``flow`` goes on from, too.

    Args:
        weights: Of SFTrack++, for the first mask and the box regressor.
    """

    def __init__(self, weights: Path | None) -> None:
        super().__init__()
        learned = load_sftrack(weights)
        self._segment = Segmenter(learned.feat2seg)
        self._read_box = LearnedBox(learned.seg2box)
        self._pool = InputPool(NAMES, DEFAULT.longest)

    def _init(self, frame_hwc: FrameHWC, target: Target) -> Prediction:
        """Start on the box given."""
        soft = first_mask(self._segment, frame_hwc, target.box)
        self._pool.init(frame_hwc, target)
        for one in self._pool.inputs:
            one.correct(frame_hwc, soft)
        self.start(frame_hwc, soft)
        return Prediction(target.box, soft)

    def _update(self, frame_hwc: FrameHWC) -> Prediction:
        """Mask and box of the next frame."""
        hypotheses = self._pool.update(frame_hwc)
        boxes = [h.box for h in hypotheses if h is not None]
        if not boxes:
            empty = np.zeros(frame_hwc.shape[:2], dtype=np.float32)
            return Prediction(None, empty, 0.0, found=False)
        soft = self.fuse(frame_hwc, hypotheses)
        return Prediction(self._read_box(soft, boxes) or median_box(boxes), soft)

    def start(self, frame_hwc: FrameHWC, soft_hw: SoftHW) -> None:
        """Learn what there is to learn from the first frame: by default nothing."""

    def fuse(self, frame_hwc: FrameHWC, hypotheses: Hypotheses) -> SoftHW:
        """One soft mask of what the inputs found, at least one of them something."""
        raise NotImplementedError


class MedianEnsemble(Ensemble):
    """Per-pixel median of the inputs' maps."""

    def fuse(self, frame_hwc: FrameHWC, hypotheses: Hypotheses) -> SoftHW:
        """The median."""
        return median_mask(hypotheses, frame_hwc.shape[1::-1]).astype(np.float32) / np.float32(255)


class UNetEnsemble(Ensemble):
    """A U-Net that sees the picture, the inputs' maps and the target's colours in one crop.

    Args:
        weights: As in :class:`Ensemble`.
        unet: File of :func:`sftrack_unet.train_unet`.
    """

    def __init__(self, weights: Path | None, unet: Path) -> None:
        super().__init__(weights)
        self._network = load_unet(unet)

    def start(self, frame_hwc: FrameHWC, soft_hw: SoftHW) -> None:
        """Learn the colours."""
        self._colours = colours_of(frame_hwc, soft_hw >= 0.5, first_share=0.25)
        self._youth = 1.0

    def fuse(self, frame_hwc: FrameHWC, hypotheses: Hypotheses) -> SoftHW:
        """What the network says in its crop; colours are learned as SFTrack++ learns them."""
        crop = Crop.around(median_box([h.box for h in hypotheses if h is not None]))
        maps = torch.from_numpy(ensemble_maps(frame_hwc, crop, hypotheses, self._colours))
        with torch.inference_mode():
            found = torch.sigmoid(self._network(maps[None].float() / 255))[0, 0].numpy()
        soft = np.zeros(frame_hwc.shape[:2], dtype=np.float32)
        crop.paste(found, soft)
        carried = [h.soft_hw for h in hypotheses if h is not None and h.soft_hw is not None]
        taught = (np.mean(carried, axis=0) / 255).astype(np.float32) if carried else soft
        learn_colours(self._colours, frame_hwc, taught, max(DEFAULT.rate, EARLY_RATE * self._youth))
        self._youth = max(0.0, self._youth - 1 / EARLY)
        return soft


class MedianInput(Tracker):
    """The median of the inputs as one tracker that carries a mask: an input for SFTrack++."""

    carries_masks = True

    def __init__(self, settings: NoSettings | None = None) -> None:
        super().__init__(settings)
        self._pool = InputPool(NAMES, DEFAULT.longest)
        self._fresh = True

    def _init(self, frame_hwc: FrameHWC, target: Target) -> Prediction:
        """Start all inputs."""
        self._pool.init(frame_hwc, target)
        self._fresh = True
        return Prediction(target.box)

    def _update(self, frame_hwc: FrameHWC) -> Prediction:
        """The median of their answers."""
        self._fresh = False
        soft = median_mask(self._pool.update(frame_hwc), frame_hwc.shape[1::-1])
        box: Box | None = robust_box(soft >= 128)
        return Prediction(box, soft.astype(np.float32) / np.float32(255), found=box is not None)

    def _correct(self, frame_hwc: FrameHWC, soft_hw: SoftHW) -> None:
        """Go on from a mask: ``flow`` carries it, the others start again, but for the first."""
        hard = soft_hw >= 0.5
        box = robust_box(hard)
        for one in self._pool.inputs:
            if one.carries_masks:
                one.correct(frame_hwc, soft_hw)
            elif not self._fresh and box is not None:
                one.init(frame_hwc, Target(box, hard))
