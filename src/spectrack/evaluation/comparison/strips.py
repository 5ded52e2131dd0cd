"""Small pictures of the worst sequences: what every run answered in some of their frames."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from spectrack.datasets.base import VideoSequence
from spectrack.evaluation.results import Result
from spectrack.structures import Box, FrameHWC, HardHW
from spectrack.video.draw import draw_overlay

PICTURES = 5
"""Frames of a strip."""
WIDTH = 220
"""Of each, in pixels."""
GAP = 3
"""Between them."""
QUALITY = 72
MOST_BYTES = 3 << 20
"""All strips of a page together; those that would be more are left out."""
TRUTH, ANSWER = (240, 240, 240), (255, 76, 60)
_GREY = 128


@dataclass(frozen=True, slots=True)
class Strip:
    """One run in one sequence.

    Args:
        run: Name of the run.
        uri: The picture, a JPEG as a data URI.
        width: Of the picture, pixels.
        height: Of the picture.
    """

    run: str
    uri: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Strips:
    """Strips of a sequence: names of the frames shown, and a strip a run."""

    sequence: str
    frames: tuple[str, ...]
    strips: tuple[Strip, ...]


def fitting(strips: Sequence[Strips]) -> list[Strips]:
    """The first sequences, as many as fit into :data:`MOST_BYTES`."""
    out: list[Strips] = []
    used = 0
    for one in strips:
        used += sum(len(strip.uri) for strip in one.strips)
        if used > MOST_BYTES:
            break
        out.append(one)
    return out


def draw_sequence(sequence: VideoSequence, results: Mapping[str, Path]) -> Strips:
    """Draw one sequence: frames spread over it, the answer in colour, the truth as a pale line."""
    places = np.unique(np.linspace(0, len(sequence) - 1, PICTURES + 1).round().astype(int)[1:])
    opened = {run: Result.of_folder(folder, sequence) for run, folder in results.items()}
    rows: dict[str, list[FrameHWC]] = {run: [] for run in opened}
    with sequence.frames() as frames:
        for t in places.tolist():
            frame = frames[t]
            scale = WIDTH / frame.shape[1]
            truth_mask, truth_box = sequence.truth_mask(t), sequence.truth_box(t)
            small = _resized(frame, scale)
            for run, result in opened.items():
                mask = result.mask(t)
                box = None if mask is not None else result.box(t)
                lost = box is None and (mask is None or not mask.any())
                drawn = _drawn(small, mask, box, scale, ANSWER, 0.45, "lost" if lost else None)
                shown = None if truth_mask is not None else truth_box
                rows[run].append(_drawn(drawn, truth_mask, shown, scale, TRUTH, 0.0))
    strips = tuple(_strip(run, row) for run, row in rows.items())
    return Strips(sequence.name, tuple(sequence.stems[t] for t in places.tolist()), strips)


def _drawn(
    small: FrameHWC,
    mask: HardHW | None,
    box: Box | None,
    scale: float,
    color: tuple[int, int, int],
    alpha: float,
    label: str | None = None,
) -> FrameHWC:
    """An answer on a picture that was made smaller."""
    height, width = small.shape[:2]
    inside = None
    if mask is not None:
        inside = cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    there = None if box is None else Box(*(v * scale for v in box))
    return draw_overlay(small, mask_hw=inside, box=there, label=label, color=color, alpha=alpha)


def _resized(frame: FrameHWC, scale: float) -> FrameHWC:
    height = max(1, round(frame.shape[0] * scale))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small: FrameHWC = np.asarray(cv2.resize(frame, (WIDTH, height), interpolation=how), np.uint8)
    return small


def _strip(run: str, pictures: Sequence[FrameHWC]) -> Strip:
    """Pictures side by side, with grey between them."""
    gap = np.full((pictures[0].shape[0], GAP, 3), _GREY, np.uint8)
    parts = [part for picture in pictures for part in (gap, picture)][1:]
    picture, file = np.hstack(parts), io.BytesIO()
    Image.fromarray(picture).save(file, format="JPEG", quality=QUALITY, optimize=True)
    coded = base64.b64encode(file.getvalue()).decode("ascii")
    return Strip(run, f"data:image/jpeg;base64,{coded}", picture.shape[1], picture.shape[0])
