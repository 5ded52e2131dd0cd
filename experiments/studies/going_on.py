"""A run that goes on from a kept answer: what is it worth to show the tracker the first frame?

    python experiments/studies/going_on.py [--trackers sftrack,nanomask] [--quick]

A tracker follows half of a clip and is gone. Another one goes on from its last answer, started
there anew (``init``), or after it was shown the frame in which the target was given (``restart``).
J over the other half, beside that of a tracker that followed the whole clip: on the training
sequences of DAVIS-2016 that no shipped network learned from (every sixth, 240p), and on four clips
of the synthetic pond.
"""

from __future__ import annotations

import sys
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from experiments.common import Page, arguments
from experiments.studies.clips_with_truth import measured, of_davis, of_pond
from spectrack.datasets.davis import Davis2016
from spectrack.structures import Box, Target
from spectrack.tracking.table import make_tracker

WAYS = ("never gone", "anew", "first frame shown")


def follow(tracker, clip):
    """Answers for frames, and their J in percent."""
    answers = [tracker.update(frame) for frame, _ in clip]
    scores = [measured(p, truth)[0] for p, (_, truth) in zip(answers, clip, strict=True)]
    return answers, 100 * float(np.nanmean(scores))


def second_half(clip, name, from_mask):
    """J over it, in percent: of each of :data:`WAYS`; None where nothing was found half way."""
    frame, truth = clip[0]
    given, half = Target(Box.from_mask(truth), truth if from_mask else None), len(clip) // 2
    never, shown, anew = (make_tracker(name) for _ in range(3))
    never.init(frame, given)
    last = follow(never, clip[1 : half + 1])[0][-1]
    mask = last.hard_mask()
    if not last.found or mask is None or not mask.any():
        return None
    answered = Target(last.box, mask)
    anew.init(clip[half][0], answered)
    shown.init(frame, given)
    shown.restart(clip[half][0], answered)
    return [follow(one, clip[half + 1 :])[1] for one in (never, anew, shown)]


def main():
    def more(parser):
        parser.add_argument("--trackers", default="sftrack,nanomask")

    options = arguments(__doc__, more)
    page = Page("studies/going_on", "Going on from a kept answer")
    held_out = list(Davis2016(options.root, "train", "240p"))[5::6]
    names = held_out[:1] if options.quick else held_out
    data = Davis2016(options.root, "train", "240p", names)
    most = 6 if options.quick else None
    clips = {name: partial(of_davis, data[name], most) for name in names}
    if not options.quick:
        clips |= {f"pond {seed}": partial(of_pond, seed, most) for seed in range(4)}
    facts, rows = {}, []
    trackers = options.trackers.split(",")[-1 if options.quick else 0 :]
    for name, start in product(trackers, ("box", "mask")):
        runs = {
            clip: second_half(list(show()), name, start == "mask") for clip, show in clips.items()
        }
        facts[f"{name}, from the {start}"] = runs
        for group in (held_out, [clip for clip in clips if clip not in names]):
            found = [runs[clip] for clip in group if runs.get(clip) is not None]
            if found:
                means = [f"{j:.1f}" for j in np.mean(found, axis=0)]
                label = "held out" if group is held_out else "pond"
                rows.append([name, start, label, len(found), *means])
                print(*rows[-1], flush=True)
    page.text(
        "J in percent over the second half, mean over clips in which the target was found half "
        f"way. *{WAYS[0]}*: a tracker that followed the whole clip. The others go on from its "
        f"answer half way: *{WAYS[1]}* as if somebody had drawn that, *{WAYS[2]}* after the frame "
        f"in which the target was given, as runs go on that were stopped. *Held out*: "
        f"{', '.join(held_out)}, training sequences of DAVIS-2016 at 240p from which no network "
        "learned; *pond*: the synthetic pond, in which the target is half hidden and passes a "
        "look-alike."
    )
    page.table(["tracker", "from the", "clips", "number", *WAYS], rows)
    page.write(options, {"runs": facts}, seed=0)


if __name__ == "__main__":
    main()
