"""A box made to fit by IoU-Net, a frame at a time: ATOM, DiMP and its successors, KYS.

What the target looks like is asked of the first frame once; a later frame costs its maps once, and
all proposals climb on them together.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import torch

from spectrack.networks.iou_net import AtomIoUNet
from spectrack.tracking.box_refinement import RefinementSettings, refine
from spectrack.tracking.online_frame import BoxXYWH, Layers


class OverlapRefiner:
    """Follows :class:`~spectrack.tracking.online_frame.BoxRefiner`.

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
        maps = self._network.test_maps(layers["layer2"], layers["layer3"])
        judge = partial(self._network.judge_and_gradient, maps.modulate(self.modulation))
        first = torch.tensor(box_xywh, device=layers["layer3"].device)
        found = refine(first, judge, self._settings, self._chance)
        if found is None:
            return None
        x, y, w, h = found.tolist()
        return x, y, w, h
