"""Pixel-wise tracking beside the trackers that come with spectrack, and as an input of SFTrack++.

    python experiments/pixelwise/pixelwise_common.py --run RUN [--processes N] [--quick]

RUN is the folder of a finished `train pixelwise`. The ten DAVIS validation sequences, from the box
of the first frame and from its true mask, no future frame seen. J and box IoU leave out the first
and the last frame. What was measured is kept in RUN, so that one that was stopped goes on.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from spectrack.datasets.davis import Davis2016
from spectrack.errors import InputError
from spectrack.metrics.regions import box_iou, jaccard
from spectrack.storage import write_json
from spectrack.structures import Box
from spectrack.tracking.table import make_tracker
from spectrack.workers import each

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # where experiments/ lies

from experiments.common import ROOT, Page, arguments

LABELS = {
    "pixelwise": "pixel-wise",
    "flow": "flow",
    "sftrack": "SFTrack++ (default)",
    "fused": "SFTrack++ with pixel-wise as a third input",
}
STARTS = {"box": False, "mask": True}
QUICK_FRAMES = 4
RTS = ROOT / "docs" / "results" / "rts" / "rts.json"


@dataclass(frozen=True)
class Run:
    """A system on a sequence.

    Attributes:
        system: A key of :data:`LABELS`.
        video: Name of the sequence.
        start: ``box`` or ``mask``.
        root: DAVIS.
        weights: Of pixel-wise tracking.
        most: Frames at most; None for all.
    """

    system: str
    video: str
    start: str
    root: Path
    weights: Path
    most: int | None

    @property
    def key(self) -> str:
        """What the run is kept under."""
        return f"{self.system}/{self.start}/{self.video}"


def tracker_of(run: Run) -> Any:
    """The tracker of a run."""
    if run.system == "pixelwise":
        return make_tracker("pixelwise", weights=str(run.weights), device="cpu")
    if run.system == "fused":
        return make_tracker("sftrack", inputs=f"fear,flow,pixelwise:weights={run.weights}")
    return make_tracker(run.system)


def measured(run: Run) -> dict[str, float]:
    """J, box IoU, and milliseconds of processor time a frame."""
    video, tracker = Davis2016(run.root, "val", "480p")[run.video], tracker_of(run)
    overlaps, boxes, seconds = [], [], 0.0
    with video.frames() as frames:
        for t, frame in enumerate(islice(frames, run.most)):
            began = time.process_time()
            if t == 0:
                answer = tracker.init(frame, video.target(STARTS[run.start]))
            else:
                answer = tracker.update(frame)
                seconds += time.process_time() - began
            truth = video.truth_mask(t)
            hard = answer.hard_mask() if answer.found else None
            box = answer.box if answer.found else None
            overlaps.append(jaccard(np.zeros_like(truth) if hard is None else hard, truth))
            boxes.append(0.0 if box is None else box_iou(box, Box.from_mask(truth)))
    inner = slice(1, -1)
    return {
        "J": 100 * float(np.mean(overlaps[inner])),
        "box_iou": 100 * float(np.nanmean(boxes[inner])),
        "ms": 1000 * seconds / max(len(overlaps) - 1, 1),
    }


def add(parser: argparse.ArgumentParser) -> None:
    """Arguments of this experiment."""
    parser.add_argument("--run", type=Path, required=True, help="folder of train pixelwise")
    parser.add_argument("--processes", type=int, default=1)


def main(argv: Sequence[str] | None = None) -> None:
    options = arguments(__doc__, add, argv)
    page = Page("pixelwise/pixelwise_common", "Pixel-wise tracking beside other trackers")
    weights = options.run / "pixelwise.safetensors"
    if not weights.is_file():
        raise InputError(
            f"{options.run} has no {weights.name}; give the folder of a finished training"
        )
    names = ["dog"] if options.quick else list(Davis2016(options.root, "val", "480p"))
    systems = ["pixelwise", "flow"] if options.quick else list(LABELS)
    most = QUICK_FRAMES if options.quick else None
    runs = [
        Run(system, name, start, options.root, weights.resolve(), most)
        for system in systems
        for start in STARTS
        for name in names
    ]
    file = options.run / ("common-quick.json" if options.quick else "common.json")
    held: dict[str, dict[str, float]] = json.loads(file.read_text()) if file.is_file() else {}
    missing = {run.key: run for run in runs if run.key not in held}
    if missing:
        for key, row in each(measured, missing, options.processes, threads=1):
            held[key] = row
            write_json(file, held)
            print(key, {name: round(value, 1) for name, value in row.items()}, flush=True)
    rows = []
    for system in systems:
        row = [LABELS[system]]
        for start in STARTS:
            found = [held[r.key] for r in runs if (r.system, r.start) == (system, start)]
            row += [f"{np.mean([one[what] for one in found]):.1f}" for what in ("J", "box_iou")]
        rows.append([*row, f"{np.mean([one['ms'] for one in found]):.0f}"])
    if RTS.is_file():
        means = json.loads(RTS.read_text())["means"]["rts"]
        figures = (f"{means[what]:.1f}" for what in ("J", "iou"))
        rows.append(["RTS, small (of its own page)", *figures, "-", "-", "-"])
    page.text(
        "DAVIS-2016 validation, means over ten sequences, percent, from the first frame's box and "
        "from its true mask; in a box the first mask is made by the network of masks in boxes for "
        "all. CPU: milliseconds of processor time a frame on one thread, from the mask."
    )
    headers = ["tracker", "J, box", "box IoU, box", "J, mask", "box IoU, mask", "CPU ms"]
    page.table(headers, rows)
    page.text("J of each sequence, from the true mask.")
    page.table(
        ["sequence", *(LABELS[s] for s in systems)],
        [[name, *(f"{held[f'{s}/mask/{name}']['J']:.1f}" for s in systems)] for name in names],
    )
    page.write(options, {"runs": held}, seed=None)


if __name__ == "__main__":
    main()
