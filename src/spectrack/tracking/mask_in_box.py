"""The network of masks in boxes at work: crops, hints and memory of one target.

Every hint of a frame is a guess at where the target is: a box, a mask carried along, or both. All
are segmented in one forward pass, in crops about them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spectrack.networks.folding import for_inference
from spectrack.networks.mask_in_box import HINTS, MaskInBox
from spectrack.networks.mobilenet_v2 import Features, normalised
from spectrack.structures import Box, FrameHWC, SoftHW
from spectrack.tracking.appearance import ColourModel, colour_index
from spectrack.tracking.colour import robust_box
from spectrack.tracking.square_crop import OUTSIDE, SquareCrop
from spectrack.tracking.target_memory import TargetMemory
from spectrack.weights.networks import load_network

SIDE = 256
"""Pixels of a crop's side, as in training."""

CONTEXT = 1.5
"""Sides of the crop in sides of the box."""

FIRST_CONTEXTS = (1.4, 1.75)
"""Of the crops in which the first mask is looked for; each is seen mirrored, too."""

Bytes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Hint:
    """A guess at where the target is.

    Attributes:
        box: Where the crop is laid.
        soft_hw: A mask carried along, uint8 (H, W) with 255 for 1; None where there is none.
        soft_ss: The same as the crop shows it, float32 (S, S), in place of ``soft_hw``.
        shows_box: Whether the network sees the box, too.
    """

    box: Box
    soft_hw: Bytes | None = None
    soft_ss: SoftHW | None = None
    shows_box: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Segmented:
    """The mask that a hint led to.

    Attributes:
        crop: Where the network looked.
        soft_ss: Soft mask in the crop, float32 (S, S).
    """

    crop: SquareCrop
    soft_ss: SoftHW

    def in_frame(self, size_wh: tuple[int, int]) -> SoftHW:
        """The mask in the frame, float32 (H, W), 0 outside the crop."""
        out = np.zeros(size_wh[::-1], dtype=np.float32)
        rows, cols = self.crop.inside(size_wh)
        out[rows, cols] = self.crop.back(self.soft_ss, size_wh)
        return out


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """What a forward pass leaves for remembering, of every hint."""

    crops: list[SquareCrop]
    images: list[FrameHWC]
    features: Features
    hints_nchw: Tensor


class BoxSegmenter:
    """Masks of one target; holds its colours and a memory of it.

    Args:
        network: Trained.
        memory: Where frames are kept.
        rate: Share of every new frame in the recent colours.
    """

    def __init__(
        self, network: MaskInBox, memory: TargetMemory | None = None, rate: float = 0.1
    ) -> None:
        self._network, self._rate = network, rate
        self.memory = memory or TargetMemory()
        self.colours: ColourModel | None = None

    def first(self, frame_hwc: FrameHWC, box: Box) -> SoftHW:
        """Soft mask of the thing in a box of a first frame.

        Returns:
            float32 (H, W) in [0, 1], zero outside the box, at least one pixel of 0.5 or more.
        """
        return self.joined(self.looks(frame_hwc, box), box)

    def looks(self, frame_hwc: FrameHWC, box: Box) -> list[SoftHW]:
        """What each crop of a first frame shows, each the mean of it and its mirror image.

        Returns:
            Soft masks, float32 (H, W) in [0, 1], of the crops of :data:`FIRST_CONTEXTS`.
        """
        size_wh = (frame_hwc.shape[1], frame_hwc.shape[0])
        crops = [SquareCrop.around(box, context, SIDE) for context in FIRST_CONTEXTS]
        maps = np.zeros((len(crops), len(HINTS), SIDE, SIDE), np.float32)
        for one, crop in zip(maps, crops, strict=True):
            one[0] = crop.box_map(box)
        with torch.inference_mode():
            image = _images([crop.cut(frame_hwc, OUTSIDE) for crop in crops])
            hints = torch.from_numpy(maps)
            both = torch.cat([image, image.flip(3)]), torch.cat([hints, hints.flip(3)])
            plain, mirrored = torch.sigmoid(self._network(*both)).chunk(2)
            mean = ((plain + mirrored.flip(3)) / 2)[:, 0].numpy()
        return [Segmented(c, s).in_frame(size_wh) for c, s in zip(crops, mean, strict=True)]

    @staticmethod
    def joined(looks_hw: Sequence[SoftHW], box: Box) -> SoftHW:
        """Their mean in the box; where nothing reaches 0.5, the surest of what there is."""
        height, width = looks_hw[0].shape
        inside = box.fill((width, height)).astype(np.float32)
        found: SoftHW = np.mean(looks_hw, axis=0).astype(np.float32) * inside
        top = float(found.max())
        if top < 0.5:
            found = found * np.float32(0.75 / top) if top > 1e-3 else inside
        return found

    def start(self, frame_hwc: FrameHWC, soft_hw: SoftHW, box: Box | None = None) -> None:
        """Remember a first frame, and nothing else.

        Args:
            frame_hwc: uint8 RGB.
            soft_hw: Its mask, float32 (H, W) in [0, 1].
            box: Its box; that of the mask where left out.
        """
        self.memory.clear()
        box = robust_box(soft_hw >= 0.5) or box
        if box is None:
            return
        crop = SquareCrop.around(box, CONTEXT, SIDE)
        image = crop.cut(frame_hwc, OUTSIDE)
        soft = crop.cut(soft_hw)
        self.colours = ColourModel(colour_index(image), soft, 0.5)
        maps = np.zeros((1, len(HINTS), SIDE, SIDE), np.float32)
        maps[0, 0] = crop.box_map(box)
        with torch.inference_mode():
            hints = torch.from_numpy(maps)
            features = self._network.features(_images([image]), hints)
            mask = torch.from_numpy(soft)[None, None]
            self.memory.add(self._network.remember(features, hints[:, :1], mask))

    def segment(self, frame_hwc: FrameHWC, hints: Sequence[Hint]) -> list[Segmented]:
        """Masks of all hints of a frame.

        Args:
            frame_hwc: uint8 RGB.
            hints: At least one; their boxes touch the frame.
        """
        crops = [SquareCrop.around(hint.box, CONTEXT, SIDE) for hint in hints]
        images = [crop.cut(frame_hwc, OUTSIDE) for crop in crops]
        maps = np.zeros((len(hints), len(HINTS), SIDE, SIDE), np.float32)
        for one, hint, crop, image in zip(maps, hints, crops, images, strict=True):
            if hint.shows_box:
                one[0] = crop.box_map(hint.box)
            if hint.soft_ss is not None:
                one[1] = hint.soft_ss
            elif hint.soft_hw is not None:
                one[1] = crop.cut(hint.soft_hw).astype(np.float32) / 255
            if self.colours is not None:
                one[2] = self.colours.probability_hw(colour_index(image))
        with torch.inference_mode():
            seen, shown = _images(images), torch.from_numpy(maps)
            features = self._network.features(seen, shown)
            logits = self._network.decode(seen, shown, features, self.memory.all)
            soft = torch.sigmoid(logits)[:, 0].numpy()
        self._seen = _Seen(crops, images, features, shown)
        return [Segmented(crop, one) for crop, one in zip(crops, soft, strict=True)]

    def remember(self, soft_hw: SoftHW, place: int = 0) -> None:
        """Keep the frame just segmented, with the mask that was believed in the end.

        Args:
            soft_hw: float32 (H, W) in [0, 1].
            place: Of the hint whose crop shows it best.
        """
        seen, at = self._seen, slice(place, place + 1)
        soft = np.ascontiguousarray(seen.crops[place].cut(soft_hw))
        features = Features(*(getattr(seen.features, name)[at] for name in Features.__slots__))
        with torch.inference_mode():
            mask = torch.from_numpy(soft)[None, None]
            box = seen.hints_nchw[at, :1]
            self.memory.add(self._network.remember(features, box, mask))
        if self.colours is not None:
            self.colours.learn(colour_index(seen.images[place]), soft, self._rate)


class ShippedFirstMask:
    """Makes masks in boxes by the shipped network; see :meth:`BoxSegmenter.first`.

    Raises:
        InputError: If the shipped weights cannot be read.
    """

    def __init__(self) -> None:
        self._segment = BoxSegmenter(shared_mask_in_box())

    def __call__(self, frame_hwc: FrameHWC, box: Box) -> SoftHW:
        """Soft mask of the thing in a box: float32 (H, W) in [0, 1], not empty."""
        return self._segment.first(frame_hwc, box)


def _images(images: Sequence[FrameHWC]) -> Tensor:
    """Crops as the network takes them, (N, 3, S, S), channels last in memory."""
    stacked = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)
    return normalised(stacked)


def shipped_mask_in_box() -> Path:
    """The file in the package."""
    return Path(str(files("spectrack") / "assets" / "mask_in_box.safetensors"))


@lru_cache(maxsize=2)
def shared_mask_in_box(weights: str = "") -> MaskInBox:
    """The network, read once for all trackers of a process: nobody may change it.

    Args:
        weights: A name of the table of weights, or a file; the shipped ones where empty.

    Raises:
        InputError: As :func:`spectrack.weights.networks.load_network`.
    """
    network = load_network(weights or str(shipped_mask_in_box()), MaskInBox).network
    return for_inference(network)
