"""The input channels of the SFSeg++ experiments: masks of 13 unsupervised methods on DAVIS-2016.

Best first, by their published J on all 20 validation sequences. ``sflu`` and ``segflow_ours_ol``
are the same masks under two names on the sequences at hand; both are kept, as they were published.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectrack.datasets import base
from spectrack.datasets.davis import Davis2016
from spectrack.datasets.synthetic.noise import NoiseKind, disturb, replace
from spectrack.flow.estimators import FlowPair
from spectrack.flow.local import flow_pair, quick_flow
from spectrack.fusion.train_videos import FusionVideo
from spectrack.video.masks import read_hard_mask, read_mask

CHANNELS = [
    "matnet",
    "andiff",
    "epo+",
    "ags",
    "lsmo",
    "pdb",
    "motadapt",
    "lvo",
    "fseg",
    "sflu",
    "segflow_ours_ol",
    "tis",
    "cut",
]
TRAINED = ["fseg", "segflow_ours_ol", "tis"]
"""The three whose masks were published for the training sequences too."""

COMBINATIONS = {
    "top 3 + noise 10": (3, 0),
    "top 3 + noisy 10": (3, 10),
    "top 3 + noisy 5 + noise 5": (3, 5),
}
"""Name of each combination of Table 4: channels left as they are, and channels with noise on them;
what is left is replaced by noise. The paper has 15 channels: 12 for 10, and 7 for the last 5."""


Noise = tuple[NoiseKind, str] | None
"""Kind of noise and name of a combination; None leaves all as it is."""


@dataclass(frozen=True)
class Clip:
    """One sequence with the masks of all channels.

    Attributes:
        name: Of the sequence.
        channels_tchw: uint8 (T, C, H, W), 255 for foreground.
        present_tc: bool (T, C): whether the method has a mask there.
        truth_thw: bool (T, H, W).
        sequence: Its frames.
    """

    name: str
    channels_tchw: NDArray[np.uint8]
    present_tc: NDArray[np.bool_]
    truth_thw: NDArray[np.bool_]
    sequence: base.VideoSequence

    @property
    def scored(self) -> slice:
        """Frames that count in the DAVIS rule: all but the first and the last."""
        return slice(1, len(self.truth_thw) - 1)

    def frames(self) -> list[NDArray[np.uint8]]:
        """All frames, uint8 RGB (H, W, 3)."""
        with self.sequence.frames() as frames:
            return list(frames)


def names(root: Path, split: str = "val", quick: bool = False) -> list[str]:
    """Sequences of a split; three of them for a quick look."""
    found = list(dataset(root, split))
    return found[:3] if quick else found


def dataset(root: Path, split: str) -> Davis2016:
    """The split at the size its frames have: training frames are there at 240p only."""
    return Davis2016(root, split, "480p" if split == "val" else "240p")


def load_clip(
    root: Path,
    name: str,
    methods: Sequence[str] = CHANNELS,
    split: str = "val",
    most: int | None = None,
) -> Clip:
    """Read the masks of every method for one sequence.

    Args:
        root: Folder of DAVIS-2016.
        name: Of the sequence.
        methods: The channels, in order.
        split: The split it belongs to; masks and truth are at 480p in both.
        most: Only so many frames.
    """
    sequence = dataset(root, split)[name]
    stems = sequence.stems[:most]
    truth_thw = np.stack(
        [read_mask(root / "Annotations" / "480p" / name / f"{stem}.png") > 0 for stem in stems]
    )
    channels = np.zeros((len(stems), len(methods), *truth_thw.shape[1:]), np.uint8)
    present = np.zeros((len(stems), len(methods)), bool)
    for c, method in enumerate(methods):
        for t, stem in enumerate(stems):
            path = root / "Results" / "480p" / method / name / f"{stem}.png"
            if path.is_file():
                channels[t, c], present[t, c] = 255 * read_hard_mask(path), True
    return Clip(name, channels, present, truth_thw, sequence)


def disturbed(clip: Clip, noise: Noise, seed: int = 0) -> Clip:
    """The clip with its channels under one of the noises of Table 4."""
    if noise is None:
        return clip
    kind, combination = noise
    kept, noisy = COMBINATIONS[combination]
    maps, present = clip.channels_tchw.copy(), clip.present_tc.copy()
    present[:, kept + noisy :] = True
    for t, frame in enumerate(maps):
        for c in range(kept, len(frame)):
            if c < kept + noisy:
                soft = disturb(frame[c].astype(np.float32) / 255, kind, seed, c, t)
            else:
                soft = replace(frame[c].shape, kind, seed, c, t)
            frame[c] = np.rint(255 * soft)
    return dataclasses.replace(clip, channels_tchw=maps, present_tc=present)


def flows(frames: Sequence[NDArray[np.uint8]]) -> list[FlowPair]:
    """Flow between consecutive frames, both ways, over the whole frame."""
    flow = quick_flow()
    return [flow_pair(flow, a, b, None) for a, b in pairwise(frames)]


def fusion_video(clip: Clip) -> FusionVideo:
    """The clip as training data; its frames are read only where they are asked for."""

    def frame(t: int) -> NDArray[np.uint8]:
        with clip.sequence.frames() as frames:
            return frames[t]

    return FusionVideo(
        name=clip.name,
        length=len(clip.truth_thw),
        masks=lambda t: (clip.channels_tchw[t], clip.present_tc[t]),
        truth=lambda t: clip.truth_thw[t],
        frame=frame,
    )
