"""Is a target that goes out of sight given up, and found again when it comes back?

    python experiments/studies/lost_and_found.py [--quick] [--tracker sftrack,flow] [--frames 2000]
        [--seed 0]

Follows the koi of the synthetic journey (`spectrack.datasets.synthetic.journey`) from its first
box. It is wholly covered three times and leaves the picture twice; each time the tracker should say
that nothing is found, and take the target up again when it is back.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from spectrack.datasets.synthetic.journey import ABSENCES, Absence, Journey
from spectrack.metrics.regions import box_iou, jaccard
from spectrack.structures import Box, Target
from spectrack.tracking.base import Tracker
from spectrack.tracking.table import make_tracker

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # where experiments/ lies

from experiments.common import BLUE, GREEN, GREY, RED, Page, arguments, plt

QUICK = (Absence("pad", 75, 93), Absence("exit", 364, 390, "right", "bottom"))
SIZE_WH = (320, 240)
ENOUGH = 0.2
"""In view means: at least this share of the usual area (median of all frames with any of it)."""
REGAINED = 0.5
"""The target is found again from this J on."""


@dataclass(frozen=True, eq=False)
class Log:
    """What happened frame by frame, from the second frame on; arrays of shape (T,).

    Attributes:
        areas: Visible pixels of the target.
        found: What the tracker said.
        j: Of its mask with the truth; where nothing is visible 0, or 1 for an empty mask.
        box: Overlap of its box with that of the truth.
        scores: What it thought of its answer.
        seconds: Spent in the tracker, in all.
    """

    areas: NDArray[np.int64]
    found: NDArray[np.bool_]
    j: NDArray[np.float64]
    box: NDArray[np.float64]
    scores: NDArray[np.float64]
    seconds: float

    @property
    def in_view(self) -> NDArray[np.bool_]:
        """Whether enough of the target is visible, bool (T,)."""
        return np.asarray(self.areas >= ENOUGH * np.median(self.areas[self.areas > 0]))


@dataclass(frozen=True)
class Episode:
    """One absence as the tracker lived it; frames are counted from 0, in the clip.

    Attributes:
        what: Kind of the absence.
        gone: First frame in which the target is not in view.
        back: First frame in which it is again.
        given_up_after: Frames from ``gone`` to the first one in which nothing is found.
        claimed: Frames in between in which something is found all the same.
        regained_after: Frames from ``back`` to the first good mask; None if there is none before
            the target goes again.
    """

    what: str
    gone: int
    back: int
    given_up_after: int | None
    claimed: int
    regained_after: int | None


def follow(
    tracker: Tracker, journey: Journey, frames: int, say: Callable[[str], object] = print
) -> Log:
    """Run a tracker from the first box; frames are made one at a time."""
    frame, mask = journey.render(0)
    first = Box.from_mask(mask)
    assert first is not None
    seconds = -perf_counter()
    tracker.init(frame, Target(first))
    seconds += perf_counter()
    rows = []
    for time in range(1, frames):
        frame, mask = journey.render(time)
        begin = perf_counter()
        says = tracker.update(frame)
        seconds += perf_counter() - begin
        hard = says.hard_mask()
        j = jaccard(np.zeros_like(mask) if hard is None or not says.found else hard, mask)
        overlap = box_iou(says.box if says.found else None, Box.from_mask(mask))
        rows.append((int(mask.sum()), bool(says.found), j, overlap, says.score))
        if time % 100 == 0:
            lately = rows[-100:]
            say(
                f"{time:6d}  found {sum(r[1] for r in lately):3d} %  "
                f"J {np.mean([r[2] for r in lately]):.2f}  {seconds / time * 1e3:.0f} ms a frame"
            )
    areas, found, js, boxes, scores = (np.array(column) for column in zip(*rows, strict=True))
    return Log(areas, found, js, boxes, scores, seconds)


def episodes(log: Log, absences: tuple[Absence, ...]) -> list[Episode]:
    """The absences, as they went."""
    view = log.in_view
    runs = []
    for one in absences:
        first, last = one.start - 1, one.end - 1  # the log begins with the second frame
        while first > 0 and not view[first - 1]:
            first -= 1
        while last < len(view) and not view[last]:
            last += 1
        runs.append((one, first, last))
    ends = [first for _, first, _ in runs[1:]] + [len(view)]
    out = []
    for (one, gone, back), until in zip(runs, ends, strict=True):
        silent = np.flatnonzero(~log.found[gone:back])
        good = np.flatnonzero((log.j[back:until] >= REGAINED) & log.found[back:until])
        out.append(
            Episode(
                one.kind if one.kind != "exit" else f"exit {one.leaves}, back {one.returns}",
                gone + 1,
                back + 1,
                int(silent[0]) if silent.size else None,
                int(log.found[gone:back].sum()),
                int(good[0]) if good.size else None,
            )
        )
    return out


def measures(log: Log) -> dict[str, float]:
    """Scores of a run; all shares in [0, 1]."""
    view = log.in_view
    clear = view | (log.areas == 0)
    both = log.found & view
    return {
        "precision": both.sum() / max((log.found & clear).sum(), 1),
        "recall": both.sum() / max(view.sum(), 1),
        "precision_with_slivers": both.sum() / max(log.found.sum(), 1),
        "right_place": float((log.j[both] >= REGAINED).mean()) if both.any() else 0.0,
        "j_in_view": float((log.j * log.found)[view].mean()),
        "box_in_view": float((log.box * log.found)[view].mean()),
        "frames_per_second": (len(view) + 1) / log.seconds,
    }


def figure(logs: dict[str, Log]) -> Figure:
    """Truth, answer and J over time, a strip for each tracker."""
    made, axes = plt.subplots(
        len(logs), 1, figsize=(9, 0.6 + 1.6 * len(logs)), sharex=True, squeeze=False
    )
    for axis, (name, log) in zip(axes[:, 0], logs.items(), strict=True):
        times = np.arange(1, len(log.j) + 1)
        shown = np.where(log.in_view & log.found, log.j, np.nan)
        axis.plot(times, shown, color=BLUE, linewidth=0.9, label="J while in view")
        for level, flags, colour, label in (
            (1.10, log.in_view, GREY, "in view"),
            (1.22, log.found & log.in_view, GREEN, "found"),
            (1.22, log.found & ~log.in_view, RED, "found, though not in view"),
        ):
            axis.fill_between(
                times, level, level + 0.09, where=flags, step="mid", color=colour, label=label
            )
        axis.set(ylim=(0, 1.33), yticks=(0, 0.5, 1), title=name, xlim=(0, times[-1]))
    axes[-1, 0].set_xlabel("frame")
    made.tight_layout()
    handles, labels = axes[0, 0].get_legend_handles_labels()
    made.legend(handles, labels, loc="upper center", ncols=4, bbox_to_anchor=(0.5, 0.02))
    return made


def after(frames: int | None) -> str:
    return "never" if frames is None else str(frames)


def add(parser: ArgumentParser) -> None:
    parser.add_argument("--tracker", default="sftrack", help="one or more names, with commas")
    parser.add_argument("--frames", type=int, default=2000, help="2000; with --quick 460")
    parser.add_argument("--seed", type=int, default=0, help="of the clip")


def write(options: Any, logs: dict[str, Log], absences: tuple[Absence, ...], page: Page) -> None:
    """The page of what was found."""
    lived = {name: episodes(log, absences) for name, log in logs.items()}
    scores = {name: measures(log) for name, log in logs.items()}
    frames = len(next(iter(logs.values())).j) + 1
    covered = sum(a.kind != "exit" for a in absences)
    page.text(
        f"{frames:,} frames of {SIZE_WH[0]} x {SIZE_WH[1]} of the synthetic journey: a koi swims "
        "about among koi of other colours while the camera drifts. Wholly covered (times): "
        f"{covered}; out of the picture: {len(absences) - covered}. Trackers start from "
        "its box in the first frame and see every frame once."
    )
    page.text(
        f"`In view` means that at least {100 * ENOUGH:.0f} % of the target's usual area is "
        "visible. Precision and recall are of `found` against that, over all frames but the first; "
        "frames in which less is visible but something is count for neither, as either answer can "
        "be right there. `With slivers` is the precision where those frames count as out of view. "
        "J and box IoU are means over the frames in view, 0 where nothing is found; `right place` "
        "is the share of frames found and in view with J of at "
        f"least {REGAINED}."
    )
    headers = ["tracker", "precision", "recall", "with slivers", "right place", "J"]
    page.table(
        [*headers, "box IoU", "frames/s"],
        [[name, *(f"{value:.3f}" for value in s.values())] for name, s in scores.items()],
    )
    page.text(
        "Each absence: frames from the first one out of view until nothing is found any more, "
        "frames in which something is found in spite of it, and frames from the first one back in "
        f"view until J is at least {REGAINED}."
    )
    page.table(
        ["tracker", "absence", "out of view", "given up after", "claimed", "found again after"],
        [
            [
                name,
                e.what,
                f"{e.gone}-{e.back - 1}",
                after(e.given_up_after),
                e.claimed,
                after(e.regained_after),
            ]
            for name, all_of_them in lived.items()
            for e in all_of_them
        ],
    )
    page.picture(figure(logs), "When the target is in view, when it is found, and how well.")
    facts = {
        "measures": scores,
        "episodes": {name: [asdict(e) for e in many] for name, many in lived.items()},
        "frames": {
            name: {
                "area": log.areas.tolist(),
                "found": log.found.astype(int).tolist(),
                "j": log.j.round(3).tolist(),
            }
            for name, log in logs.items()
        },
    }
    page.write(options, facts, options.seed)


def main() -> None:
    options = arguments(__doc__, add)
    page = Page("studies/lost_and_found", "Lost and found")
    frames = 460 if options.quick else options.frames
    absences = tuple(a for a in (QUICK if options.quick else ABSENCES) if a.end < frames)
    journey = Journey(SIZE_WH, options.seed, absences)
    logs = {}
    for name in options.tracker.split(","):
        print(name, flush=True)
        logs[name] = follow(make_tracker(name), journey, frames)
    write(options, logs, absences, page)


if __name__ == "__main__":
    main()
