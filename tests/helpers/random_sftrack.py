"""Untrained SFTrack++ weights: enough for tests of what is around the networks."""

from __future__ import annotations

from pathlib import Path

import torch

from spectrack.spectral.mixing.settings import MixingSettings
from spectrack.trackers.sftrack.feat2seg import Feat2Seg
from spectrack.trackers.sftrack.seg2box import Seg2Box
from spectrack.trackers.sftrack.weights import SFTrackWeights, save_sftrack

WIDTHS = (4, 4, 4)
"""Far narrower than what is shipped, so that many tests cost little."""


def write_random_weights(path: Path) -> Path:
    """Write a file of weights whose mixing follows agreement alone."""
    torch.manual_seed(3)
    mixing = MixingSettings.robust(["flow", "csrt", "kcf"])
    save_sftrack(path, SFTrackWeights(Feat2Seg(WIDTHS), mixing, Seg2Box(), {"widths": WIDTHS}))
    return path
