"""Samples for NN_feat2seg: crops about hypotheses, made once and kept as bytes.

From stills set in motion, with hypotheses made up, and from annotated videos, with hypotheses of
real trackers. A sample is what the tracker would show the network: five maps and the true mask.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spectrack.datasets.synthetic.motion import MotionSettings, synthetic_motion
from spectrack.datasets.synthetic.stills import Still
from spectrack.storage import Progress, replacing
from spectrack.structures import Box, FrameHWC, HardHW, SoftHW
from spectrack.trackers.sftrack.crop import Crop
from spectrack.trackers.sftrack.input_maps import colours_of, input_maps, learn_colours
from spectrack.tracking.appearance import ColourModel
from spectrack.tracking.explanation import Hypothesis
from spectrack.training.data.hypotheses import Hypotheses


@dataclass(frozen=True)
class Samples:
    """Samples in memory or mapped from a file.

    Attributes:
        maps_nchw: uint8 (N, 5, SIDE, SIDE), 255 for 1.
        truth_nhw: uint8 (N, SIDE, SIDE), 255 for the target.
        augment: Mirror at random, and change brightness and colours a little.
    """

    maps_nchw: NDArray[np.uint8]
    truth_nhw: NDArray[np.uint8]
    augment: bool = True

    def __len__(self) -> int:
        return len(self.maps_nchw)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Maps (5, SIDE, SIDE) and truth (SIDE, SIDE) as float32 in [0, 1]."""
        maps = torch.from_numpy(self.maps_nchw[index].astype(np.float32)) / 255
        truth = torch.from_numpy(self.truth_nhw[index].astype(np.float32)) / 255
        if self.augment:
            if torch.rand(()) < 0.5:
                maps, truth = maps.flip(-1), truth.flip(-1)
            gain = 1 + 0.15 * torch.randn(3, 1, 1)
            maps[:3] = (maps[:3] * gain + 0.05 * torch.randn(3, 1, 1)).clamp(0, 1)
        return maps, truth


def still_samples(
    stills: Sequence[Still],
    count: int,
    seed: int,
    out: Path,
    *,
    exact: bool,
    settings: MotionSettings,
    progress: Progress | None = None,
) -> Samples:
    """Samples of stills set in motion; kept in a file and read from there the next time.

    Args:
        stills: Where objects and backgrounds come from.
        count: How many samples.
        seed: Decides all of them.
        out: The file, without suffix.
        exact: Boxes close to the truth alone, for the start of the curriculum; otherwise boxes
            that are off, and soft masks with errors, too.
        settings: Of the motion.
        progress: Called with samples made and in all.
    """

    def make(index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]] | None:
        rng = np.random.default_rng((seed, index))
        still = stills[int(rng.integers(len(stills)))]
        others = [stills[int(i)] for i in rng.integers(len(stills), size=2)]
        clip = synthetic_motion(still, rng, 2, settings, others)
        truth = clip.masks_thw[1]
        tight = Box.from_mask(truth)
        if tight is None or tight.area < 64:
            return None
        spread = 0.04 if exact else float(rng.choice([0.04, 0.1, 0.2]))
        box = jittered(tight, spread, rng)
        soft = None if exact or rng.random() < 0.55 else corrupted(truth, tight, rng)
        if soft is not None:
            box = Box.from_mask(soft >= 128) or box
        reference = None
        if rng.random() < 0.75 and clip.masks_thw[0].any():
            reference = (clip.frames_thwc[0], clip.masks_thw[0])
        colours = None if reference is None else colours_of(*reference)
        return sample(clip.frames_thwc[1], truth, box, soft, colours)

    return _kept(out, count, make, progress)


def video_samples(
    hypotheses: Sequence[Hypotheses],
    seed: int,
    out: Path,
    *,
    share: float = 1.0,
    progress: Progress | None = None,
) -> Samples:
    """Samples of annotated videos: a sample for every hypothesis, or a share of them.

    Args:
        hypotheses: What trackers said.
        seed: Decides the draw and the colours.
        out: As in :func:`still_samples`.
        share: Of the hypotheses to take.
        progress: As in :func:`still_samples`.
    """
    places = [
        (v, t, k)
        for v, one in enumerate(hypotheses)
        for t in range(len(one.video))
        for k in range(len(one.trackers))
        if t > one.starts_t[t] and one.box(t, k) is not None
    ]
    rng = np.random.default_rng((seed, len(places)))
    chosen = sorted(rng.choice(len(places), round(share * len(places)), replace=False).tolist())
    videos = _Videos(hypotheses)

    def make(index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]] | None:
        v, t, k = places[chosen[index]]
        rng = np.random.default_rng((seed, v, t, k))
        one = hypotheses[v]
        frames, truths = videos.of(v)
        box = one.box(t, k)
        assert box is not None
        soft = one.mask(t, k)
        start = int(one.starts_t[t])
        colours = None
        if truths[start].any() and rng.random() < 0.85:
            colours = colours_of(frames[start], truths[start])
            for recent in range(max(start + 1, t - 4), t):
                learn_colours(colours, frames[recent], truths[recent], 0.3)
        return sample(frames[t], truths[t], box, soft, colours)

    return _kept(out, len(chosen), make, progress)


class _Videos:
    """Frames and truths of the video read last; samples come video by video."""

    def __init__(self, hypotheses: Sequence[Hypotheses]) -> None:
        self._hypotheses, self._last = hypotheses, -1
        self._held: tuple[list[FrameHWC], list[HardHW]] = ([], [])

    def of(self, index: int) -> tuple[list[FrameHWC], list[HardHW]]:
        if index != self._last:
            video = self._hypotheses[index].video
            with video.frames() as frames:
                images = list(frames)
            empty = np.zeros(images[0].shape[:2], dtype=bool)
            truths = [video.truth_mask(t) for t in range(len(images))]
            self._held = images, [empty if m is None else m for m in truths]
            self._last = index
        return self._held


def sample(
    frame_hwc: FrameHWC,
    truth_hw: HardHW,
    box: Box,
    soft_hw: NDArray[np.uint8] | None,
    colours: ColourModel | None,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Maps and truth of one hypothesis."""
    crop = Crop.around(box)
    truth = crop.cut(truth_hw.astype(np.uint8) * np.uint8(255))
    return input_maps(frame_hwc, crop, Hypothesis(box, soft_hw), colours), truth


def jittered(box: Box, spread: float, rng: np.random.Generator) -> Box:
    """A box that is off: its centre by normal errors of ``spread`` sides, its sides likewise."""
    dx, dy, a, b = rng.normal(0, spread, 4)
    cx, cy = box.center
    w, h = box.w * float(np.exp(a)), box.h * float(np.exp(b))
    return Box(cx + dx * box.w - w / 2, cy + dy * box.h - h / 2, max(w, 2.0), max(h, 2.0))


def corrupted(mask_hw: HardHW, tight: Box, rng: np.random.Generator) -> NDArray[np.uint8]:
    """A soft mask with errors as trackers make them, uint8 (H, W) with 255 for 1.

    Bent and shifted, grown or shrunk unevenly, with parts missing or added, and blurred.
    """
    height, width = mask_hw.shape
    size = float(np.sqrt(tight.area))
    field = smooth_noise((height, width), 3, size / 2, rng)
    bend = size * float(rng.choice([0.02, 0.05, 0.1]))
    shift = rng.normal(0, 0.03 * size, 2)
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    moved = cv2.remap(
        mask_hw.astype(np.float32),
        x + np.float32(shift[0]) + bend * field[0],
        y + np.float32(shift[1]) + bend * field[1],
        cv2.INTER_LINEAR,
    )
    blur = max(0.5, size * float(rng.uniform(0.005, 0.06)))
    soft = cv2.GaussianBlur(moved, (0, 0), blur)
    uneven = float(rng.choice([0.1, 0.3, 0.5]))
    odds = float(rng.uniform(6, 20)) * (soft - 0.5 + uneven * field[2] * (soft > 0.02))
    if rng.random() < 0.5:  # a part missing, or a part of the surroundings taken along
        sign = -1 if rng.random() < 0.6 else 1
        cx = tight.x + float(rng.uniform(-0.1, 1.1)) * tight.w
        cy = tight.y + float(rng.uniform(-0.1, 1.1)) * tight.h
        axes = size * rng.uniform(0.1, 0.5, 2)
        blob = np.zeros((height, width), np.float32)
        center, angle = (round(cx), round(cy)), float(rng.uniform(0, 180))
        cv2.ellipse(blob, center, tuple(max(1, round(a)) for a in axes), angle, 0, 360, 1, -1)
        odds = odds + sign * 8 * cv2.GaussianBlur(blob, (0, 0), blur)
    return np.rint(255 / (1 + np.exp(-odds))).astype(np.uint8)


def smooth_noise(
    size_hw: tuple[int, int], maps: int, period: float, rng: np.random.Generator
) -> SoftHW:
    """Normal noise on a coarse grid, bicubically enlarged: float32 (maps, H, W), about unit size.

    Args:
        size_hw: Height and width.
        maps: How many.
        period: Pixels between grid points.
        rng: Where it comes from.
    """
    height, width = size_hw
    rows, cols = (max(2, round(n / max(period, 1)) + 1) for n in (height, width))
    coarse = rng.standard_normal((maps, min(rows, height), min(cols, width))).astype(np.float32)
    large = [cv2.resize(one, (width, height), interpolation=cv2.INTER_CUBIC) for one in coarse]
    return np.stack(large)


def _kept(
    out: Path,
    count: int,
    make: Callable[[int], tuple[NDArray[np.uint8], NDArray[np.uint8]] | None],
    progress: Progress | None,
) -> Samples:
    """Samples of a file, made first where it is not there; None leaves a sample out."""
    files = [out.with_name(f"{out.name}-{what}.npy") for what in ("maps", "truth")]
    if not all(file.is_file() for file in files):
        out.parent.mkdir(parents=True, exist_ok=True)
        made: list[Any] = []
        for index in range(count):
            one = make(index)
            if one is not None:
                made.append(one)
            if progress is not None:
                progress(index + 1, count)
        for file, part in zip(files, zip(*made, strict=True), strict=True):
            with replacing(file) as aside, aside.open("wb") as handle:
                np.save(handle, np.stack(part))
    maps, truth = (np.load(file, mmap_mode="r") for file in files)
    return Samples(maps, truth)
