"""NN_feat2seg at work: all hypotheses of a frame in one forward pass, laid into the frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from spectrack.structures import FrameHWC
from spectrack.trackers.sftrack.crop import SIDE, Crop
from spectrack.trackers.sftrack.feat2seg import Feat2Seg
from spectrack.trackers.sftrack.input_maps import input_maps
from spectrack.tracking.appearance import ColourModel
from spectrack.tracking.explanation import Channels, Hypothesis


@dataclass(frozen=True, slots=True, eq=False)
class CroppedChannels(Channels):
    """Masks of all hypotheses, with what they were made from.

    Args:
        maps_kchw: What NN_feat2seg saw of each hypothesis that is there, uint8 (K, 5, S, S); None
            where another network made the masks.
        crops: Where each of them lies.
    """

    maps_kchw: NDArray[np.uint8] | None = None
    crops: tuple[Crop, ...] = ()


class Segmenter:
    """Turns hypotheses into masks.

    Args:
        network: Trained.
    """

    def __init__(self, network: Feat2Seg) -> None:
        self._network = network.eval()

    def __call__(
        self,
        frame_hwc: FrameHWC,
        hypotheses: Sequence[Hypothesis | None],
        colours: ColourModel | None,
    ) -> CroppedChannels | None:
        """Masks of all hypotheses of a frame; None where there are none.

        Args:
            frame_hwc: uint8 RGB.
            hypotheses: One an input; None where it sees nothing.
            colours: Of the target; None before any mask was seen.
        """
        size_wh = (frame_hwc.shape[1], frame_hwc.shape[0])
        inside = [
            h if h is not None and h.box.clip(size_wh) is not None else None for h in hypotheses
        ]
        crops = [None if h is None else Crop.around(h.box) for h in inside]
        shown = [
            input_maps(frame_hwc, crop, h, colours)
            for h, crop in zip(inside, crops, strict=True)
            if h is not None and crop is not None
        ]
        if not shown:
            return None
        maps = np.stack(shown)
        soft_nss = self._forward(maps)
        there = [crop for crop in crops if crop is not None]
        rows = slice(max(min(c.y1 for c in there), 0), min(max(c.y2 for c in there), size_wh[1]))
        cols = slice(max(min(c.x1 for c in there), 0), min(max(c.x2 for c in there), size_wh[0]))
        out = np.zeros((len(crops), rows.stop - rows.start, cols.stop - cols.start), dtype=np.uint8)
        following = iter(soft_nss)
        for channel, crop in zip(out, crops, strict=True):
            if crop is not None:
                crop.shifted(-cols.start, -rows.start).paste(next(following), channel)
        present = np.array([crop is not None for crop in crops])
        return CroppedChannels(out, present, rows, cols, maps, tuple(there))

    def _forward(self, maps_nchw: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Soft masks of crops, uint8 (N, SIDE, SIDE)."""
        with torch.inference_mode():
            maps = torch.from_numpy(maps_nchw).float() / 255
            soft = torch.sigmoid(self._network(maps)).mul_(255).round_().to(torch.uint8)
        bytes_nss: NDArray[np.uint8] = soft.reshape(-1, SIDE, SIDE).numpy()
        return bytes_nss
