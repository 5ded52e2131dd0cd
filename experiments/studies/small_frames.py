"""The spectral filter on small frames: as they are, or enlarged to the size it was chosen at.

    python experiments/studies/small_frames.py [--root DAVIS] [--trackers A,B] [--quick]

Masks of trackers from the first box, on the training sequences of DAVIS-2016 that no shipped
network learned from (every sixth), at 240p; J before the filter, behind it on frames as they are,
and behind it on enlarged ones (``spectral/guided/enlarged.py``), for the recipes ``colour`` and
``learned``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from experiments.common import Page, arguments
from spectrack.datasets.davis import Davis2016
from spectrack.metrics.regions import jaccard
from spectrack.refinement import streaming
from spectrack.refinement.streaming import refine_video
from spectrack.spectral.guided.enlarged import stream_for
from spectrack.spectral.guided.stream import GuidedStream
from spectrack.structures import Target
from spectrack.tracking.table import make_tracker
from spectrack.video.reader import open_video

RECIPES = ("colour", "learned")
WAYS = {
    "as they are": lambda size_wh, settings, kernel: GuidedStream(size_wh, 1, settings, kernel),
    "enlarged": stream_for,
}
"""What is told of the way, and what makes the stream that goes it."""


def masks_of(name, frames_thwc, box):
    """Soft masks of a tracker, one a frame."""
    tracker, found = make_tracker(name), []
    for t, frame in enumerate(frames_thwc):
        p = tracker.init(frame, Target(box)) if t == 0 else tracker.update(frame)
        nothing = np.zeros(frame.shape[:2], np.float32)
        found.append(nothing if p.mask is None else p.mask.astype(np.float32))
    return found


def mean_jaccard(masks, truth_thw):
    """Percent, over frames but the first and the last."""
    inner = range(1, len(truth_thw) - 1)
    return 100 * float(np.mean([jaccard(masks[t], truth_thw[t]) for t in inner]))


def main():
    options = arguments(
        __doc__, lambda p: p.add_argument("--trackers", default="sftrack,sftrack-fast,flow")
    )
    page = Page("studies/small_frames", "The spectral filter on small frames")
    held_out = list(Davis2016(options.root, "train", "240p"))[5::6]
    names = held_out[:1] if options.quick else held_out
    data, most = Davis2016(options.root, "train", "240p", names), 5 if options.quick else None
    facts, rows = {}, []
    for tracker in options.trackers.split(","):
        found = {}
        for name in names:
            with data[name].frames() as frames:
                video = np.stack(list(frames)[:most])
            truth = [data[name].truth_mask(t) for t in range(len(video))]
            soft = masks_of(tracker, video, data[name].target().box)
            own = found[name] = {"before": mean_jaccard([m >= 0.5 for m in soft], truth)}
            for way, stream in WAYS.items():
                streaming.stream_for = stream
                for recipe in RECIPES:
                    track = refine_video(open_video(video), soft, recipe)
                    masks = [track.mask(t) for t in range(len(video))]
                    own[f"{recipe}, {way}"] = mean_jaccard(masks, truth)
            print(tracker, name, {k: round(v, 1) for k, v in own.items()}, flush=True)
        facts[tracker] = found
        for kind in found[names[0]]:
            each = [found[name][kind] for name in names]
            rows.append([tracker, kind, *(f"{j:.1f}" for j in each), f"{np.mean(each):.1f}"])
    streaming.stream_for = stream_for
    page.text(
        "J, percent, first and last frame left out, of masks that the tracker made from the first "
        "box. The settings of the filter were chosen at 480p; here nothing was chosen but that "
        "frames are enlarged."
    )
    page.table(["tracker", "filter", *names, "mean"], rows)
    page.write(options, {"runs": facts}, seed=None)


if __name__ == "__main__":
    main()
