"""Boxes drawn as the first frame's box was drawn, against tight ones: box IoU of `sftrack`.

    python experiments/studies/drawn_boxes.py [--root DAVIS] [--tracker NAME] [--quick]

Every sixth training sequence of DAVIS-2016, from which no shipped network learned: as it is, and
made smaller (targets of 48 and of 28 pixels, the latter grey), from the tight box of the first mask
and from boxes drawn off, each edge by itself and all together; the true boxes of later frames are
off in the same way. The numbers of ``tracking/given_box.py`` were chosen on these runs.
"""

from __future__ import annotations

import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import cv2
import numba
import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from experiments.common import Page, arguments
from spectrack.datasets.davis import Davis2016
from spectrack.datasets.synthetic.faded import Faded
from spectrack.metrics.regions import box_iou, jaccard
from spectrack.structures import Box, Target
from spectrack.tracking.table import make_tracker

SIDES = (None, 48, 28)
"""Square roots of targets' areas; None leaves the frames as they are."""
DRAWN = 2
"""Ways of drawing boxes off."""
EDGES, MARGIN = 0.05, (-0.08, 0.12)
"""Deviation of each edge by itself, and the range of what is added at all, in sides."""
WAYS = ("given", "tight", "FEAR-XS", "J")


def one_thread():
    """Two processes share two cores."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    numba.set_num_threads(1)


def drawn(tight, off_4):
    """A tight box with its edges off, in its sides."""
    x1, y1, x2, y2 = tight.xyxy
    left, top, right, bottom = off_4 * [tight.w, tight.h, tight.w, tight.h]
    return Box.from_xyxy(x1 + left, y1 + top, x2 + right, y2 + bottom)


def offsets(name, side, number):
    """How a sequence's boxes are off; the first way is not at all."""
    if number == 0:
        return np.zeros(4)
    rng = np.random.default_rng([ord(c) for c in name] + [side or 0, number])
    return rng.normal(0, EDGES, 4) + np.array([-1, -1, 1, 1]) * rng.uniform(*MARGIN)


def follow(job, root, tracker, frames_most):
    """Mean box IoU of each way and J over the frames but the first; the most of a mask outside."""
    name, side, number = job
    data = Davis2016(root, "train", "240p", [name])
    sequence = (data if side is None else Faded(data, side=side, grey=side < 40))[name]
    off, one = offsets(name, side, number), make_tracker(tracker)
    found, outside = {way: [] for way in WAYS}, []
    with sequence.frames() as frames:
        for t, frame in enumerate(frames):
            if t == frames_most:
                break
            tight = Box.from_mask(sequence.truth_mask(t))
            if t == 0:
                one.init(frame, Target(drawn(tight, off)))
                continue
            p = one.update(frame)
            hard, hypothesis = p.hard_mask(), one.explanation.hypotheses[0]
            answers = (p.box, Box.from_mask(hard), hypothesis and hypothesis.box)
            found["J"].append(jaccard(hard, sequence.truth_mask(t)))
            for way, box in zip(WAYS[:-1], answers, strict=True):
                truth = None if tight is None else drawn(tight, off)
                found[way].append(0.0 if box is None or truth is None else box_iou(box, truth))
            if p.box is not None:
                inside = hard[p.box.slices((frame.shape[1], frame.shape[0]))]
                outside.append(1 - inside.sum() / hard.sum())
    return {way: float(np.mean(v)) for way, v in found.items()}, max(outside, default=0.0)


def main():
    options = arguments(__doc__, lambda p: p.add_argument("--tracker", default="sftrack"))
    page = Page("studies/drawn_boxes", "Boxes drawn as the first one was")
    names = list(Davis2016(options.root, "train", "240p"))[5::6]
    names, sides, ways = (names[:1], SIDES[:1], 2) if options.quick else (names, SIDES, DRAWN + 1)
    jobs = [(name, side, number) for side in sides for number in range(ways) for name in names]
    work = partial(
        follow, root=options.root, tracker=options.tracker, frames_most=4 if options.quick else None
    )
    with ProcessPoolExecutor(2, get_context("spawn"), one_thread) as pool:
        results = dict(zip(jobs, pool.map(work, jobs), strict=True))
    rows = []
    for side in sides:
        for off, numbers in (("tight", [0]), ("off", range(1, ways))):
            chosen = [
                found for (_, s, n), (found, _) in results.items() if s == side and n in numbers
            ]
            means = [100 * np.mean([found[way] for found in chosen]) for way in WAYS]
            target = "as it is" if side is None else f"{side} pixels"
            rows.append([target, off, *(f"{mean:.1f}" for mean in means)])
    page.text(
        f"Box IoU of `{options.tracker}` on {len(names)} training sequences of DAVIS-2016 at 240p "
        "that no network learned from: *given* is what it reports, *tight* the box of its mask, "
        "*FEAR-XS* its box tracker's; J of its mask beside. Of a mask at most "
        f"{100 * max(outside for _, outside in results.values()):.1f} % lie outside its box."
    )
    page.table(["targets", "boxes drawn", *WAYS], rows)
    facts = {f"{n} {s} {k}": [found, out] for (n, s, k), (found, out) in results.items()}
    page.write(options, {"runs": facts}, seed=0)


if __name__ == "__main__":
    main()
