"""The mask of the first frame, made in a box: J on DAVIS, and a contact sheet of OTB and VOT.

    python experiments/sftrackpp/first_mask.py [--root DAVIS] [--weights FILE,FILE] [--quick]

Three ways: the network of masks in boxes, the network of the paper (NN_feat2seg) with colours and
graph cuts, and the graph cut alone. Boxes are the tight ones of the true masks. Training sequences
are those that were held out (every sixth), six frames of each.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from experiments.common import Page, arguments
from spectrack.datasets.davis import Davis2016
from spectrack.datasets.otb import Otb
from spectrack.datasets.vot import Vot
from spectrack.metrics.regions import jaccard
from spectrack.structures import Box
from spectrack.trackers.sftrack.first import first_mask
from spectrack.trackers.sftrack.segmenter import Segmenter
from spectrack.trackers.sftrack.weights import shared_sftrack
from spectrack.tracking.colour import mask_from_box
from spectrack.tracking.mask_in_box import BoxSegmenter, shared_mask_in_box

TILE = 200
SEEDS = (
    "`first_stage_seed_N` is the first stage of `spectrack train mask-in-box --seed N` alone, "
    "2,500 steps, ended behind it (`RUN/first/last.safetensors` in half precision); what is "
    "shipped has seen 5,400, most of them with a memory. They tell how far trainings differ "
    "by their seed. Nothing was chosen by them, and validation was looked at once for both."
)


def ways(weights):
    """Name to what makes a soft mask of a frame and a box."""
    paper = Segmenter(shared_sftrack().feat2seg)
    found = {}
    for file in weights:
        name = "mask in box" if not file else f"mask in box, {Path(file).stem}"
        segment = BoxSegmenter(shared_mask_in_box(file))
        found[name] = segment.first
    found["NN_feat2seg, colours, graph cut"] = lambda f, b: first_mask(paper, f, b)
    found["graph cut"] = mask_from_box
    return found


def frames_of(videos, count):
    """Frames with their true masks: ``count`` of each video, the first among them."""
    for name, video in videos.items():
        with video.frames() as frames:
            for t in np.linspace(0, len(video) - 1, count).round().astype(int):
                mask = video.truth_mask(int(t))
                if mask is not None and mask.any():
                    yield name, frames[int(t)], mask


def scores(videos, count, methods):
    """Mean J of each way on each video, ``{way: {video: J}}``."""
    found = {name: {} for name in methods}
    for video, frame, mask in frames_of(videos, count):
        box = Box.from_mask(mask)
        for name, method in methods.items():
            hard = np.asarray(method(frame, box)) >= 0.5
            found[name].setdefault(video, []).append(jaccard(hard, mask))
    return {w: {v: float(np.mean(j)) for v, j in by.items()} for w, by in found.items()}


def sheet(sets, method):
    """First frames of box data sets with the mask found, side by side, uint8 RGB."""
    tiles = []
    for videos in sets:
        for video in videos.values():
            with video.frames() as frames:
                frame = frames[0].copy()
            box = video.target().box
            mask = np.asarray(method(frame, box)) >= 0.5
            frame[mask] = (0.5 * frame[mask] + (128, 20, 20)).astype(np.uint8)
            x1, y1, x2, y2 = (round(v) for v in box.xyxy)
            cv2.rectangle(frame, (x1, y1), (x2, y2), (60, 220, 60), 1)
            side = max(2.0 * max(box.w, box.h), 40)
            cx, cy = box.center
            rows = np.clip(np.arange(TILE) * side / TILE + cy - side / 2, 0, frame.shape[0] - 1)
            cols = np.clip(np.arange(TILE) * side / TILE + cx - side / 2, 0, frame.shape[1] - 1)
            tiles.append(frame[rows.astype(int)[:, None], cols.astype(int)])
    while len(tiles) % 4:
        tiles.append(np.full((TILE, TILE, 3), 255, np.uint8))
    return np.vstack([np.hstack(tiles[k : k + 4]) for k in range(0, len(tiles), 4)])


def main():
    options = arguments(__doc__, lambda p: p.add_argument("--weights", default=""))
    page = Page("sftrackpp/first_mask", "The mask of the first frame, made in a box")
    methods = ways(options.weights.split(","))
    names = list(Davis2016(options.root, "train", "240p"))[5::6]
    sets = {
        "validation, first frames": (Davis2016(options.root, "val", "480p"), 1),
        "training, held out": (Davis2016(options.root, "train", "240p", names), 6),
    }
    if options.quick:
        sets = {"training, held out": (Davis2016(options.root, "train", "240p", names[:2]), 2)}
    if options.weights:
        page.text(SEEDS)
    facts = {}
    for title, (videos, count) in sets.items():
        found = facts[title] = scores(videos, count, methods)
        rows = [[video, *(f"{100 * found[way][video]:.1f}" for way in methods)] for video in videos]
        means = [f"{100 * np.mean(list(found[way].values())):.1f}" for way in methods]
        page.text(f"## DAVIS-2016 {title}\n\nJ of the mask at one half.")
        page.table(["sequence", *methods], [*rows, ["**mean**", *means]])
    if not options.quick:
        data = options.root.parent
        picture = sheet((Otb(data / "otb"), Vot(data / "vot2014")), next(iter(methods.values())))
        page.picture(picture, "First frames of OTB and VOT2014: the box given, the mask found.")
    page.write(options, facts, seed=None)


if __name__ == "__main__":
    main()
