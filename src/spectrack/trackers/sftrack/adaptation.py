"""NN_feat2seg fine-tuned online, frame by frame (SFTrack++ paper, Fig. 1); off by default.

The truth of the first frame is its mask, that of later ones the fused mask where it is sure; only
the last level of the network learns, so that a frame's few pixels cannot undo what all the training
taught.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from spectrack.structures import SoftHW
from spectrack.trackers.sftrack.crop import Crop
from spectrack.trackers.sftrack.feat2seg import Feat2Seg

SURE = 0.8
"""Pixels at least this soft are target, those at most 1 - SURE are background; the rest is left."""

FIRST_STEPS = 10
"""Steps in the first frame."""


class Adaptation:
    """A network of its own for one target.

    Args:
        network: Trained; it is copied, not changed.
        rate: Learning rate of the steps.
    """

    def __init__(self, network: Feat2Seg, rate: float) -> None:
        self.network = copy.deepcopy(network).eval()
        unet = self.network.unet
        self._learned = [*unet.head.parameters(), *unet.merge[0].parameters()]
        for parameter in self.network.parameters():
            parameter.requires_grad_(False)
        for parameter in self._learned:
            parameter.requires_grad_(True)
        self._optimizer = torch.optim.SGD(self._learned, lr=rate, momentum=0.9)

    def learn(
        self,
        maps_kchw: NDArray[np.uint8],
        crops: Sequence[Crop],
        soft_hw: SoftHW,
        steps: int = 1,
    ) -> float:
        """Take steps towards what was found.

        Args:
            maps_kchw: What the network saw of each hypothesis, uint8 (K, 5, S, S).
            crops: Where each lies.
            soft_hw: The fused mask, float32 (H, W).
            steps: How many.

        Returns:
            The loss before the last step; 0 where no pixel is sure.
        """
        truth = torch.from_numpy(np.stack([crop.cut(soft_hw) for crop in crops]))
        sure = (truth >= SURE) | (truth <= 1 - SURE)
        if not bool((truth >= SURE).any()):
            return 0.0
        maps = torch.from_numpy(maps_kchw).float() / 255
        value = 0.0
        with torch.enable_grad():
            for _ in range(steps):
                logits = self.network(maps).squeeze(1)
                loss = F.binary_cross_entropy_with_logits(logits[sure], (truth[sure] >= SURE) * 1.0)
                self._optimizer.zero_grad()
                loss.backward()
                self._optimizer.step()
                value = float(loss.detach())
        return value
