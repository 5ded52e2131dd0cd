"""Frames with the boxes of all inputs, mask and box of SFTrack++, and the truth (as Fig. 12)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sftrack_rows import dataset
from sftrack_systems import INPUTS

from spectrack.structures import Box, FrameHWC, Mask
from spectrack.video.draw import COLORS, draw_overlay, text_tile
from spectrack.video.sheet import contact_sheet

if TYPE_CHECKING:
    from sftrack_kept import Kept

AT = (0.2, 0.5, 0.9)
WIDTH, COLUMNS = 460, 3
OURS, TRUTH = COLORS[0], (255, 255, 255)
SHOWN = dict(zip(INPUTS, (COLORS[1], COLORS[3], COLORS[4], COLORS[5], COLORS[2]), strict=True))


def picture(kept: Kept, every: int = 2) -> FrameHWC | None:
    """Every second sequence of DAVIS, three frames a row; None where too little was run.

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
    out = draw_overlay(frame, box=truth, color=TRUTH)
    for row, found in boxes.items():
        if t < len(found) and found[t] is not None:
            out = draw_overlay(out, box=found[t], color=SHOWN[row])
    counts, (width, height) = ours["masks"][t], ours["size"]
    mask = None if counts is None else Mask(height, width, counts.encode()).decode()
    return draw_overlay(out, mask, ours["rows"]["sftrack"]["boxes"][t], color=OURS, alpha=0.3)


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
