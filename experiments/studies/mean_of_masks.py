"""Two masks of a target: their union, as the mixing of other masks made of them, or their mean?

    python experiments/studies/mean_of_masks.py [--root DAVIS] [--quick]

The default tracker makes a mask in the box of FEAR-XS and one about the mask that flow carries, and
mixes them. The mixing learned for three inputs and another network (``SFTrackWeights.mixing_of``)
comes to the union of two masks most of the time; beside it means with fixed shares, those that
depend on the size and the place of each mask, and of a single input two thresholds. From the box,
on training sequences of DAVIS-2016 at 240p: every sixth, from which no shipped network learned, and
eight others, from which they did; and on four clips of the synthetic pond, in which the target is
half hidden and passes a look-alike. The shares of ``trackers/sftrack/weighted_mean.py`` were chosen
on these runs; there, flow counts less for targets below 60 pixels, which fixed shares leave out.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from experiments.common import Page, arguments
from experiments.studies.clips_with_truth import of_davis, of_pond
from spectrack.datasets.davis import Davis2016
from spectrack.metrics.regions import box_iou, jaccard
from spectrack.structures import Box, Target
from spectrack.trackers.sftrack import tracker as module
from spectrack.trackers.sftrack.weighted_mean import mean_of_masks, weights_in_frame
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


def as_learned(names, _, side):
    """The mixing for masks of NN_feat2seg, as it was used for these masks before."""
    return load_sftrack().mixing_of(tuple(names)).at_size(side)


def shares(*wanted):
    """A mean of these shares."""

    def mixing(names, gives_masks, _):
        made = mean_of_masks(names, gives_masks)
        total = sum(made.weights)
        return replace(made, weights=tuple(total * share for share in wanted))

    return mixing


def cut_at_half(names, gives_masks, _):
    """A mean that is cut at one half, that of one mask, too."""
    made = mean_of_masks(names, gives_masks)
    return replace(made, bias=-sum(made.weights) / 2)


def fixed(settings, *_):
    """The same weights in every frame."""
    return settings.weights


MIXINGS = {
    "sftrack": {
        "as learned for other masks": (as_learned, fixed),
        "mean, FEAR-XS .6": (shares(0.6, 0.4), fixed),
        "mean, FEAR-XS .5": (shares(0.5, 0.5), fixed),
        "by size and place, FEAR-XS .6": (shares(0.6, 0.4), weights_in_frame),
        "**by size and place, FEAR-XS .45**": (mean_of_masks, weights_in_frame),
    },
    "sftrack-fast": {
        "**cut at .37**, as learned for other masks": (mean_of_masks, fixed),
        "cut at .5": (cut_at_half, fixed),
    },
}
"""Tracker, then what is told of the mixing, and what makes it and its weights in each frame; the
default in bold."""


def follow(frames_and_masks, name):
    """J and box IoU, percent, means over the frames but the first."""
    tracker, found = make_tracker(name), []
    for t, (frame, truth) in enumerate(frames_and_masks):
        true_box = Box.from_mask(truth)
        if t == 0:
            tracker.init(frame, Target(true_box))
            continue
        p = tracker.update(frame)
        overlap = np.nan if true_box is None else 0.0
        if true_box is not None and p.box is not None:
            overlap = box_iou(p.box, true_box)
        hard = p.hard_mask()
        found.append((jaccard(np.zeros_like(truth) if hard is None else hard, truth), overlap))
    return (100 * np.nanmean(found, axis=0)).tolist()


def main():
    options = arguments(__doc__, lambda p: None)
    page = Page("studies/mean_of_masks", "Two masks of a target: their union or their mean")
    held_out = list(Davis2016(options.root, "train", "240p"))[5::6]
    names = held_out[:1] if options.quick else [*held_out, *OTHERS]
    data = Davis2016(options.root, "train", "240p", names)
    most = 3 if options.quick else None
    clips = {name: partial(of_davis, data[name], most) for name in names}
    pond = [f"pond {seed}" for seed in range(1 if options.quick else 4)]
    clips |= {name: partial(of_pond, seed, most) for seed, name in enumerate(pond)}
    usual, facts, rows = (module.mean_of_masks, module.weights_in_frame), {}, []
    try:
        for name, mixings in MIXINGS.items():
            for label, how in mixings.items():
                module.mean_of_masks, module.weights_in_frame = how
                runs = {clip: follow(shown(), name) for clip, shown in clips.items()}
                facts[f"{name}, {label}"] = runs
                row = [name, label]
                for group in (held_out, OTHERS, pond):
                    there = [runs[n] for n in group if n in runs]
                    means = np.mean(there, axis=0) if there else (np.nan, np.nan)
                    row += [" / ".join(f"{run[0]:.0f}" for run in there)]
                    row += [f"{mean:.1f}" for mean in means]
                rows.append(row)
                print(*row, flush=True)
    finally:
        module.mean_of_masks, module.weights_in_frame = usual
    page.text(
        "From the first box, percent, means over the frames but the first. Training sequences of "
        f"DAVIS-2016 at 240p: *held out* ({', '.join(held_out)}), from which no network learned, "
        f"and *others* ({', '.join(OTHERS)}), from which the networks did. *Pond*: clips of 60 "
        "frames in which the target is half hidden and passes a look-alike; the network learned "
        "from other clips of it."
    )
    columns = ["J of each", "J", "box IoU"]
    groups = [f"{group}: {c}" for group in ("held out", "others", "pond") for c in columns]
    page.table(["tracker", "mixing", *groups], rows)
    page.write(options, {"runs": facts}, seed=None)


if __name__ == "__main__":
    main()
