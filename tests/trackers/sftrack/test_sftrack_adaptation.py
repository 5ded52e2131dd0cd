"""Online fine-tuning: towards what is sure, in the last level alone, on a copy."""

from __future__ import annotations

import numpy as np
import torch

from spectrack.structures import Box
from spectrack.trackers.sftrack.adaptation import Adaptation
from spectrack.trackers.sftrack.crop import SIDE, Crop
from spectrack.trackers.sftrack.feat2seg import Feat2Seg
from tiny_training import little_work  # noqa: F401


def _scene() -> tuple[np.ndarray, Crop, np.ndarray]:
    soft = np.zeros((80, 100), dtype=np.float32)
    soft[20:60, 30:70] = 1.0
    soft[20:60, 60:70] = 0.5  # not sure
    crop = Crop.around(Box(30, 20, 40, 40))
    maps = np.random.default_rng(0).integers(0, 256, (1, 5, SIDE, SIDE), dtype=np.uint8)
    maps[0, 4] = np.rint(255 * crop.cut(soft))
    return maps, crop, soft


def test_steps_lower_the_loss_and_leave_the_given_network_alone() -> None:
    torch.manual_seed(0)
    network = Feat2Seg((8, 12, 16))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    adaptation = Adaptation(network, 0.05)
    maps, crop, soft = _scene()
    losses = [adaptation.learn(maps, [crop], soft) for _ in range(25)]
    assert losses[-1] < 0.7 * losses[0]
    for name, value in network.state_dict().items():
        torch.testing.assert_close(value, before[name])
    changed = {
        name
        for name, value in adaptation.network.state_dict().items()
        if not torch.equal(value, before[name])
    }
    assert changed
    assert all(name.startswith(("unet.head", "unet.merge.0")) for name in changed)


def test_unsure_masks_teach_nothing() -> None:
    adaptation = Adaptation(Feat2Seg((8, 12)), 0.05)
    maps, crop, soft = _scene()
    before = {name: value.clone() for name, value in adaptation.network.state_dict().items()}
    assert adaptation.learn(maps, [crop], np.full_like(soft, 0.6)) == 0.0
    for name, value in adaptation.network.state_dict().items():
        torch.testing.assert_close(value, before[name])
