"""Pixel-wise tracking online: Algorithm 1 of the paper.

Each frame: the global network predicts theta from the map of the last mask; theta is smoothed; the
region it gives is cut out; the local network segments it; the mask is filled in where the region
was cut, and everything outside of it is not the target.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

from spectrack.networks.conv_lstm import State
from spectrack.structures import Box, FrameHWC, Prediction, SoftHW, Target
from spectrack.trackers.pixelwise.global_attention import Attention
from spectrack.trackers.pixelwise.network import Pixelwise
from spectrack.trackers.pixelwise.region import Region, Theta, theta_of_mask
from spectrack.trackers.pixelwise.settings import PixelwiseSettings
from spectrack.tracking.base import Tracker
from spectrack.tracking.devices import pick_device
from spectrack.tracking.first_mask import FirstMask
from spectrack.tracking.square_crop import OUTSIDE, SquareCrop
from spectrack.weights.networks import load_network


class PixelwiseTracker(Tracker):
    """Follows a target by a global and a local network; see the module's text.

    Args:
        settings: See :class:`PixelwiseSettings`.
        network: To be used instead of the weights that the settings name.

    Attributes:
        region: Where the last frame was looked at.
        map_mm: What the global network is shown next: the last mask of the whole frame, squeezed.

    Raises:
        InputError: If weights or device cannot be used.
    """

    Settings = PixelwiseSettings

    def __init__(
        self, settings: PixelwiseSettings | None = None, network: Pixelwise | None = None
    ) -> None:
        s = settings or PixelwiseSettings()
        super().__init__(s)
        self._device = pick_device(s.device)
        network = network or load_network(s.weights, Pixelwise).network
        network = network.to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._local, self._global = network.local_segmentation, network.global_attention
        self._side, self._map_side = self._local.side, self._global.map_side
        patch_hw = (self._side, self._side)
        self._first_mask = FirstMask("", None, patch_hw, self._device)

    @torch.inference_mode()
    def _init(self, frame_hwc: FrameHWC, target: Target) -> Prediction:
        soft_hw = self._first_mask(frame_hwc, target)
        self._aspect = torch.tensor([self.size_wh[0] / self.size_wh[1]], device=self._device)
        self._theta = self._first_theta(soft_hw, target.box)
        self.region = self._region()
        crop = self.region.crop(self._side)
        mask = torch.from_numpy(crop.cut(soft_hw)).to(self._device)[None, None]
        with self._precision():
            self._memory = self._local.start(self._image(frame_hwc, crop), mask)
        theta = torch.tensor([self._theta], device=self._device)
        self._attention = Attention(None, theta)
        self._lost_side: float | None = None
        self.map_mm = self._squeezed(soft_hw)
        return Prediction(target.box, soft_hw, 1.0)

    @torch.inference_mode()
    def _update(self, frame_hwc: FrameHWC) -> Prediction:
        self._predict()
        self.region = self._region()
        crop = self.region.crop(self._side)
        with self._precision():
            logits, memory = self._local(self._image(frame_hwc, crop), self._memory)
        self._memory = (State(*memory[0]), State(*memory[1]))
        soft_ss = logits[0].sigmoid().cpu().numpy()
        found = float((soft_ss >= 0.5).mean()) > self.settings.presence
        soft_hw = self._filled(soft_ss, crop)
        box = Box.from_mask(soft_hw >= 0.5) if found else None
        if box is None:
            self._lose()
            return Prediction(None, np.zeros_like(soft_hw), 0.0, found=False)
        self._lost_side = None
        self.map_mm = self._squeezed(soft_hw)
        hard_ss = soft_ss >= 0.5
        return Prediction(box, soft_hw, float(soft_ss[hard_ss].mean()))

    def _first_theta(self, soft_hw: SoftHW, box: Box) -> Theta:
        """The place in the first frame, about the mask."""
        s = self.settings
        found = theta_of_mask(soft_hw >= 0.5, s.context, s.smallest, s.largest)
        if found is None:  # the mask given is not empty; this is for one that was made in a box
            region = Region.around(box, s.context).within(s.smallest, s.largest)
            found = region.theta(self.size_wh, s.context)
        return found

    def _predict(self) -> None:
        """Where this frame is looked at, smoothed; unchanged while the target is lost."""
        s, before = self.settings, self._theta
        map_1mm = torch.from_numpy(self.map_mm).to(self._device)[None]
        if s.predictor == "mean":
            answer = self._mean_theta(before)
        else:
            with self._precision():
                theta, self._attention = self._global(map_1mm, self._aspect, self._attention)
            answer = _triple(theta[0].tolist())
        if self._lost_side is not None:
            return
        mixed = (s.beta * a + (1 - s.beta) * b for a, b in zip(answer, before, strict=True))
        scale, x, y = mixed
        self._theta = (scale, min(max(x, -1.0), 1.0), min(max(y, -1.0), 1.0))

    def _mean_theta(self, before: Theta) -> Theta:
        """Eq. 5 on the map, and the size as it is."""
        line = (np.arange(self._map_side) * 2 + 1) / self._map_side - 1
        total = float(self.map_mm.sum())
        if total <= 0:
            return before
        x = float((self.map_mm.sum(0) * line).sum()) / total
        return before[0], x, float((self.map_mm.sum(1) * line).sum()) / total

    def _lose(self) -> None:
        """The target is out of sight: wait for it where it was, and look wider frame by frame."""
        s = self.settings
        if self._lost_side is None:
            self._lost_side = self._theta[0]
        widest = self._lost_side * s.reach
        self._theta = (min(self._theta[0] * s.growth, widest), *self._theta[1:])
        self.map_mm = np.zeros((self._map_side, self._map_side), np.float32)

    def _region(self) -> Region:
        s = self.settings
        region = Region.of_theta(self._theta, self.size_wh, s.context)
        return region.within(s.smallest, s.largest)

    def _image(self, frame_hwc: FrameHWC, crop: SquareCrop) -> Tensor:
        cut = torch.from_numpy(crop.cut(frame_hwc, OUTSIDE)).to(self._device)
        # a batch of one picture in channels-last order is the picture as it lies
        return cut[None].permute(0, 3, 1, 2)

    def _filled(self, soft_ss: SoftHW, crop: SquareCrop) -> SoftHW:
        """The mask of the region in its frame, zero elsewhere."""
        soft_hw = np.zeros((self.size_wh[1], self.size_wh[0]), np.float32)
        soft_hw[crop.inside(self.size_wh)] = crop.back(soft_ss, self.size_wh)
        return soft_hw

    def _squeezed(self, soft_hw: SoftHW) -> SoftHW:
        return squeezed(soft_hw, self._map_side)

    def _precision(self) -> torch.autocast:
        return torch.autocast(self._device.type, torch.bfloat16, enabled=self.settings.half)


def squeezed(soft_hw: SoftHW, side: int) -> SoftHW:
    """The mask of a frame as a map: float32 (side, side), whatever the frame's shape."""
    height, width = soft_hw.shape
    how = cv2.INTER_AREA if width >= side and height >= side else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(soft_hw, (side, side), interpolation=how), np.float32)


def _triple(values: list[float]) -> Theta:
    return values[0], values[1], values[2]
