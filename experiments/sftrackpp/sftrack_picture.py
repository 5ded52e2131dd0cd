"""Frames with the boxes of all inputs, mask and box of SFTrack++, and the truth (as Fig. 12)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from experiments.sftrackpp.sftrack_rows import dataset
from experiments.sftrackpp.sftrack_systems import INPUTS
from spectrack.structures import Box, FrameHWC, Mask
from spectrack.video.draw import COLORS, draw_overlay, text_tile
from spectrack.video.sheet import contact_sheet

if TYPE_CHECKING:
    from experiments.sftrackpp.sftrack_kept import Kept

AT = (0.2, 0.5, 0.9)
WIDTH, COLUMNS = 380, 3
OURS, TRUTH = COLORS[0], (255, 255, 255)
SHOWN = dict(zip(INPUTS, (COLORS[1], COLORS[3], COLORS[4], COLORS[5], COLORS[2]), strict=True))


def picture(kept: Kept, every: int = 3) -> FrameHWC | None:
    """Some sequences of DAVIS, three frames a row; None where too little was run.

    Args:
        kept: All runs; the shipped weights are shown, or the first training.
        every: Take every so many sequences.
    """
    if "davis" not in kept.roots:
        return None
    cells, labels = [], []
    for name in kept.names["davis"][::every]:
        trainings = ["shipped", *kept.trainings]
        ours = next((r for t in trainings if (r := kept.run("davis", name, "sftrack", t))), None)
        if ours is None:
            continue
        inputs = {row: kept.run("davis", name, row, "shipped") for row in INPUTS}
        boxes = {row: run["rows"][row]["boxes"] for row, run in inputs.items() if run is not None}
        count = len(ours["masks"])
        wanted = [round(share * (count - 1)) for share in AT]
        sequence = dataset("davis", kept.roots["davis"])[name]
        with sequence.frames() as frames:
            for t, frame in enumerate(frames):
                if t in wanted:
                    drawn = _draw(frame, sequence.truth_box(t), ours, boxes, t)
                    cells.append(drawn)
                    labels.append(f"{name}, frame {t}")
    if not cells:
        return None
    sheet = contact_sheet(cells, labels, COLUMNS, WIDTH)
    return np.concatenate([_legend(sheet.shape[1]), sheet])


def _draw(
    frame: FrameHWC, truth: Box | None, ours: dict, boxes: dict[str, list], t: int
) -> FrameHWC:
    # Drawn at the size shown, so that lines stay lines.
    width, height = ours["size"]
    scale = WIDTH / width
    small = (WIDTH, round(height * scale))
    out = np.asarray(cv2.resize(frame, small, interpolation=cv2.INTER_AREA), np.uint8)
    mask, counts = None, ours["masks"][t]
    if counts is not None:
        full = Mask(height, width, counts.encode()).decode().astype(np.float32)
        mask = cv2.resize(full, small, interpolation=cv2.INTER_AREA)
    out = draw_overlay(out, mask, color=OURS, alpha=0.3)
    layers = [(SHOWN[row], found[t] if t < len(found) else None) for row, found in boxes.items()]
    layers += [(TRUTH, truth), (OURS, ours["rows"]["sftrack"]["boxes"][t])]
    for color, box in layers:
        if box is not None:
            out = draw_overlay(out, box=[scale * edge for edge in box], color=color)
    return out


def _legend(width: int) -> FrameHWC:
    """What each colour means, as a bar of that width."""
    named = {"SFTrack++": OURS, "truth": TRUTH}
    named |= {text: SHOWN[row] for row, text in INPUTS.items()}
    tiles = [text_tile(text, 19, color) for text, color in named.items()]
    bar = np.full((tiles[0].shape[0] + 12, width, 3), 236, dtype=np.uint8)
    x = 10
    for tile in tiles:
        shown = tile[:, : max(width - x, 0)]
        bar[6 : 6 + tile.shape[0], x : x + shown.shape[1]] = shown
        x += tile.shape[1] + 14
    return bar
