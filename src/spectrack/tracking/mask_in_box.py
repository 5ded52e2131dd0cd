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
from typing import overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spectrack.networks.folding import for_inference
from spectrack.networks.mask_in_box import HINTS, MaskInBox, Memory, spot
from spectrack.networks.mobilenet_v2 import Features, normalised
from spectrack.runtimes.mask_in_box import OnnxMaskInBox
from spectrack.runtimes.names import Runtime
from spectrack.structures import Box, FrameHWC, SoftHW
from spectrack.tracking.appearance import ColourModel, colour_index
from spectrack.tracking.colour import robust_box
from spectrack.tracking.square_crop import OUTSIDE, SquareCrop
from spectrack.tracking.target_memory import TargetMemory
from spectrack.weights.networks import load_network

SIDE = 256
"""Pixels of a crop's side, as in training."""

CONTEXT = 1.5
"""Sides of the crop that is remembered, in sides of the box."""

REMEMBERED = (CONTEXT, 1.25, 1.9)
"""The same of the first frame, whose mask is the surest: nearer and from further off, and mirrored
too (on five held-out training sequences, from true masks, J .864 -> .868, box IoU .911 -> .920)."""

Bytes = NDArray[np.uint8]
Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Views:
    """In how many ways each box is looked at; the mask is their mean.

    Attributes:
        contexts: Sides of the crops in sides of the box.
        mirror: Whether each crop is seen mirrored, too.
    """

    contexts: tuple[float, ...] = (CONTEXT,)
    mirror: bool = False


ONE_VIEW = Views()
MIRRORED = Views(mirror=True)
FOUR_VIEWS = Views((1.4, 1.75), mirror=True)


@dataclass(frozen=True, slots=True, eq=False)
class Hint:
    """A guess at where the target is.

    Attributes:
        box: Where the crop is laid.
        soft_hw: A mask carried along, uint8 (H, W) with 255 for 1; None where there is none.
        wanted: Points (x, y) on the target, pixels.
        unwanted: Points that are not on it.
    """

    box: Box
    soft_hw: Bytes | None = None
    wanted: Points = ()
    unwanted: Points = ()


@dataclass(frozen=True, slots=True, eq=False)
class Segmented:
    """The mask that a hint led to, in the part of the frame that was looked at.

    Attributes:
        rows: Of the part.
        cols: Of the part.
        soft_hw: float32 in [0, 1], of the part's size.
    """

    rows: slice
    cols: slice
    soft_hw: SoftHW

    @classmethod
    def mean(
        cls, looks: Sequence[tuple[SquareCrop, SoftHW]], size_wh: tuple[int, int]
    ) -> Segmented:
        """The mean of what crops show, each pixel over those that show it.

        Args:
            looks: Crops with their soft masks, float32 (side, side).
            size_wh: Of the frame.
        """
        areas = [crop.inside(size_wh) for crop, _ in looks]
        rows = slice(min(r.start for r, _ in areas), max(r.stop for r, _ in areas))
        cols = slice(min(c.start for _, c in areas), max(c.stop for _, c in areas))
        if len(looks) == 1:
            crop, soft_ss = looks[0]
            return cls(rows, cols, crop.back(soft_ss, size_wh))
        total = np.zeros((rows.stop - rows.start, cols.stop - cols.start), dtype=np.float32)
        count = np.zeros_like(total)
        for (crop, soft_ss), (r, c) in zip(looks, areas, strict=True):
            place = (
                slice(r.start - rows.start, r.stop - rows.start),
                slice(c.start - cols.start, c.stop - cols.start),
            )
            total[place] += crop.back(soft_ss, size_wh)
            count[place] += 1
        return cls(rows, cols, (total / np.maximum(count, 1)).astype(np.float32))

    def in_frame(self, size_wh: tuple[int, int]) -> SoftHW:
        """The mask in the frame, float32 (H, W), 0 outside the part."""
        out = np.zeros(size_wh[::-1], dtype=np.float32)
        out[self.rows, self.cols] = self.soft_hw
        return out


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """What a forward pass leaves for remembering, of every hint."""

    crops: list[SquareCrop]
    images: list[FrameHWC]
    features: Features
    hints_nchw: Tensor
    step: int
    """Crops of each hint; the first of them is remembered."""


class BoxSegmenter:
    """Masks of one target; holds its colours and a memory of it.

    Args:
        network: Trained; run by torch or by ONNX Runtime.
        memory: Where frames are kept.
        rate: Share of every new frame in the recent colours.
        views: In how many ways boxes are looked at after the first frame.
    """

    def __init__(
        self,
        network: MaskInBox | OnnxMaskInBox,
        memory: TargetMemory | None = None,
        rate: float = 0.1,
        views: Views = ONE_VIEW,
    ) -> None:
        self._network, self._rate, self._views = network, rate, views
        self.memory = memory or TargetMemory()
        self.colours: ColourModel | None = None

    def first(self, frame_hwc: FrameHWC, box: Box) -> SoftHW:
        """Soft mask of the thing in a box of a first frame.

        Returns:
            float32 (H, W) in [0, 1], zero outside the box, at least one pixel of 0.5 or more.
        """
        return self.joined(self.looks(frame_hwc, box), box)

    def looks(self, frame_hwc: FrameHWC, box: Box, hint: Hint | None = None) -> list[SoftHW]:
        """What each crop of a first frame shows, each the mean of it and its mirror image.

        Args:
            frame_hwc: uint8 RGB.
            box: Around the thing.
            hint: What else is known of it, with the same box.

        Returns:
            Soft masks, float32 (H, W) in [0, 1], of the crops of :data:`FOUR_VIEWS`.
        """
        size_wh = (frame_hwc.shape[1], frame_hwc.shape[0])
        crops = [SquareCrop.around(box, context, SIDE) for context in FOUR_VIEWS.contexts]
        told = hint or Hint(box)
        images, hints, _ = self._seen_by(frame_hwc, [(crop, told) for crop in crops], None)
        soft = self._look(images, hints, None, mirror=True)[0]
        return [
            Segmented.mean([one], size_wh).in_frame(size_wh)
            for one in zip(crops, soft, strict=True)
        ]

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
        self.colours = None
        box = robust_box(soft_hw >= 0.5) or box
        if box is None:
            return
        crops = [SquareCrop.around(box, context, SIDE) for context in REMEMBERED]
        shown = [crop.cut(frame_hwc, OUTSIDE) for crop in crops]
        softs = [np.ascontiguousarray(crop.cut(soft_hw)) for crop in crops]
        self.colours = ColourModel(colour_index(shown[0]), softs[0], 0.5)
        maps = np.zeros((len(crops), len(HINTS), SIDE, SIDE), np.float32)
        maps[:, 0] = [crop.box_map(box) for crop in crops]
        images, hints = _images(shown), torch.from_numpy(maps)
        masks = torch.from_numpy(np.stack(softs))[:, None]
        with torch.inference_mode():
            looks = [(images, hints, masks), (images.flip(3), hints.flip(3), masks.flip(3))]
            seen = [
                self._network.remember(self._network.features(image, hint), hint[:, :1], mask)
                for image, hint, mask in looks
            ]
        self.memory.add(Memory.of(*(memory.in_a_row() for memory in seen)))

    def segment(self, frame_hwc: FrameHWC, hints: Sequence[Hint]) -> list[Segmented]:
        """Masks of all hints of a frame.

        Args:
            frame_hwc: uint8 RGB.
            hints: At least one; their boxes touch the frame.
        """
        size_wh = (frame_hwc.shape[1], frame_hwc.shape[0])
        contexts, mirror = self._views.contexts, self._views.mirror
        placed = [
            (SquareCrop.around(hint.box, context, SIDE), hint)
            for hint in hints
            for context in contexts
        ]
        images, maps, shown = self._seen_by(frame_hwc, placed, self.colours)
        soft, features = self._look(images, maps, self.memory.all, mirror)
        self._seen = _Seen([crop for crop, _ in placed], shown, features, maps, len(contexts))
        looks = [(crop, one) for (crop, _), one in zip(placed, soft, strict=True)]
        step = len(contexts)
        return [Segmented.mean(looks[k : k + step], size_wh) for k in range(0, len(looks), step)]

    def _seen_by(
        self,
        frame_hwc: FrameHWC,
        placed: Sequence[tuple[SquareCrop, Hint]],
        colours: ColourModel | None,
    ) -> tuple[Tensor, Tensor, list[FrameHWC]]:
        """What the network sees of crops: pictures and hints; and the pictures as bytes."""
        shown = [crop.cut(frame_hwc, OUTSIDE) for crop, _ in placed]
        maps = np.zeros((len(placed), len(HINTS), SIDE, SIDE), np.float32)
        for one, (crop, hint), image in zip(maps, placed, shown, strict=True):
            one[0] = crop.box_map(hint.box)
            if hint.soft_hw is not None:
                one[1] = crop.cut(hint.soft_hw).astype(np.float32) / 255
            if colours is not None:
                one[2] = colours.probability_hw(colour_index(image))
            one[3], one[4] = crop_spots(crop, hint.wanted), crop_spots(crop, hint.unwanted)
        # In the layout of the pictures: the same answers with fewer copies.
        hints = torch.from_numpy(maps).contiguous(memory_format=torch.channels_last)
        return _images(shown), hints, shown

    @torch.inference_mode()
    def _look(
        self, images_nchw: Tensor, hints_nchw: Tensor, memory: Memory | None, mirror: bool
    ) -> tuple[SoftHW, Features]:
        """Soft masks of crops, float32 (N, S, S), and their features."""
        features = self._network.features(images_nchw, hints_nchw)
        soft = torch.sigmoid(self._network.decode(images_nchw, hints_nchw, features, memory))
        if mirror:
            back = self._network(images_nchw.flip(3), hints_nchw.flip(3), memory)
            soft = (soft + torch.sigmoid(back).flip(3)) / 2
        return soft[:, 0].numpy(), features

    def remember(self, soft_hw: SoftHW, place: int = 0) -> None:
        """Keep the frame just segmented, with the mask that was believed in the end.

        Args:
            soft_hw: float32 (H, W) in [0, 1].
            place: Of the hint whose crop shows it best.
        """
        seen, place = self._seen, place * self._seen.step
        at = slice(place, place + 1)
        soft = np.ascontiguousarray(seen.crops[place].cut(soft_hw))
        features = Features(*(getattr(seen.features, name)[at] for name in Features.__slots__))
        with torch.inference_mode():
            mask = torch.from_numpy(soft)[None, None]
            box = seen.hints_nchw[at, :1]
            self.memory.add(self._network.remember(features, box, mask))
        if self.colours is not None:
            self.colours.learn(colour_index(seen.images[place]), soft, self._rate)


def crop_spots(crop: SquareCrop, points: Points) -> SoftHW:
    """Clicks as a crop shows them: float32 (side, side), 1 in the middle of each spot."""
    out = np.zeros((crop.side, crop.side), dtype=np.float32)
    (sx, sy), last = crop.scale_xy, crop.side - 1
    for x, y in points:
        col, row = (x - crop.x) * sx - 0.5, (y - crop.y) * sy - 0.5
        if -1 <= row <= last + 1 and -1 <= col <= last + 1:
            np.maximum(out, spot(row, col, crop.side).numpy(), out=out)
    return out


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


@overload
def shared_mask_in_box(weights: str = "") -> MaskInBox: ...


@overload
def shared_mask_in_box(weights: str, runtime: Runtime) -> MaskInBox | OnnxMaskInBox: ...


def shared_mask_in_box(weights: str = "", runtime: Runtime = "torch") -> MaskInBox | OnnxMaskInBox:
    """The network, read once for all trackers of a process: nobody may change it.

    Args:
        weights: A name of the table of weights, or a file; the shipped ones where empty.
        runtime: What runs it.

    Raises:
        InputError: As :func:`spectrack.weights.networks.load_network`, or as
            :class:`~spectrack.runtimes.running.OnnxNetwork`.
    """
    return _read_once(weights, runtime)


@lru_cache(maxsize=2)
def _read_once(weights: str, runtime: Runtime) -> MaskInBox | OnnxMaskInBox:
    network = load_network(weights or str(shipped_mask_in_box()), MaskInBox).network
    return OnnxMaskInBox(network, SIDE) if runtime == "onnx" else for_inference(network)
