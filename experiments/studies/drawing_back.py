"""A camera that draws back from its target: is a small target taken for a covered one?

    python experiments/studies/drawing_back.py [--root DAVIS] [--trackers A,B] [--quick]

Every sixth training sequence of DAVIS-2016, from which no shipped network learned, each frame seen
from further away than the one before, the target in the middle: its area falls to a twentieth
beside what it would do anyway. The picture goes on beyond its edges as in a mirror. Beside it the
same tracker whose usual size follows every shrinking target slowly, as if it was being covered. The
numbers of ``trackers/sftrack/state.py`` were chosen on these runs and on those of
``experiments/studies/occlusions.py``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from experiments.common import Page, arguments
from spectrack.datasets.davis import Davis2016
from spectrack.metrics.regions import box_iou, jaccard
from spectrack.structures import Box, Target
from spectrack.trackers.sftrack import state
from spectrack.tracking.table import make_tracker

SIZE_WH = (256, 144)
FURTHER = 4.5
"""How much further away the camera is in the end."""
MIRROR = cv2.BORDER_REFLECT_101


def seen_from_further(sequence, frames_most):
    """Frames and masks as the camera sees them that draws back."""
    with sequence.frames() as frames:
        frames = list(frames)
    masks = [sequence.truth_mask(t) for t in range(len(frames))]
    height, width = masks[0].shape
    first = Box.from_mask(masks[0])
    near = min(1.0, max(1.6 * max(first.w / width, first.h / height), 0.25))
    last = len(frames) - 1 if frames_most is None else frames_most
    for t, (frame, mask) in enumerate(zip(frames[: last + 1], masks, strict=False)):
        box = Box.from_mask(mask) or first
        x, y = box.center
        # the target is always in the picture
        least = 1.1 * max(box.w / width, box.h / height)
        scale = SIZE_WH[0] / (width * max(near * FURTHER ** (t / last), least))
        moved = np.float32(
            [[scale, 0, SIZE_WH[0] / 2 - scale * x], [0, scale, SIZE_WH[1] / 2 - scale * y]]
        )
        if scale < 1:  # what a pixel shows is the mean of what it covers
            frame = cv2.GaussianBlur(frame, (0, 0), max(0.35 * (1 / scale - 0.6), 0.01))
        shown = cv2.warpAffine(frame, moved, SIZE_WH, borderMode=MIRROR)
        yield shown, cv2.warpAffine(mask.astype(np.float32), moved, SIZE_WH) >= 0.5


def follow(sequence, name, frames_most):
    """J, box IoU, share of frames in which it is found, and how much smaller it is in the end.

    The first three in percent, means over the frames but the first.
    """
    tracker, found, areas = make_tracker(name), [], []
    for frame, mask in seen_from_further(sequence, frames_most):
        areas.append(mask.sum())
        if len(areas) == 1:
            tracker.init(frame, Target(Box.from_mask(mask)))
            continue
        p = tracker.update(frame)
        if mask.any():
            overlap = 0.0 if p.box is None else box_iou(p.box, Box.from_mask(mask))
            found.append((jaccard(p.hard_mask(), mask), overlap, p.found))
    return [*(100 * np.mean(found, axis=0)), areas[0] / max(areas[-1], 1)]


def main():
    options = arguments(
        __doc__, lambda p: p.add_argument("--trackers", default="sftrack,sftrack-fast")
    )
    page = Page("studies/drawing_back", "A camera that draws back")
    names = list(Davis2016(options.root, "train", "240p"))[5::6]
    names = names[:1] if options.quick else names
    data = Davis2016(options.root, "train", "240p", names)
    usual, facts, rows = state.SHRINKS_AS_A_WHOLE, {}, []
    for tracker in options.trackers.split(","):
        for how, rate in (("as it is", usual), ("follows slowly", state.SHRINKS)):
            state.SHRINKS_AS_A_WHOLE = rate
            runs = {n: follow(data[n], tracker, 4 if options.quick else None) for n in names}
            facts[f"{tracker}, {how}"] = runs
            means = np.mean(list(runs.values()), axis=0)[:3]
            j_of_each = " / ".join(f"{run[0]:.0f}" for run in runs.values())
            rows.append([tracker, how, j_of_each, *(f"{mean:.1f}" for mean in means)])
    state.SHRINKS_AS_A_WHOLE = usual
    least = min(run[3] for runs in facts.values() for run in runs.values())
    most = max(run[3] for runs in facts.values() for run in runs.values())
    page.text(
        f"{len(names)} training sequences of DAVIS-2016 that no network learned from "
        f"({', '.join(names)}), 256 x 144, seen from further away with each frame: in the last one "
        f"the target's area is 1/{least:.0f} to 1/{most:.0f} of the first one. From the first box; "
        "*found*: the share of frames, in all of which the target is in view. *Follows slowly*: "
        "the usual size does so, as behind an obstacle, even where a box tracker has the same box "
        "and its proportions are kept."
    )
    page.table(["tracker", "usual size", "J of each", "J", "box IoU", "found"], rows)
    page.write(options, {"runs": facts}, seed=None)


if __name__ == "__main__":
    main()
