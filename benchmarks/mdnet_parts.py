"""What MDNet costs, part by part: the published size, random weights, a frame of 854x480.

    python benchmarks/mdnet_parts.py [--threads 2] [--device cuda] [--small] [--repeats 3]

Times are the least of some repeats; processor time tells what a busy machine hides. The memories
are full: positives of 100 frames and negatives of 30. A frame costs candidates, samples and, now
and then, an update; the first one the rest. Convolutions of the first frame are timed on a tenth of
its boxes.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from frame_parts import least_times

from spectrack.structures import Box, Target
from spectrack.trackers.mdnet.network import MDNet
from spectrack.trackers.mdnet.patches import Picture
from spectrack.trackers.mdnet.samplers import CANDIDATES
from spectrack.trackers.mdnet.settings import MDNetSettings
from spectrack.trackers.mdnet.tracker import BATCH, MDNetTracker
from spectrack.trackers.mdnet.train import SMALL

SIZE_WH, BOX = (854, 480), Box(380.0, 200.0, 120.0, 90.0)
FIRST_BOXES = 6700
"""Of the first frame: 500 + 5000 + 200, and some 1000 of the regressor."""


@torch.no_grad()
def measure(small: bool, device: torch.device, repeats: int) -> list[tuple[str, float, float]]:
    """Name of a part, wall and processor time."""
    torch.manual_seed(0)
    network = MDNet(0, SMALL.widths, SMALL.hidden) if small else MDNet()
    little = MDNetSettings(first_positives=64, first_negatives=64, regressed=64, device=str(device))
    tracker = MDNetTracker(little, network)
    frame = np.random.default_rng(0).integers(0, 256, (*SIZE_WH[::-1], 3), np.uint8)
    tracker.init(frame, Target(BOX))
    s, rng = MDNetSettings(), np.random.default_rng(0)
    boxes = CANDIDATES.draw(BOX, SIZE_WH, s.candidates, rng)
    picture = Picture(frame, device)
    patches = picture.cut(boxes[:BATCH])
    features = tracker._features(picture, boxes)[0]
    count = features.shape[1]
    positives = torch.rand(s.long * s.positives, count, device=device)
    negatives = torch.rand(s.short * s.negatives, count, device=device)
    around = CANDIDATES.draw(BOX, SIZE_WH, s.positives + s.negatives, rng)
    some = CANDIDATES.draw(BOX, SIZE_WH, FIRST_BOXES // 10, rng)
    learning, classifier = tracker._updates, tracker._classifier
    parts: list[tuple[str, Callable[[], Any], int]] = [
        ("candidates: cut 256 patches", lambda: picture.cut(boxes), 1),
        (
            "candidates: convolutions",
            lambda: [tracker._network.features(patches) for _ in range(s.candidates // BATCH)],
            1,
        ),
        ("candidates: fc4 to fc6", lambda: classifier.target_scores(features), 1),
        ("samples: 250 boxes, when found", lambda: tracker._features(picture, around), 1),
        (
            "update: 15 steps, when lost or every tenth",
            lambda: learning.learn(positives, negatives, s.steps),
            1,
        ),
        ("first frame: features of 6700 boxes", lambda: tracker._features(picture, some), 10),
        (
            "first frame: 50 steps",
            lambda: learning.learn(positives[:500], negatives[:5000], s.first_steps),
            1,
        ),
    ]
    rows = []
    for name, run, times in parts:
        wall, work = least_times(run, device, repeats)
        rows.append((name, times * wall, times * work))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--small", action="store_true", help="the small network of `train mdnet`")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print("| part | ms | ms of processor time |\n|---|---:|---:|")
    for name, wall, work in measure(options.small, torch.device(options.device), options.repeats):
        print(f"| {name} | {wall:.0f} | {work:.0f} |")


if __name__ == "__main__":
    main()
