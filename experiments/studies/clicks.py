"""Clicks: J of the mask of a frame after 1, 2, 3 and 5 simulated clicks, and from its box.

    python experiments/studies/clicks.py [--root DAVIS] [--quick]

The five training sequences of DAVIS-2016 from which no shipped network learned, at 240p, first and
middle frame. The first click is where the object is thickest, each later one where the largest
error is: on the object where it is missed, on background where there is too much. The first one
searches for the object, later ones correct the mask that is there, as in the page.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # where experiments/ lies

from experiments.common import Page, arguments, davis
from spectrack.metrics.regions import jaccard
from spectrack.structures import Box, FrameHWC, HardHW
from spectrack.tracking.points import Point, PointSegmenter

SEQUENCES = ("car-turn", "hike", "mallard-water", "scooter-gray", "train")
MOST, SHOWN = 5, (1, 2, 3, 5)


def next_click(truth_hw: HardHW, mask_hw: HardHW) -> Point | None:
    """The click that a patient user would make next; None where nothing is wrong."""
    best, found = 0.0, None
    for wrong_hw, wanted in ((truth_hw & ~mask_hw, True), (mask_hw & ~truth_hw, False)):
        padded = np.pad(wrong_hw.astype(np.uint8), 1)
        depth_hw = np.asarray(cv2.distanceTransform(padded, cv2.DIST_L2, 5))[1:-1, 1:-1]
        if depth_hw.max() > best:
            best = float(depth_hw.max())
            y, x = np.unravel_index(int(depth_hw.argmax()), depth_hw.shape)
            found = Point(x + 0.5, y + 0.5, wanted)
    return found


def clicked(
    segment: PointSegmenter, frame_hwc: FrameHWC, truth_hw: HardHW, most: int
) -> list[float]:
    """J after each click."""
    points: list[Point] = []
    mask_hw: NDArray[np.bool_] = np.zeros_like(truth_hw)
    found: list[float] = []
    for count in range(most):
        point = next_click(truth_hw, mask_hw)
        if point is not None:
            points.append(point)
            soft_hw = segment(frame_hwc, points, mask_hw=mask_hw if count else None)
            mask_hw = soft_hw >= 0.5
        found.append(jaccard(mask_hw, truth_hw))
    return found


def main() -> None:
    options = arguments(__doc__)
    page = Page("studies/clicks", "Clicks: J of a mask made of points")
    segment, rows = PointSegmenter(), {}
    for name, sequence in davis(options, "train", SEQUENCES[: 1 if options.quick else 5]).items():
        for t in (0,) if options.quick else (0, len(sequence) // 2):
            with sequence.frames() as frames:
                frame_hwc, truth_hw = frames[t], sequence.truth_mask(t)
            tight = Box.from_mask(truth_hw)
            boxed = segment(frame_hwc, [], box=tight) >= 0.5
            row = [jaccard(boxed, truth_hw), *clicked(segment, frame_hwc, truth_hw, MOST)]
            rows[f"{name} {t}"] = row
            print(name, t, np.round(row, 3), file=sys.stderr, flush=True)
    mean = np.mean(list(rows.values()), axis=0)
    page.text(
        "J in percent of the mask of one frame, from its tight box or from clicks alone, by the "
        "network of masks in boxes that comes with spectrack. No network has seen these sequences; "
        "the search for a box was not tuned on them, but was looked at on them."
    )
    shown = {name: [row[0], *(row[k] for k in SHOWN)] for name, row in rows.items()}
    shown["mean"] = [mean[0], *(mean[k] for k in SHOWN)]
    page.table(
        ["frame", "box", *(f"{k} click" + "s" * (k > 1) for k in SHOWN)],
        [[name, *(f"{100 * v:.1f}" for v in row)] for name, row in shown.items()],
    )
    page.write(options, {"rows": rows}, seed=None)


if __name__ == "__main__":
    main()
