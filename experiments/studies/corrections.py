"""Corrections: J as a simulated user gives the true mask of one frame after the other.

    python experiments/studies/corrections.py [--root DAVIS] [--tracker NAME] [--sequences A,B]
        [--train] [--work FOLDER] [--quick]

The first box of each sequence is given. Then the true mask of the frame that `review` names first,
five times; against masks at uniformly spaced frames, and at the frame with the lowest J, which
nobody can know; and with keys followed forward only instead of both ways. What is done is kept in
the work folder, frame by frame, so that a run that was stopped goes on. The numbers of
``tracking/two_ways.py`` and what makes up the doubt were chosen on training sequences.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # where experiments/ lies

from experiments.common import BLUE, GREY, RED, Page, arguments, davis, truths_of
from spectrack.datasets.base import VideoSequence
from spectrack.metrics.regions import jaccard_t
from spectrack.spectral.doubt import most_useful
from spectrack.storage import write_json
from spectrack.structures import Box
from spectrack.tracking.keyframes import KeyframedTrack
from spectrack.tracking.keys import GONE, has_mask
from spectrack.tracking.table import make_tracker

MOST = 5
SHOWN = (0, 1, 2, 3, 5)
"""Corrections after which J is told."""
APART = 8
"""As `review` has it."""
CHOICES = {"review": RED, "uniform": BLUE, "worst": GREY}
WAYS = {"both ways": tuple(CHOICES), "forward only": ("review",)}

Frames = list[int]
Choose = Callable[[KeyframedTrack, NDArray[np.float64], int], Frames]


def corrected(track: KeyframedTrack) -> Frames:
    """Frames whose truth was given; the first began as a box, and may be one of them."""
    return [frame for frame, key in track.keys.items() if has_mask(key) or key == GONE]


def reviewed(track: KeyframedTrack, j: NDArray[np.float64], count: int) -> Frames:
    """The frames corrected so far and the one that `review` names first."""
    so_far = corrected(track)
    if len(so_far) >= count:
        return so_far
    doubts = np.array(track.track().info["doubt"])
    found = most_useful(doubts, 1, APART, given=[f for f, k in track.keys.items() if has_mask(k)])
    return [*so_far, *(frame for frame, _ in found)]


def uniform(track: KeyframedTrack, j: NDArray[np.float64], count: int) -> Frames:
    """As many frames, evenly spread."""
    return [round(track.length * k / (count + 1)) for k in range(1, count + 1)]


def worst(track: KeyframedTrack, j: NDArray[np.float64], count: int) -> Frames:
    """The frames corrected so far and the one with the lowest J."""
    so_far = corrected(track)
    return so_far if len(so_far) >= count else [*so_far, int(np.argmin(j))]


CHOOSE: dict[str, Choose] = {"review": reviewed, "uniform": uniform, "worst": worst}


def rows_of(
    sequence: VideoSequence, choice: str, both_ways: bool, tracker: str, folder: Path, most: int
) -> list[dict[str, Any]]:
    """J of a sequence after 0, 1, ... corrections chosen in one way.

    Returns:
        For each number the frames corrected, the mean J in percent over all frames but the first
        and last, and the same over those that were not corrected.
    """
    truth_thw, rows = truths_of(sequence), []
    make, first = partial(make_tracker, tracker), {0: Box.from_mask(truth_thw[0])}
    begun = folder.with_name("begun")
    with sequence.frames() as frames:
        KeyframedTrack(frames, make, first, folder=begun).run()
        shutil.copytree(begun, folder, dirs_exist_ok=True)  # and what an earlier run came to
        track = KeyframedTrack(frames, make, folder=folder, both_ways=both_ways)
        for frame in corrected(track):
            track.remove(frame)
        track.set(0, first[0])
        j = np.zeros(len(truth_thw))
        for count in range(most + 1):
            if choice == "uniform" and count not in SHOWN:
                rows.append(rows[-1])
                continue
            wanted = CHOOSE[choice](track, j, count) if count else []
            known = corrected(track)
            for frame in set(known) - set(wanted):
                track.remove(frame)
            for frame in set(wanted) - set(known):
                mask_hw = truth_thw[frame]
                track.set(frame, mask_hw if mask_hw.any() else GONE)
            track.run()
            masks_thw = track.track().masks_thw()
            for frame in wanted:
                if not np.array_equal(masks_thw[frame], truth_thw[frame]):
                    raise AssertionError(f"frame {frame} of {sequence.name} is not its key")
            j = jaccard_t(masks_thw, truth_thw)
            inner = np.arange(len(j))[1:-1]
            rest = np.setdiff1d(inner, wanted)
            rows.append(
                {
                    "corrected": sorted(wanted),
                    "j": 100 * float(j[inner].mean()),
                    "j elsewhere": 100 * float(j[rest].mean()),
                    "per frame": [round(float(v), 4) for v in j],
                }
            )
    return rows


def kept(path: Path, make: Callable[[], list[dict[str, Any]]], most: int) -> list[dict[str, Any]]:
    """Rows from a file, or made and kept there."""
    if path.exists():
        rows: list[dict[str, Any]] = json.loads(path.read_text())
        if len(rows) > most:
            return rows[: most + 1]
    rows = make()
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, rows, indent=None)
    return rows


def figure(means: dict[str, dict[str, list[float]]]) -> Figure:
    """Mean J after each correction."""
    fig, axes = plt.subplots(1, len(means), figsize=(4.2 * len(means), 3.2), sharey=True)
    for ax, (way, found) in zip(np.atleast_1d(axes), means.items(), strict=True):
        for choice, values in found.items():
            at = [k for k in SHOWN if k < len(values)]
            ax.plot(at, [values[k] for k in at], "o-", ms=4, color=CHOICES[choice], label=choice)
        ax.axhline(85, color=GREY, lw=0.7, ls=":")
        ax.set(xlabel="corrections", title=way)
    np.atleast_1d(axes)[0].set_ylabel("J, mean over sequences")
    np.atleast_1d(axes)[0].legend(loc="lower right")
    return fig


def chosen_sequences(options: Any) -> Sequence[VideoSequence]:
    split = "train" if options.train else "val"
    names = options.sequences.split(",") if options.sequences else None
    if options.quick:
        names = (names or ["libby" if split == "val" else "dog-agility"])[:1]
    return list(davis(options, split, names).values())


def main() -> None:
    def add(parser: Any) -> None:
        parser.add_argument("--tracker", default="sftrack-fast", help="what follows")
        parser.add_argument(
            "--sequences", default="", help="names, split by commas; all by default"
        )
        parser.add_argument("--train", action="store_true", help="training sequences, 240p")
        parser.add_argument("--work", type=Path, help="default scratch/corrections")

    options = arguments(__doc__, add)
    page = Page("studies/corrections", "Corrections: J after the true masks of a few frames")
    most = 1 if options.quick else MOST
    root = (options.work or Path("scratch") / "corrections") / options.tracker
    root = root / ("train" if options.train else "val")
    found: dict[str, dict[str, dict[str, list[dict[str, Any]]]]] = {}
    sequences = chosen_sequences(options)
    for sequence in sequences:
        for way, choices in WAYS.items():
            for choice in choices:
                name = f"{way}-{choice}".replace(" ", "_")
                path = root / "rows" / f"{sequence.name}-{name}.json"
                folder = root / "passes" / sequence.name / name
                both_ways = way == "both ways"
                make = partial(rows_of, sequence, choice, both_ways, options.tracker, folder, most)
                rows = kept(path, make, most)
                found.setdefault(way, {}).setdefault(choice, {})[sequence.name] = rows
                told = " ".join(f"{row['j']:.1f}" for row in rows)
                print(f"{sequence.name}  {way}  {choice}: {told}", file=sys.stderr, flush=True)
    tell(page, found, options, most, len(sequences))


def tell(page: Page, found: dict[str, Any], options: Any, most: int, count: int) -> None:
    """Write the page."""
    shown = [k for k in SHOWN if k <= most]
    means = {
        way: {
            choice: [float(np.mean([r[k]["j"] for r in rows.values()])) for k in range(most + 1)]
            for choice, rows in choices.items()
        }
        for way, choices in found.items()
    }
    elsewhere = {
        way: {
            choice: [
                float(np.mean([r[k]["j elsewhere"] for r in rows.values()]))
                for k in range(most + 1)
            ]
            for choice, rows in choices.items()
        }
        for way, choices in found.items()
    }
    page.text(
        f"`{options.tracker}` from the box of the first frame, {count} sequences of DAVIS-2016 "
        f"({'training, 240p' if options.train else 'validation, 480p'}). At each step the true "
        "mask of one more frame is given: the first that `review` names, evenly spaced ones, or "
        "the one with the lowest J, which nobody can know. J over all frames but the first and "
        "last; corrected frames are answered exactly and count as 100, so the second table leaves "
        "them out."
    )
    header = ["followed", "frames", *(f"{k} corrections" for k in shown)]
    for table in (means, elsewhere):
        page.table(
            header,
            [
                [way, choice, *(f"{values[k]:.1f}" for k in shown)]
                for way, choices in table.items()
                for choice, values in choices.items()
            ],
        )
    page.picture(figure(means), "Mean J after each correction.")
    best = found["both ways"]["review"]
    page.text("Each sequence, both ways, frames that `review` names:")
    page.table(
        ["sequence", *map(str, shown), "frames"],
        [
            [name, *(f"{rows[k]['j']:.1f}" for k in shown), rows[most]["corrected"]]
            for name, rows in best.items()
        ],
    )
    facts = {"means": means, "elsewhere": elsewhere, "rows": found}
    page.write(options, facts, seed=None)


if __name__ == "__main__":
    main()
