"""What one frame costs a Siamese tracker, part by part: whole networks, generated weights, 480p.

    python benchmarks/siamese_parts.py [NAME ...] [--threads 1 2] [--frames 5] [--busy] [--out FILE]

Every part is timed inside a tracker that follows a target of 96x72 pixels over a made-up clip; the
box is put back after each frame, since weights of no meaning lead anywhere. Wall time is the least
of all frames; processor time tells what a busy machine hides. ``rest`` is the whole frame without
the parts. A tracker declares its parts in ``PARTS``: a name, and where the method lies.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from frame_parts import BOX, BUSY, Times, clip, time_parts, tracker_of

from spectrack.structures import FrameHWC, Target
from spectrack.tracking.table import TRACKERS

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # where experiments/ lies

SIAMESE = {
    "crop": "following.cut_search",
    "backbone": "_network.extract",
    "head": "_network.answer",
    "choice": "following.follow",
}
PARTS: dict[str, Mapping[str, str]] = {
    "siamfc": SIAMESE | {"crop": "following.cut_searches"},
    "siamrpn": SIAMESE,
    "siamrpn++": SIAMESE,
    "siamban": SIAMESE,
    "siammask": SIAMESE | {"mask": "_network.mask"},
    "nanotrack": SIAMESE,
    **{
        name: {
            "crop": "_cut",
            "backbone": "_network.encode",
            "transformer": "_network.transformer.forward",
            "head": "_network.corners",
        }
        for name in ("stark-s50", "stark-st50", "stark-st101")
    },
}
COLUMNS = ("whole", "backbone", "head", "crop", "choice", "other", "rest", "first")


def measure(name: str, given: Mapping[str, Any], frames: list[FrameHWC]) -> dict[str, Times]:
    """Times of every part; the first frame that is followed only warms up."""
    tracker, _ = tracker_of(name, given)
    times = {part: Times() for part in (*PARTS[name], "whole", "first")}
    first = times["first"]
    first.next_frame()
    first.timed(tracker.init)(frames[0], Target(BOX))
    time_parts(tracker, PARTS[name], times)
    update = times["whole"].timed(tracker.update)
    mask_hw = BOX.fill((frames[0].shape[1], frames[0].shape[0])).astype(np.float32)
    for frame in frames[1:]:
        for part, time_of in times.items():
            if part != "first":
                time_of.next_frame()
        update(frame)
        tracker.correct(frame, mask_hw)
    return times


def row(name: str, threads: int, times: Mapping[str, Times], kind: str) -> str:
    """One line of the table."""
    least = {part: min(getattr(t, kind)[1:] or getattr(t, kind)) for part, t in times.items()}
    parts = [part for part in times if part not in ("whole", "first")]
    rest = max(least["whole"] - sum(least[part] for part in parts), 0)
    other = [f"{part} {least[part]:.1f}" for part in parts if part not in COLUMNS]
    cells = [f"{least[part]:.1f}" if part in least else "-" for part in COLUMNS[:5]]
    cells += [", ".join(other) or "-", f"{rest:.1f}", f"{least['first']:.1f}"]
    kinds = {"wall": "wall", "work": "processor"}
    return f"| {name} | {threads} | {kinds[kind]} | {' | '.join(cells)} |"


def table(names: list[str], threads: list[int], count: int, busy: bool) -> str:
    """The page."""
    from experiments.common import commit, machine

    frames = clip(count + 2)
    lines = [
        "# What a frame costs Siamese trackers\n",
        "Milliseconds a frame of 854x480, whole networks with generated weights. Backbone: with "
        "the neck, of the search region. Choice: of the best box. First: the first frame, with "
        f"the template, once. {BUSY if busy else ''}".strip()
        + "\n",
        f"| tracker | threads | time | {' | '.join(COLUMNS)} |",
        f"| --- | ---: | --- |{' ---: |' * len(COLUMNS)}",
    ]
    sizes = []
    for name in names:
        sizes.append(f"{name} {tracker_of(name, {})[1] / 1e6:.1f}")
        for number in threads:
            torch.set_num_threads(number)
            cv2.setNumThreads(number)
            times = measure(name, {}, frames)
            for kind in ("work",) if busy else ("wall", "work"):
                lines.append(row(name, number, times, kind))
                print(lines[-1], file=sys.stderr)
    lines.append(f"\nMillions of numbers in the networks: {', '.join(sizes)}.")
    lines.append(
        f"\nMade by `python benchmarks/siamese_parts.py`, commit {commit()}, {machine()}, seed 0."
    )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    there = [name for name in PARTS if name in TRACKERS]
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(there)}")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--frames", type=int, default=5, help="that are timed")
    parser.add_argument("--busy", action="store_true", help="tell processor time alone")
    usual = ROOT / "benchmarks" / "results" / "siamese_parts.md"
    parser.add_argument("--out", type=Path, default=usual)
    args = parser.parse_args()
    unknown = set(args.names) - set(there)
    if unknown:
        raise SystemExit(f"parts of {min(unknown)} are not declared; give {', '.join(there)}")
    text = table(args.names or there, args.threads, args.frames, args.busy)
    args.out.write_text(text, "utf-8")
    print(f"wrote {args.out}")


if __name__ == "__main__":
    main()
