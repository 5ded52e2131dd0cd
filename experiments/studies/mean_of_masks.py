"""Two masks of a target: their union, as the mixing of other masks made of them, or their mean?

    python experiments/studies/mean_of_masks.py [--root DAVIS] [--quick]

The default tracker makes a mask in the box of FEAR-XS and one about the mask that flow carries, and
mixes them. The mixing learned for three inputs and another network (``SFTrackWeights.mixing_of``)
comes to the union of two masks; beside it weighted means of several shares, and of a single input
two thresholds. On training sequences of DAVIS-2016 at 240p, from the box: every sixth, from which
no shipped network learned, and eight others, from which they did. The numbers of
``trackers/sftrack/weighted_mean.py`` were chosen on these runs.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from experiments.common import Page, arguments
from spectrack.datasets.davis import Davis2016
from spectrack.metrics.regions import box_iou, jaccard
from spectrack.structures import Box
from spectrack.trackers.sftrack import tracker as module
from spectrack.trackers.sftrack.weighted_mean import mean_of_masks
from spectrack.trackers.sftrack.weights import load_sftrack
from spectrack.tracking.table import make_tracker

OTHERS = (
    "bmx-bumps",
    "bus",
    "paragliding",
    "swing",
    "kite-walk",
    "dance-jump",
    "drift-turn",
    "motocross-bumps",
)


def as_learned(names, _):
    """The mixing for masks of NN_feat2seg, as it was used for these masks before."""
    return load_sftrack().mixing_of(tuple(names))


def shares(*wanted, bias=-0.5):
    """A weighted mean, cut where it reaches -bias."""

    def mixing(names, gives_masks):
        made = mean_of_masks(names, gives_masks)
        total = sum(made.weights)
        own = wanted or [w / total for w in made.weights]
        return replace(made, weights=tuple(total * w for w in own), bias=bias * total)

    return mixing


MIXINGS = {
    "sftrack": {
        "as learned for other masks": as_learned,
        "mean, FEAR-XS .4": shares(0.4, 0.6),
        "mean, FEAR-XS .5": shares(0.5, 0.5),
        "**mean, FEAR-XS .6**": shares(0.6, 0.4),
        "mean, FEAR-XS .7": shares(0.7, 0.3),
        "mean, FEAR-XS .6, cut at .54": shares(0.6, 0.4, bias=-0.54),
    },
    "sftrack-fast": {
        "as learned for other masks: cut at .37": as_learned,
        "**cut at .5**": shares(),
        "cut at .54": shares(bias=-0.54),
    },
}
"""Tracker, then what is told of the mixing, and what makes it; the default in bold."""


def follow(sequence, name, most):
    """J and box IoU, percent, means over the frames but the first."""
    tracker, found = make_tracker(name), []
    with sequence.frames() as frames:
        for t, frame in enumerate(frames):
            if most is not None and t > most:
                break
            if t == 0:
                tracker.init(frame, sequence.target())
                continue
            p, truth = tracker.update(frame), sequence.truth_mask(t)
            true_box = Box.from_mask(truth)
            overlap = np.nan if true_box is None else 0.0
            if true_box is not None and p.box is not None:
                overlap = box_iou(p.box, true_box)
            found.append((jaccard(p.hard_mask(), truth), overlap))
    return (100 * np.nanmean(found, axis=0)).tolist()


def main():
    options = arguments(__doc__, lambda p: None)
    page = Page("studies/mean_of_masks", "Two masks of a target: their union or their mean")
    held_out = list(Davis2016(options.root, "train", "240p"))[5::6]
    names = held_out[:1] if options.quick else [*held_out, *OTHERS]
    data = Davis2016(options.root, "train", "240p", names)
    usual, facts, rows = module.mean_of_masks, {}, []
    try:
        for name, mixings in MIXINGS.items():
            for label, mixing in mixings.items():
                module.mean_of_masks = mixing
                runs = {n: follow(data[n], name, 3 if options.quick else None) for n in names}
                facts[f"{name}, {label}"] = runs
                row = [name, label]
                for group in (held_out, OTHERS):
                    there = [runs[n] for n in group if n in runs]
                    means = np.mean(there, axis=0) if there else (np.nan, np.nan)
                    row += [" / ".join(f"{run[0]:.0f}" for run in there)]
                    row += [f"{mean:.1f}" for mean in means]
                rows.append(row)
    finally:
        module.mean_of_masks = usual
    page.text(
        "Training sequences of DAVIS-2016 at 240p, from the first box, percent, means over the "
        f"frames but the first. *Held out* ({', '.join(held_out)}): no network learned from them. "
        f"*Others* ({', '.join(OTHERS)}): the networks did, which should make their masks better "
        "than they are elsewhere."
    )
    columns = ["J of each", "J", "box IoU"]
    groups = [f"{group}: {column}" for group in ("held out", "others") for column in columns]
    page.table(["tracker", "mixing", *groups], rows)
    page.write(options, {"runs": facts}, seed=None)


if __name__ == "__main__":
    main()
