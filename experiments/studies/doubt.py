"""Does the doubt of a frame rank the truly bad frames first?

    python experiments/studies/doubt.py [--root DAVIS] [--quick]

Fuses the 13 unsupervised methods without learned weights, and refines single ones, on the ten
validation sequences at 480p, and compares the doubt of every frame with its error 1 - J. What
makes up the doubt was chosen on the five sequences of ``CHOSEN_ON``, at half resolution.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.stats import spearmanr

from spectrack.datasets import base
from spectrack.fusion.stream import fuse_video, open_channels
from spectrack.metrics.regions import jaccard_t
from spectrack.refinement.streaming import refine_video
from spectrack.spectral.mixing.settings import MixingSettings
from spectrack.tracks import Track
from spectrack.video.soft_masks import open_masks

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # where experiments/ lies

from experiments.common import BLUE, GREY, INK, RED, Page, arguments, davis, truths_of

METHODS = "matnet andiff epo+ ags lsmo pdb motadapt lvo fseg sflu segflow_ours_ol tis cut".split()  # noqa: SIM905
SINGLE = ("matnet", "pdb", "fseg", "cut")
CHOSEN_ON = ("blackswan", "cows", "dog", "libby", "scooter-black")
SHARED_ERROR = "paragliding-launch"
"""A sequence in which most methods leave out the same part of the object."""
SHOWN = "horsejump-high"


@dataclass(frozen=True)
class Rated:
    """One sequence: J, doubt and its parts of every frame, first and last left out."""

    name: str
    j: NDArray[np.float64]
    doubt: NDArray[np.float64]
    parts: dict[str, NDArray[np.float64]]


def rate(sequence: base.VideoSequence, track: Track) -> Rated:
    j = jaccard_t(track.masks_thw(), truths_of(sequence))[1:-1]
    parts = {k: np.array(v)[1:-1] for k, v in track.info["doubt_parts"].items()}
    return Rated(sequence.name, j, np.array(track.info["doubt"])[1:-1], parts)


def fused(sequence: base.VideoSequence, results: Path) -> Track:
    with sequence.frames() as frames:
        folders = {m: results / m / sequence.name for m in METHODS}
        return fuse_video(frames, open_channels(folders, frames), MixingSettings.robust(METHODS))


def refined(method: str) -> Callable[[base.VideoSequence, Path], Track]:
    def run(sequence: base.VideoSequence, results: Path) -> Track:
        with sequence.frames() as frames:
            return refine_video(frames, open_masks(results / method / sequence.name, frames)[1])

    return run


def measures(rated: list[Rated], values: list[NDArray[np.float64]]) -> dict[str, float]:
    """How well some value of every frame finds its errors."""
    errors = [1 - r.j for r in rated]
    every, error = np.concatenate(values), np.concatenate(errors)
    top = first_tenth(every)
    return {
        "all": rank(every, error),
        "within": float(np.nanmean([rank(v, e) for v, e in zip(values, errors, strict=True)])),
        "hits": len(np.intersect1d(top, first_tenth(error))) / len(top),
        "hits within": float(
            np.mean(
                [
                    len(np.intersect1d(first_tenth(v), first_tenth(e))) / len(first_tenth(e))
                    for v, e in zip(values, errors, strict=True)
                ]
            )
        ),
        "j": 100 * float(1 - error.mean()),
        "j of doubtful": 100 * float(1 - error[top].mean()),
    }


def rank(values: NDArray[np.float64], errors: NDArray[np.float64]) -> float:
    return float(spearmanr(values, errors).statistic)


def first_tenth(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Places of the tenth with the highest values, one at least."""
    return np.argsort(-values, kind="stable")[: max(1, round(len(values) / 10))]


def row(name: str, found: dict[str, float]) -> list[str]:
    return [
        name,
        f"{found['all']:+.2f}",
        f"{found['within']:+.2f}",
        f"{100 * found['hits']:.0f} %",
        f"{100 * found['hits within']:.0f} %",
        f"{found['j']:.1f}",
        f"{found['j of doubtful']:.1f}",
    ]


def parts_of(rated: list[Rated]) -> Iterable[str]:
    return ["doubt", *rated[0].parts]


def values_of(rated: list[Rated], part: str) -> list[NDArray[np.float64]]:
    return [r.doubt if part == "doubt" else r.parts[part] for r in rated]


def figure(rated: list[Rated]) -> Figure:
    fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4))
    for r in rated:
        kind = RED if r.name == SHARED_ERROR else GREY if r.name in CHOSEN_ON else BLUE
        left.scatter(r.doubt, r.j, s=6, color=kind, alpha=0.6, linewidths=0)
    for label, kind in (
        ("chosen on", GREY),
        ("others", BLUE),
        (SHARED_ERROR, RED),
    ):
        left.scatter([], [], s=14, color=kind, label=label)
    left.set(xlabel="doubt", ylabel="J", title="Fused masks, every frame")
    left.legend(loc="lower right")
    one = next((r for r in rated if r.name == SHOWN), rated[-1])
    right.plot(1 - one.j, color=INK, label="1 - J")
    right.plot(one.doubt, color=RED, label="doubt")
    right.set(xlabel="frame", ylim=(0, None), title=one.name)
    right.legend()
    fig.tight_layout()
    return fig


def main() -> None:
    options: argparse.Namespace = arguments(__doc__)
    page = Page("studies/doubt", "Does doubt find the bad frames?")
    sequences = davis(options, sequences=("libby", SHOWN) if options.quick else None)
    results = options.root / "Results" / "480p"
    single = SINGLE[2:3] if options.quick else SINGLE
    ways = {"fused": fused, **{m: refined(m) for m in single}}
    rated = {
        name: [rate(s, way(s, results)) for s in sequences.values()] for name, way in ways.items()
    }
    kept = {
        "chosen on": lambda name: name in CHOSEN_ON,
        "the others": lambda name: name not in CHOSEN_ON,
        f"the others without {SHARED_ERROR}": lambda n: n not in (*CHOSEN_ON, SHARED_ERROR),
    }
    rows, facts = [], {}
    for name, all_of_it in rated.items():
        for group, keep in kept.items():
            some = [r for r in all_of_it if keep(r.name)]
            if options.quick and group.startswith("the others w"):
                continue
            found = measures(some, values_of(some, "doubt"))
            facts[f"{name}, {group}"] = found
            rows.append(row(f"{name}, {group}", found))
    page.text(
        f"Masks: the {len(METHODS)} unsupervised methods fused without learned weights, and single "
        "methods after `refine`, both with the preset `colour`, at 480p. The form of the doubt "
        f"was chosen on {', '.join(s for s in CHOSEN_ON if s in sequences)}; `the others` are the "
        "other sequences. A rank correlation (Spearman) of 1 means that the doubt orders the "
        "frames just as 1 - J does; `within` is the mean over sequences. `Worst tenth found` is "
        "the share of the worst 10 % frames among the 10 % most doubtful (10 % by chance), over "
        "all frames and within each sequence. The last column is the mean J of the most doubtful "
        "tenth."
    )
    headers = ["masks", "rank, all", "rank, within", "worst tenth found", "found within"]
    page.table([*headers, "J", "J of doubtful"], rows)
    page.text(
        f"What methods get wrong alike has no doubt: in {SHARED_ERROR} most leave out the same "
        "part of the object, and its frames are the worst of all. Nor does doubt know which "
        "object is meant: `cut` follows other things for long stretches, consistently."
    )
    page.picture(figure(rated["fused"]), "Doubt against J, and both along a sequence.")
    parts = []
    for name, all_of_it in rated.items():
        for part in parts_of(all_of_it):
            found = measures(all_of_it, values_of(all_of_it, part))
            facts[f"{name}, {part} alone"] = found
            parts.append([name, part, *row("", found)[1:5]])
    page.text("Each part alone, and the doubt made of them, over all sequences:")
    page.table(["masks", "part", *headers[1:]], parts)
    page.text("The fused masks, sequence by sequence:")
    page.table(
        ["sequence", "J", "doubt", "rank"],
        [
            [
                r.name,
                f"{100 * r.j.mean():.1f}",
                f"{r.doubt.mean():.2f}",
                f"{rank(r.doubt, 1 - r.j):+.2f}",
            ]
            for r in rated["fused"]
        ],
    )
    frames = {
        name: {r.name: {"j": r.j.round(4).tolist(), "doubt": r.doubt.tolist()} for r in all_of_it}
        for name, all_of_it in rated.items()
    }
    page.write(options, {"measures": facts, "frames": frames}, seed=None)


if __name__ == "__main__":
    main()
