"""One frame of a discriminative tracker: ATOM, DiMP and its successors, KYS.

A square patch about the target's last place goes through a backbone once. A classifier, learned on
the spot, says where the target is in it and how far that is to be believed; a second part of the
network makes the box fit; the classifier then learns from the frame. What the trackers differ in is
the classifier, which is a part of its own here, and numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from spectrack.networks.folding import for_inference
from spectrack.networks.mobilenet_v2 import MobileNetLayers
from spectrack.networks.resnet import ResNet
from spectrack.structures import Box, FrameHWC, Prediction, SoftHW, Target
from spectrack.tracking.base import Tracker
from spectrack.tracking.localisation import Flag
from spectrack.tracking.online_parts import BoxRefiner, Layers, OnlineClassifier, View, only
from spectrack.tracking.patches import Border, Patch, crop_centre, pair, plan_patch
from spectrack.tracking.search_region import centre_of
from spectrack.tracking.target_state import TargetState
from spectrack.tracking.variations import Variations, first_samples

Backbone = ResNet | MobileNetLayers

STRIDE = 16
"""Pixels of the patch for a cell of the features that classifiers read (layer3)."""

UNREAD = ("layer4", "fc")
"""Parts of a backbone that no tracker of the family reads."""


@dataclass(frozen=True, slots=True)
class FrameSettings:
    """How frames are looked at.

    Args:
        side: Height and width of the patch as the network sees it.
        search: Side of the patch in sides of the target.
        border: What to do at the frame's edge, see :func:`~spectrack.tracking.patches.plan_patch`.
        max_scale_change: See there.
        kernel: Side of the classifier's filter; it decides where patches are centred.
        layers: Of the backbone that the classifier and the refinement read.
        variations: Of the first frame.
        rounded: Count from the centre and scale that were asked for, the centre rounded, as ATOM
            does; where False, from those of the pixels that were cut.
        scales: A frame is looked at with its patch larger by each of these factors.
        seed: Of what is left to chance.
    """

    side: int
    search: float
    border: Border = "replicate"
    max_scale_change: float | None = None
    kernel: int = 4
    layers: tuple[str, ...] = ("layer2", "layer3")
    variations: Variations = field(default_factory=Variations)
    rounded: bool = False
    scales: tuple[float, ...] = (1.0,)
    seed: int = 0

    @property
    def patch_hw(self) -> tuple[int, int]:
        """Size of the patch."""
        return self.side, self.side


class OnlineTracker(Tracker):
    """Follows a target by a classifier learned on the spot; a tracker of the family builds on it.

    A box is given in every frame; where the target is not found, it is the last one.

    Args:
        settings: Of the tracker.
        frame: How frames are looked at.
        backbone: Of the network, on its device.
        classifier: Where the target is.
        refiner: How large it is; where None, its size goes by the best of the ``scales``.
    """

    carries_masks = True

    def __init__(
        self,
        settings: Any,
        frame: FrameSettings,
        backbone: Backbone,
        classifier: OnlineClassifier,
        refiner: BoxRefiner | None,
    ) -> None:
        super().__init__(settings)
        self._frame, self._backbone = frame, backbone
        self._classifier, self._refiner = classifier, refiner
        self._device = next(backbone.parameters()).device

    @torch.inference_mode()
    def _init(self, frame_hwc: FrameHWC, target: Target) -> Prediction:
        frame, chance = self._frame, np.random.default_rng(self._frame.seed)
        self._number = 1
        self.state = TargetState.about(target.box, frame.search, frame.patch_hw, self.size_wh[::-1])
        # The centre is cut to whole pixels, but the target's place is told from the rounded one.
        middle = np.round(self.state.pos_yx)
        samples = first_samples(
            frame_hwc,
            self.state.pos_yx if frame.rounded else middle,
            self.state.scale,
            frame.patch_hw,
            frame.variations,
            chance,
            self._device,
        )
        layers = self.layers(samples.patches_nchw)
        view = View.of(middle, self.state.scale, frame.patch_hw, self.state)
        if self._refiner is not None:
            self._refiner.start(only(layers, 0), view.last_box, chance)
        self._classifier.start(layers, samples, view, chance)
        return Prediction(target.box, None, 1.0)

    @torch.inference_mode()
    def _update(self, frame_hwc: FrameHWC) -> Prediction:
        self._number += 1
        patches = self.patches()
        views = [self._view(patch, scale) for patch, scale in patches]
        pixels = torch.cat([patch.cut(frame_hwc, self._device) for patch, _ in patches])
        layers = self.layers(pixels)
        sighting = self._classifier.locate(layers, views)
        view = views[sighting.which]
        found = sighting.flag is not Flag.NOT_FOUND
        if found:
            self.state.move(view.in_frame(sighting.moved_yx))
            self._fit(only(layers, sighting.which), view)
        self._classifier.learn(self._number, sighting, view, self.state)
        score = min(max(sighting.score, 0.0), 1.0)
        return Prediction(self.state.box, None, score, found)

    @torch.inference_mode()
    def _correct(self, frame_hwc: FrameHWC, soft_hw: SoftHW) -> None:
        """Look about the mask's box in the next frame; what was learned stays."""
        del frame_hwc
        tight = Box.from_mask(soft_hw >= 0.5)
        if tight is not None:
            self.state.fit(centre_of(tight), pair((tight.h, tight.w)))
            self._classifier.follow(self.state)

    def patches(self) -> list[tuple[Patch, float]]:
        """The patches to look at next, each with the scale that was asked for."""
        frame, cells = self._frame, self._frame.side // STRIDE
        found = []
        for factor in frame.scales:
            scale = self.state.scale * factor
            centre = crop_centre(
                self.state.pos_yx, scale, frame.patch_hw, (cells, cells), frame.kernel
            )
            patch = plan_patch(
                centre,
                np.float32(scale) * pair(frame.patch_hw),
                frame.patch_hw,
                self.size_wh[::-1],
                frame.border,
                frame.max_scale_change,
            )
            found.append((patch, scale))
        return found

    def layers(self, patches_nchw: Tensor) -> Layers:
        """Layers of the backbone, of patches with values 0 to 255, in single precision."""
        kind = next(self._backbone.parameters()).dtype
        pixels = self._backbone.normalise(patches_nchw).to(kind)
        found = self._backbone(pixels, self._frame.layers)
        return {name: maps.float() for name, maps in found.items()}

    def _view(self, patch: Patch, scale: float) -> View:
        if self._frame.rounded:
            pos = np.round(self.state.pos_yx)
            return View.of(pos, scale, self._frame.patch_hw, self.state)
        return View.of(patch.pos_yx, patch.scale, self._frame.patch_hw, self.state)

    def _fit(self, layers: Layers, view: View) -> None:
        """Make the box fit; it stays where nothing better is to be trusted."""
        if self._refiner is None:
            self.state.rescale(view.scale)
            return
        box = view.box(self.state.pos_yx, self.state.size_hw)
        better = self._refiner.refine(layers, box)
        if better is not None:
            self.state.fit(*view.place(better))


N = TypeVar("N", bound=nn.Module)


def prepared(network: N, backbone: str, device: torch.device, half: bool) -> N:
    """A copy of a network, made for answering, where it runs.

    Parts of the backbone behind layer3, which checkpoints hold and nothing reads, are left out.

    Args:
        network: Stays as it is.
        backbone: Name of its backbone.
        device: Where the copy runs.
        half: The backbone in half precision, if that is a GPU; what learns stays in single
            precision, as its sums of squares do not fit.
    """
    copy = for_inference(network)
    body = copy.get_submodule(backbone)
    for name in [name for name, _ in body.named_children() if name in UNREAD]:
        delattr(body, name)
    copy.to(device)
    if half and device.type == "cuda":
        body.half()
    return copy
