"""Does a second pass help: backward from the surest late frame, and both ways fused?

    python experiments/studies/second_pass.py [--root DAVIS] [--tracker sftrack] [--quick]

The five training sequences that nothing was learned from, 240p, from the box of the first frame.
The first pass follows forward. Its surest mask in the last three tenths of the video becomes a key
frame as if somebody had drawn it: the video is followed backward and forward from there, and
between both keys each frame is the mean of both ways, weighed as `track --key` does
(``tracking/two_ways.py``): a way counts less that does not come back to the other key.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

from spectrack.api.correcting import track_keys
from spectrack.metrics.regions import jaccard
from spectrack.structures import Box, Target

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # where experiments/ lies

from experiments.common import Page, arguments, davis

HELD_OUT = ("car-turn", "hike", "mallard-water", "scooter-gray", "train")
LATE = 0.7
"""Share of the video after which the key frame is looked for."""


def add(parser):
    """Arguments of this experiment."""
    parser.add_argument("--tracker", default="sftrack")


def mean_jaccard(track, truths):
    """In percent, first and last frame left out."""
    masks = [np.zeros_like(truths[0]) if e.mask is None else e.mask.decode() for e in track.entries]
    pairs = list(zip(masks, truths, strict=True))[1:-1]
    return 100 * float(np.mean([jaccard(mask, truth) for mask, truth in pairs]))


def both_passes(sequence, tracker, most):
    """J of the first pass, and of both; the key frame and its score."""
    with sequence.frames() as read:
        frames = np.stack([frame for frame, _ in zip(read, range(most), strict=False)])
    truths = [sequence.truth_mask(t) for t in range(len(frames))]
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder) / "work"
        given = {1: {0: Target(sequence.target().box)}}
        first = track_keys(frames, given, tracker=tracker, clean=False, work=work)[1]
        late = range(int(LATE * len(frames)), len(frames))
        entries = first.entries
        key = max(late, key=lambda t: entries[t].score if entries[t].mask is not None else -1)
        mask = entries[key].mask.decode()
        again = {1: {key: Target(Box.from_mask(mask), mask)}}
        second = track_keys(frames, again, tracker=tracker, clean=False, work=work)[1]
    return {
        "first": mean_jaccard(first, truths),
        "both": mean_jaccard(second, truths),
        "key": key,
        "score": entries[key].score,
    }


def main():
    options = arguments(__doc__, add)
    page = Page("studies/second_pass", "A second pass, backward from the surest late frame")
    names, most = (HELD_OUT[:1], 6) if options.quick else (HELD_OUT, 10_000)
    found = {}
    for name, sequence in davis(options, "train", names).items():
        found[name] = both_passes(sequence, options.tracker, most)
        print(name, found[name], flush=True)
    mean = {
        what: float(np.mean([one[what] for one in found.values()])) for what in ("first", "both")
    }
    page.text(__doc__.split("\n\n")[2].replace("\n", " ").replace("``", "`"))
    page.table(
        ["sequence", "key frame", "its score", "J, one pass", "J, both", "gain"],
        [
            [n, str(f["key"]), f"{f['score']:.2f}", f"{f['first']:.1f}", f"{f['both']:.1f}",
             f"{f['both'] - f['first']:+.1f}"]
            for n, f in found.items()
        ]
        + [["mean", "", "", f"{mean['first']:.1f}", f"{mean['both']:.1f}",
            f"{mean['both'] - mean['first']:+.1f}"]],
    )  # fmt: skip
    page.write(options, {"tracker": options.tracker, "sequences": found, "mean": mean}, seed=None)


if __name__ == "__main__":
    main()
