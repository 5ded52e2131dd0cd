"""What one frame costs a discriminative tracker, part by part: whole networks, 480p.

    python benchmarks/discriminative_parts.py [NAME ...] [--threads 2] [--frames 41] [--busy]
        [--device cuda] [--out FILE]

Weights are generated, and thresholds are such that the target counts as found in every frame, so
that each costs all it can. Every part is timed inside a tracker that follows a target of 96x72
pixels over a made-up clip; the box is put back after each frame, since weights of no meaning lead
anywhere. ``whole`` is the least of the frames that only remember; ``learning`` the least of those
that learn as well, one in so many; ``mean`` is over both, as a long video has them. On a GPU the
whole frame is timed alone, in single and in half precision, since parts that run beside each other
cannot be told apart.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from frame_parts import BOX, BUSY, Times, clip, time_parts, tracker_of

from spectrack.structures import FrameHWC, Target
from spectrack.tracking.base import Tracker
from spectrack.tracking.table import TRACKERS

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # where experiments/ lies

FAMILY = {
    "crop": "patches",
    "backbone": "layers",
    "classifier": "_classifier.locate",
    "box": "_refiner.refine",
    "memory": "_classifier.learn",
}
RTS = {
    "crop": "placement.region",
    "backbone": "_network.extract",
    "classifier": "instance.scores",
    "decoder": "_network.decoder.forward",
    "memory": "_remember",
}
D3S = {
    "backbone": "_extract",
    "classifier": "filter.look",
    "decoder": "_network.segm_predictor.forward",
    "memory": "filter.learn",
}
COLUMNS = ("whole", "backbone", "classifier", "box", "decoder", "memory", "rest")


@dataclass(frozen=True)
class Case:
    """A tracker to measure.

    Args:
        parts: Name of a part to where its method lies.
        told: Frames a second that its authors tell, with the GPU they had.
        every: One frame in so many learns.
        given: Settings.
        more: Weights of further networks that it needs.
    """

    parts: Mapping[str, str]
    told: str
    every: int
    given: Mapping[str, Any] = field(default_factory=dict)
    more: tuple[str, ...] = ()


FOUND = {"absent": -1e9}
ALWAYS = FOUND | {"distractor": 1e9, "hard_negative": 1e9}
"""The target is found, and no second peak keeps the frame from teaching."""
CASES = {
    "atom": Case(FAMILY, "30 (GTX 1080)", 10, ALWAYS),
    "dimp18": Case(FAMILY, "57 (GTX 1080)", 20, ALWAYS),
    "dimp50": Case(FAMILY, "43 (GTX 1080)", 20, ALWAYS),
    "prdimp18": Case(FAMILY, "40 (GTX 1080)", 20, ALWAYS),
    "prdimp50": Case(FAMILY, "30 (GTX 1080)", 20, ALWAYS),
    "superdimp": Case(FAMILY, "not told", 20, ALWAYS),
    "kys": Case(FAMILY, "20 (RTX 2080)", 20, FOUND),
    "dimp-small": Case(FAMILY, "ours", 20, ALWAYS),
    "d3s": Case(
        D3S,
        "25 (not told)",
        10,
        {"absent": -1e9, "segmented": 1e9, "believed": 1e9},
        ("resnet50",),
    ),
    "rts": Case(RTS, "30 (RTX 2080 Ti)", 20, {"early": 0, "presence": -1e9, "area": 0}),
}
"""By name; what authors tell is from their papers."""


def run(
    tracker: Tracker, frames: list[FrameHWC], parts: Mapping[str, str]
) -> tuple[dict[str, Times], Times]:
    """Times of every part in every frame after the first, and of the first frame."""
    first, target = Times(), Target(BOX)

    def start() -> None:
        tracker.init(frames[0], target)
        _wait()

    def update(frame: FrameHWC) -> None:
        tracker.update(frame)
        _wait()

    first.next_frame()
    first.timed(start)()
    times = {part: Times() for part in (*parts, "whole")}
    time_parts(tracker, parts, times)
    timed = times["whole"].timed(update)
    mask_hw = BOX.fill((frames[0].shape[1], frames[0].shape[0])).astype(np.float32)
    for frame in frames[1:]:
        for one in times.values():
            one.next_frame()
        timed(frame)
        if tracker.carries_masks:
            tracker.correct(frame, mask_hw)
    return times, first


def split(values: list[float], every: int) -> tuple[float, float]:
    """The least of the frames that only remember, and of those that learn; the first warms up."""
    numbered = list(enumerate(values, start=2))[1:]
    learning = [v for n, v in numbered if (n - 1) % every == 0]
    other = [v for n, v in numbered if (n - 1) % every != 0]
    return min(other), min(learning, default=float("nan"))


def row(name: str, times: Mapping[str, Times], first: Times, kind: str) -> str:
    """One line of the table of parts."""
    every = CASES[name].every
    told = {part: split(getattr(one, kind), every) for part, one in times.items()}
    whole, learning = told["whole"]
    parts = {part: least for part, (least, _) in told.items() if part != "whole"}
    parts |= {"whole": whole, "rest": max(whole - sum(parts.values()), 0)}
    parts["rest"] += parts.pop("crop", 0)
    cells = [f"{parts[column]:.1f}" if column in parts else "-" for column in COLUMNS]
    mean = whole + (learning - whole) / every
    cells += ["-" if math.isnan(v) else f"{v:.1f}" for v in (learning, mean)]
    cells.append(f"{getattr(first, kind)[0]:.0f}")
    kinds = {"wall": "wall", "work": "processor"}
    return f"| {name} | {kinds[kind]} | {' | '.join(cells)} |"


def parts_table(
    names: Iterable[str], threads: int, frames: list[FrameHWC], busy: bool
) -> list[str]:
    """Milliseconds on the CPU."""
    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)
    heading = (*COLUMNS, "learning", "mean", "first")
    lines = [
        f"Milliseconds a frame of 854x480 on {threads} thread{'s' * (threads > 1)}, whole networks with generated "
        "weights. Backbone: of the search region. Classifier: where the target is, in D3S with a "
        "backbone of its own. Box: ten boxes "
        "climb. Memory: of a frame that only remembers. Rest: with the crop. Learning: a frame "
        "that learns as well, one in 20, in ATOM and D3S one in 10. Mean: over both kinds. First: "
        f"the first frame, once. {BUSY if busy else ''}".strip()
        + "\n",
        f"| tracker | time | {' | '.join(heading)} | millions of numbers |",
        f"| --- | --- |{' ---: |' * (len(heading) + 1)}",
    ]
    for name in names:
        tracker, size = tracker_of(name, CASES[name].given, CASES[name].more)
        times, first = run(tracker, frames, CASES[name].parts)
        for kind in ("work",) if busy else ("wall", "work"):
            lines.append(f"{row(name, times, first, kind)} {size / 1e6:.1f} |")
            print(lines[-1], file=sys.stderr)
    return lines


def device_table(names: Iterable[str], device: str, frames: list[FrameHWC]) -> list[str]:
    """Frames a second on a GPU."""
    lines = [
        f"\nFrames a second on {torch.cuda.get_device_name(device)}, frames that learn among them, "
        "frames in memory of the computer; beside it what their authors tell, on the cards of "
        "their time.\n",
        "| tracker | single precision | half precision | first frame, half, ms | told |",
        "| --- | ---: | ---: | ---: | --- |",
    ]
    for name in names:
        rates = []
        for half in (False, True):
            given = dict(CASES[name].given) | {"device": device, "half": half}
            tracker, _ = tracker_of(name, given, CASES[name].more)
            run(tracker, frames[:8], {})  # what a GPU does once: kernels chosen, memory taken
            times, first = run(tracker, frames, {})
            values = times["whole"].wall
            rates.append(1e3 * len(values) / sum(values))
        cells = [f"{rates[0]:.0f}", f"{rates[1]:.0f}", f"{first.wall[0]:.0f}", CASES[name].told]
        lines.append(f"| {name} | {' | '.join(cells)} |")
        print(lines[-1], file=sys.stderr)
    return lines


def _wait() -> None:
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.synchronize()


def main() -> None:
    """Write the page."""
    from experiments.common import commit, machine

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    there = [name for name in CASES if name in TRACKERS]
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(there)}")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--frames", type=int, default=41, help="that are followed")
    parser.add_argument("--busy", action="store_true", help="tell processor time alone")
    parser.add_argument("--device", help="a GPU to measure instead, such as cuda")
    parser.add_argument("--out", type=Path, help="of the page")
    args = parser.parse_args()
    if unknown := set(args.names) - set(there):
        raise SystemExit(f"parts of {min(unknown)} are not declared; give {', '.join(there)}")
    names, frames = args.names or there, clip(args.frames + 1)
    command = "python benchmarks/discriminative_parts.py"
    if args.device:
        lines = device_table(names, args.device, frames)
        command += f" --device {args.device}"
    else:
        lines = parts_table(names, args.threads, frames, args.busy)
        command += f" --threads {args.threads} --frames {args.frames}{' --busy' * args.busy}"
    kind = "_gpu" if args.device else ""
    usual = ROOT / "benchmarks" / "results" / f"discriminative_parts{kind}.md"
    made = f"Made by `{command}`, commit {commit()}, {machine()}, seed 0."
    text = "\n".join(["# What a frame costs discriminative trackers\n", *lines, "", made])
    (args.out or usual).write_text(text + "\n", "utf-8")
    print(f"wrote {args.out or usual}")


if __name__ == "__main__":
    main()
