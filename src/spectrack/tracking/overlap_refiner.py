"""A box made to fit by IoU-Net, a frame at a time: ATOM, DiMP and its successors, KYS.

What the target looks like is asked of the first frame once; a later frame costs its maps once, and
all proposals climb on them together. On a CPU, maps are made about the target alone, and of the
whole patch only where a box climbs out of that.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from spectrack.networks.iou_net import AtomIoUNet
from spectrack.networks.search_maps import SearchMaps
from spectrack.tracking.box_refinement import RefinementSettings, refine
from spectrack.tracking.online_parts import BoxXYWH, Layers

ROOM = 0.75
"""Boxes may climb by so much about the first one, in sqrt(w h), before all of the patch is asked;
proposals begin up to 0.3 away."""


class OverlapRefiner:
    """Follows :class:`~spectrack.tracking.online_parts.BoxRefiner`.

    Args:
        network: In evaluation mode, on its device.
        settings: Of the climb.
    """

    def __init__(self, network: AtomIoUNet, settings: RefinementSettings) -> None:
        self._network, self._settings = network, settings

    def start(self, layers: Layers, box_xywh: BoxXYWH, chance: np.random.Generator) -> None:
        """Take in what the target looks like."""
        boxes = torch.tensor([box_xywh], device=layers["layer3"].device)
        self.modulation = self._network.reference(layers["layer2"], layers["layer3"], boxes)
        self._chance = torch.Generator().manual_seed(int(chance.integers(2**62)))

    def refine(self, layers: Layers, box_xywh: BoxXYWH) -> BoxXYWH | None:
        """The box that the best proposals agree on; None where none has a usual shape."""
        first = torch.tensor(box_xywh, device=layers["layer3"].device)
        target = self._near(layers, box_xywh) if first.device.type == "cpu" else self._all(layers)

        def judge(boxes_npxywh: Tensor) -> tuple[Tensor, Tensor]:
            nonlocal target
            if not target.cover(boxes_npxywh):
                target = self._all(layers)
            return self._network.judge_and_gradient(target, boxes_npxywh)

        found = refine(first, judge, self._settings, self._chance)
        if found is None:
            return None
        x, y, w, h = found.tolist()
        return x, y, w, h

    def _all(self, layers: Layers) -> SearchMaps:
        maps = self._network.test_maps(layers["layer2"], layers["layer3"])
        return maps.modulate(self.modulation)

    def _near(self, layers: Layers, box_xywh: BoxXYWH) -> SearchMaps:
        x, y, w, h = box_xywh
        room = ROOM * math.sqrt(max(w * h, 0))
        near = (x - room, y - room, x + w + room, y + h + room)
        maps = self._network.test_maps_near(layers["layer2"], layers["layer3"], near)
        return maps.modulate(self.modulation)
