"""The network of masks in boxes at work: crops, hints and memory of one target.

Every hint of a frame is a guess at where the target is: a box, a mask carried along, or both. Each
is looked at in a crop about it, as it is or mirrored, and looks are taken side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib.resources import files
from pathlib import Path
from typing import overload

import numpy as np
import torch

from spectrack.networks.folding import for_inference
from spectrack.networks.mask_in_box import MaskInBox, Memory
from spectrack.networks.mobilenet_v2 import Features
from spectrack.runtimes.mask_in_box import OnnxMaskInBox
from spectrack.runtimes.names import Runtime
from spectrack.structures import Box, FrameHWC, SoftHW
from spectrack.threads import on_one_processor, side_by_side
from spectrack.tracking.appearance import ColourModel, colour_index
from spectrack.tracking.colour import robust_box
from spectrack.tracking.fine_tuning import FineTuning
from spectrack.tracking.looks import (
    CONTEXT,
    FOUR_VIEWS,
    ONE_VIEW,
    SIDE,
    Hint,
    Look,
    Segmented,
    Views,
)
from spectrack.tracking.square_crop import SquareCrop
from spectrack.tracking.target_memory import TargetMemory
from spectrack.weights.networks import load_network

REMEMBERED = (CONTEXT, 1.25, 1.9)
"""Sides of the crops of the first frame that are remembered, in sides of the box. Its mask is the
surest, so it is seen from near and from further off, and mirrored too (on five held-out training
sequences, from true masks, J .864 -> .868, box IoU .911 -> .920)."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What the network saw in a crop, and what that leaves for remembering.

    Attributes:
        look: The crop.
        soft_ss: The mean of all ways it was seen, float32 (S, S).
        features: Of the first of them,
        mirrored: which may have been mirrored.
    """

    look: Look
    soft_ss: SoftHW
    features: Features
    mirrored: bool


class BoxSegmenter:
    """Masks of one target; holds its colours and a memory of it.

    Args:
        network: Trained; run by torch or by ONNX Runtime.
        memory: Where frames are kept.
        rate: Share of every new frame in the recent colours.
        views: In how many ways boxes are looked at after the first frame.
        tuning: Makes a network of its own for a target, of its first frame; None does not.
    """

    def __init__(
        self,
        network: MaskInBox | OnnxMaskInBox,
        memory: TargetMemory | None = None,
        rate: float = 0.1,
        views: Views = ONE_VIEW,
        tuning: FineTuning | None = None,
    ) -> None:
        self._network, self._rate, self._views = network, rate, views
        self._untuned, self._tuning = network, tuning
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
        placed = [
            (SquareCrop.around(box, context, SIDE), hint or Hint(box))
            for context in FOUR_VIEWS.contexts
        ]
        seen = self._see(frame_hwc, placed, [(False, True)] * len(placed), None, None)
        return [
            Segmented.mean([(one.look.crop, one.soft_ss)], size_wh).in_frame(size_wh)
            for one in seen
        ]

    @staticmethod
    def joined(looks_hw: Sequence[SoftHW], box: Box) -> SoftHW:
        """Their mean in the box; where nothing reaches 0.5, the surest of what there is."""
        height, width = looks_hw[0].shape
        inside = box.fill((width, height)).astype(np.float32)
        found: SoftHW = np.mean(looks_hw, axis=0).astype(np.float32) * inside
        top = float(found.max())
        if top < 0.5:
            # a guess in both cases: neither is a true mask, nor sure enough to be learned from
            found = found * np.float32(0.75 / top) if top > 1e-3 else inside * np.float32(0.75)
        return found

    def start(self, frame_hwc: FrameHWC, soft_hw: SoftHW, box: Box | None = None) -> None:
        """Remember a first frame, and nothing else; the network learns it where it is fine-tuned.

        Args:
            frame_hwc: uint8 RGB.
            soft_hw: Its mask, float32 (H, W) in [0, 1].
            box: Its box; that of the mask where left out.
        """
        self.memory.clear()
        self.colours, self._network = None, self._untuned
        box = robust_box(soft_hw >= 0.5) or box
        if box is None:
            return
        if self._tuning is not None and bool((soft_hw >= 0.5).any()):
            self._network = for_inference(self._tuning.learned(frame_hwc, soft_hw, box))
        crops = [SquareCrop.around(box, context, SIDE) for context in REMEMBERED]
        looks = [Look.at(frame_hwc, crop, Hint(box), None) for crop in crops]
        softs = [np.ascontiguousarray(crop.cut(soft_hw)) for crop in crops]
        self.colours = ColourModel(colour_index(looks[0].shown_hwc), softs[0], 0.5)
        jobs = [
            partial(self._remembered, look, soft, mirrored)
            for mirrored in (False, True)
            for look, soft in zip(looks, softs, strict=True)
        ]
        self.memory.add(Memory.of(*side_by_side(jobs)))

    def recall(self, frame_hwc: FrameHWC, soft_hw: SoftHW) -> None:
        """Remember a later frame, not segmented here, beside the first one.

        Args:
            frame_hwc: uint8 RGB.
            soft_hw: Its mask, float32 (H, W) in [0, 1]; an empty one is not remembered.
        """
        box = robust_box(soft_hw >= 0.5)
        if box is None or self.memory.all is None:
            return
        crop = SquareCrop.around(box, CONTEXT, SIDE)
        look = Look.at(frame_hwc, crop, Hint(box), None)
        self.memory.add(self._remembered(look, np.ascontiguousarray(crop.cut(soft_hw)), False))

    def begin(self, frame_hwc: FrameHWC, hint: Hint, place: int = 0) -> list[Seen]:
        """Look at a hint one way, before the others are there; may be called from several threads.

        Args:
            frame_hwc: uint8 RGB.
            hint: Its box touches the frame.
            place: It will have among all hints of the frame.

        Returns:
            What each of its crops shows, for :meth:`segment`.
        """
        way = (self._views.first_mirrored(place),)
        looks = [Look.at(frame_hwc, crop, hint, self.colours) for crop in self._crops(hint)]
        return [
            self._seen_in(look, way, [self._mask(look, *way, self.memory.all)]) for look in looks
        ]

    def segment(
        self,
        frame_hwc: FrameHWC,
        hints: Sequence[Hint],
        begun: Sequence[list[Seen]] | None = None,
    ) -> list[Segmented]:
        """Masks of all hints of a frame.

        Args:
            frame_hwc: uint8 RGB.
            hints: At least one; their boxes touch the frame.
            begun: What :meth:`begin` gave for each.
        """
        size_wh, step = (frame_hwc.shape[1], frame_hwc.shape[0]), len(self._views.contexts)
        if begun is None:
            first = [self._views.first_mirrored(place) for place in range(len(hints))]
        else:
            first = [one[0].mirrored for one in begun]
        ways = self._views.ways([hint.box for hint in hints], first)
        placed = [(crop, hint) for hint in hints for crop in self._crops(hint)]
        every = [way for way in ways for _ in range(step)]
        there = [] if begun is None else [seen for one in begun for seen in one]
        seen = self._see(frame_hwc, placed, every, self.colours, self.memory.all, there)
        self._seen = seen[::step]
        shown = [(one.look.crop, one.soft_ss) for one in seen]
        return [Segmented.mean(shown[k : k + step], size_wh) for k in range(0, len(seen), step)]

    def look_again(self, frame_hwc: FrameHWC, hint: Hint) -> Segmented:
        """The mask of one more hint of the frame just segmented; it may be remembered, too."""
        crop = SquareCrop.around(hint.box, CONTEXT, SIDE)
        way = (False, True) if self._views.mirror else (False,)
        seen = self._see(frame_hwc, [(crop, hint)], [way], self.colours, self.memory.all)
        self._seen = [*self._seen, *seen]
        return Segmented.mean([(crop, seen[0].soft_ss)], (frame_hwc.shape[1], frame_hwc.shape[0]))

    def _crops(self, hint: Hint) -> list[SquareCrop]:
        return [SquareCrop.around(hint.box, context, SIDE) for context in self._views.contexts]

    def _see(
        self,
        frame_hwc: FrameHWC,
        placed: Sequence[tuple[SquareCrop, Hint]],
        ways: Sequence[tuple[bool, ...]],
        colours: ColourModel | None,
        memory: Memory | None,
        begun: Sequence[Seen] = (),
    ) -> list[Seen]:
        """What the network sees in crops, each as it is, mirrored, or the mean of both.

        Crops share nothing, so each is looked at by itself, beside others: one image's maps stay in
        a processor's cache, a batch's do not.
        """
        looks = [one.look for one in begun] or side_by_side(
            [partial(Look.at, frame_hwc, *one, colours) for one in placed]
        )
        pairs = list(zip(looks, ways, strict=True))
        there = 1 if begun else 0
        jobs = [
            partial(self._mask, look, way, memory) for look, own in pairs for way in own[there:]
        ]
        found = iter(side_by_side(jobs))
        seen = []
        for place, (look, own) in enumerate(pairs):
            masks = [(begun[place].soft_ss, begun[place].features)] if begun else []
            masks += [next(found) for _ in own[there:]]
            seen.append(self._seen_in(look, own, masks))
        return seen

    @staticmethod
    def _seen_in(
        look: Look, ways: tuple[bool, ...], masks: Sequence[tuple[SoftHW, Features]]
    ) -> Seen:
        soft = masks[0][0]
        if len(masks) > 1:
            soft = (soft + masks[1][0]) / np.float32(2)
        return Seen(look, soft, masks[0][1], ways[0])

    @on_one_processor
    def _mask(self, look: Look, mirrored: bool, memory: Memory | None) -> tuple[SoftHW, Features]:
        """The soft mask of a crop, float32 (S, S), and the features as they were seen."""
        with torch.inference_mode():  # which is a thread's own
            image, maps = look.tensors(mirrored)
            features = self._network.features(image, maps)
            soft = torch.sigmoid(self._network.decode(image, maps, features, memory))[0, 0]
            return (soft.flip(1) if mirrored else soft).numpy(), features

    @on_one_processor
    def _remembered(self, look: Look, soft_ss: SoftHW, mirrored: bool) -> Memory:
        """What a crop leaves behind whose features are not there yet."""
        with torch.inference_mode():
            features = self._network.features(*look.tensors(mirrored))
            return self._kept(Seen(look, soft_ss, features, mirrored), soft_ss)

    def _kept(self, seen: Seen, soft_ss: SoftHW) -> Memory:
        """What a crop leaves behind, with the mask that was believed."""
        mask, box = torch.from_numpy(soft_ss)[None, None], seen.look.maps_1css[:, :1]
        if seen.mirrored:
            mask, box = mask.flip(3), box.flip(3)
        return self._network.remember(seen.features, box, mask)

    @on_one_processor
    def remember(self, soft_hw: SoftHW, place: int = 0) -> None:
        """Keep the frame just segmented, with the mask that was believed in the end.

        Args:
            soft_hw: float32 (H, W) in [0, 1].
            place: Of the hint whose crop shows it best.
        """
        seen = self._seen[place]
        soft = np.ascontiguousarray(seen.look.crop.cut(soft_hw))
        with torch.inference_mode():
            self.memory.add(self._kept(seen, soft))
        if self.colours is not None:
            self.colours.learn(colour_index(seen.look.shown_hwc), soft, self._rate)


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
def mask_in_box_to_tune(weights: str = "") -> MaskInBox:
    """The network as it was learned, read once: what :class:`FineTuning` begins with.

    Args:
        weights: As of :func:`shared_mask_in_box`.

    Raises:
        InputError: As :func:`spectrack.weights.networks.load_network`.
    """
    return load_network(weights or str(shipped_mask_in_box()), MaskInBox).network


@lru_cache(maxsize=2)
def _read_once(weights: str, runtime: Runtime) -> MaskInBox | OnnxMaskInBox:
    network = mask_in_box_to_tune(weights)
    return OnnxMaskInBox(network, SIDE) if runtime == "onnx" else for_inference(network)
