"""NanoTrack beside OpenCV's trackers: overlap on real videos, and speed on one and two threads.

    python experiments/studies/nanotrack.py --published DIR [--trackers A,B] [--data A,B]
        [--work DIR] [--quick]

``--published`` is a folder with the published files ``nanotrackv1.pth`` to ``v3`` and the ONNX
graphs ``nanotrackv1_backbone.onnx``, ``..._head.onnx`` that OpenCV's TrackerNano takes; what it has
no files for is left out. Each starts on the true box of the first frame and is never started again.
Frames a second are of one sequence of DAVIS at 480p: the median of processor time on one thread,
times how much faster the fastest frames are by the clock on two threads than on one. What else
runs on the machine has two threads wait for each other, so fastest ones are what can be compared.
Every run is kept in ``--work`` as JSON, so one that was stopped goes on.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import cv2
import numpy as np
import torch

from spectrack.structures import Box, FrameHWC, Prediction, Target
from spectrack.tracking.base import Tracker
from spectrack.tracking.table import make_tracker

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # where experiments/ lies

from experiments.common import ROOT, Page, arguments
from experiments.studies.box_trackers import follow, sequences_of

DATA = {"davis-val": "DAVIS val, 480p", "otb": "OTB", "vot2014": "VOT2014"}
VERSIONS = ("v1", "v2", "v3")
TWO_THREADS, FASTEST = 20, 3
"""Frames on two threads, and how many of the fastest are compared."""
SPEED = "dog"
"""The sequence of DAVIS that speed is measured on."""
Made = Callable[[], Tracker]


class TrackerNano(Tracker):
    """OpenCV's tracker with the published graphs.

    Args:
        folder: With the graphs.
        version: ``v1`` or ``v2``: it knows no other.
    """

    def __init__(self, folder: Path, version: str) -> None:
        super().__init__()
        parameters = cv2.TrackerNano.Params()
        parameters.backbone, parameters.neckhead = (
            str(folder / f"nanotrack{version}_{part}.onnx") for part in ("backbone", "head")
        )
        self._made = lambda: cv2.TrackerNano.create(parameters)

    def _init(self, frame_hwc: FrameHWC, target: Target) -> Prediction:
        self._tracker = self._made()
        box = tuple(round(v) for v in target.box)
        self._tracker.init(cv2.cvtColor(frame_hwc, cv2.COLOR_RGB2BGR), box)
        return Prediction(target.box)

    def _update(self, frame_hwc: FrameHWC) -> Prediction:
        found, box = self._tracker.update(cv2.cvtColor(frame_hwc, cv2.COLOR_RGB2BGR))
        return Prediction(Box(*map(float, box)), None, 1.0, found)


def trackers_of(published: Path | None) -> dict[str, Made]:
    """What is compared, by what it is called on the page."""
    own: dict[str, Made] = {}

    def nanotrack(weights: str) -> Made:
        return lambda: make_tracker("nanotrack", weights=weights, device="cpu")

    for version in VERSIONS:
        file = published / f"nanotrack{version}.pth" if published else None
        if file is not None and file.is_file():
            own[f"nanotrack, published {version}"] = nanotrack(str(file))
    own["nanotrack, shipped"] = nanotrack("nanotrack")
    for version in VERSIONS[:2]:
        if published is not None and (published / f"nanotrack{version}_head.onnx").is_file():
            own[f"OpenCV TrackerNano {version}"] = partial(TrackerNano, published, version)
    return own | {name: partial(make_tracker, name) for name in ("csrt", "kcf")}


def overlaps(options: argparse.Namespace, name: str, made: Made, data: str) -> dict[str, float]:
    """Mean IoU of every sequence, from ``--work`` or made now."""
    found = {}
    most = 6 if options.quick else None
    for sequence in sequences_of(data, options.root, options.only).values():
        digest = hashlib.sha256(json.dumps([name, most]).encode()).hexdigest()[:8]
        file = options.work / data / digest / f"{sequence.name}.json"
        if not file.is_file():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(follow(made(), sequence, most)))
        found[sequence.name] = float(np.mean(json.loads(file.read_text())["iou"]))
        if options.quick:
            break
    return found


def speed(options: argparse.Namespace, made: dict[str, Made]) -> dict[str, dict[str, float]]:
    """Frames a second of processor time on one thread, and how much faster two threads are."""
    [sequence] = sequences_of("davis-val", options.root, [SPEED]).values()
    with sequence.frames() as opened:
        frames = [frame.copy() for frame in opened][: 6 if options.quick else None]
    truth = sequence.truth_box(0)
    assert truth is not None
    file = options.work / f"speed{len(frames)}.json"
    found: dict[str, dict[str, float]] = json.loads(file.read_text()) if file.is_file() else {}
    for name, make in made.items():
        if name in found:
            continue
        times: dict[str, list[float]] = {"processor": [], "one": [], "two": []}
        for threads, clock in ((1, "one"), *(() if options.one else ((2, "two"),))):
            torch.set_num_threads(threads)
            cv2.setNumThreads(threads)
            tracker = make()
            tracker.init(frames[0], Target(truth))
            for frame in frames[1 : None if threads == 1 else TWO_THREADS]:
                began, spent = perf_counter(), process_time()
                tracker.update(frame)
                if threads == 1:
                    times["processor"].append(process_time() - spent)
                times[clock].append(perf_counter() - began)
        torch.set_num_threads(1)
        cv2.setNumThreads(1)
        found[name] = {"one": 1 / statistics.median(times["processor"])}
        if times["two"]:
            one, two = (statistics.mean(sorted(times[clock])[:FASTEST]) for clock in ("one", "two"))
            found[name]["two"] = one / two
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(found))
    return found


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--published", type=Path, help="folder of the published files")
    parser.add_argument("--trackers", help="only these, with commas")
    parser.add_argument("--data", default=",".join(DATA), help="davis-val, otb, vot2014")
    parser.add_argument("--one", action="store_true", help="only one thread: other cores are taken")
    parser.add_argument("--ran", default="nothing else did", help="what else ran, for the page")
    parser.add_argument("--only", help="sequences, with commas")
    parser.add_argument("--work", type=Path, default=ROOT / "scratch" / "nanotrack")


def main() -> None:
    options = arguments(__doc__, add)
    page = Page("studies/nanotrack", "NanoTrack: overlap and speed beside OpenCV's trackers")
    if options.published is not None:  # no paths of this machine
        options.command = options.command.replace(str(options.published), "DIR")
    options.command = options.command.replace(str(options.work), "scratch/nanotrack")
    options.only = options.only.split(",") if options.only else None
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    made = trackers_of(options.published)
    if options.trackers:
        made = {name: made[name] for name in options.trackers.split(",")}
    data = options.data.split(",")
    facts: dict[str, Any] = {
        name: {kind: overlaps(options, name, make, kind) for kind in data}
        for name, make in made.items()
    }
    fast = speed(options, made)
    rows = []
    for name, by_data in facts.items():
        means = [np.mean(list(found.values())) for found in by_data.values()]
        two = f"{fast[name]['one'] * fast[name]['two']:.0f}" if "two" in fast[name] else "not told"
        rows.append([name, *(f"{m:.3f}" for m in means), f"{fast[name]['one']:.0f}", two])
    counts = {kind: len(next(iter(facts.values()))[kind]) for kind in data}
    page.text(TEXT.format(ran=options.ran))
    head = [f"{DATA[kind]} ({counts[kind]})" for kind in data]
    page.table(["tracker", *head, "frames/s, 1 thread", "2 threads"], rows)
    page.text("IoU by sequence:")
    page.table(
        ["sequence", *facts],
        [
            [sequence, *(f"{found[kind][sequence]:.3f}" for found in facts.values())]
            for kind in data
            for sequence in next(iter(facts.values()))[kind]
        ],
    )
    page.write(options, {"overlap": facts, "speed": fast}, seed=None)


TEXT = """
Mean IoU over the frames of a sequence but the first, then over sequences, from the true box of the
first frame, without starting again. Nothing was tuned on these sequences. Frames a second are of
one sequence of DAVIS at 480p (dog): the median of processor time on one thread, and that times how
much faster its fastest frames were by the clock on two threads than on one. What else ran on the
machine counts into both, and into the second more; {ran}.
"""

if __name__ == "__main__":
    main()
