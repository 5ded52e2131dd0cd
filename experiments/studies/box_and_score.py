"""Which box SFTrack++ shall report, and whether its score tells how good a mask is.

    python experiments/studies/box_and_score.py [--root DAVIS] [--work DIR] [--fit] [--quick]

Runs `sftrack` from the box of the first frame, with the cleaning filter behind it as `track` has
it, over the training sequences at 240p that its networks did not learn from (every sixth), from
two more places in each (one from a box drawn as roughly as by hand), and over the validation
sequences at 480p. Every run is kept in ``--work`` as JSON, so one that was stopped goes on. Rules
of boxes and numbers of the score are chosen on training sequences alone; ``--fit`` prints numbers
fitted anew.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from numpy.typing import NDArray

from spectrack.datasets import base
from spectrack.metrics.regions import jaccard_t
from spectrack.structures import Box, FrameHWC, Prediction, Target
from spectrack.trackers.sftrack.boxes import LearnedBox, tight_rule
from spectrack.trackers.sftrack.confidence import FIRST, LATER, score_of
from spectrack.trackers.sftrack.tracker import SFTracker
from spectrack.trackers.sftrack.weights import load_sftrack
from spectrack.tracking.colour import covering_box, robust_box
from spectrack.tracking.loop import run
from spectrack.video.reader import ArrayFrames

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # where experiments/ lies

from experiments.common import BLUE, GREY, INK, RED, ROOT, Page, arguments, davis
from experiments.studies.score_fit import (
    SEED,
    Floats,
    Rows,
    fit_all,
    left_out,
    reliability,
    scored,
    table_of,
)

SIZES = {"box below 40 pixels": (0, 40), "40 to 80": (40, 80), "larger": (80, np.inf)}
FRAMES: Mapping[str, int | None] = {"train": None, "starts": 12, "val": 24}
"""Frames of each run; None for all."""
ROUGH = 0.06
"""Spread of the edges of a box drawn by hand, in its sides."""


def follow(sequence: base.Sequence, count: int | None, begin: int, box: Box) -> Rows:
    """One row a frame: J of the cleaned mask, the signals, and the overlap of each rule's box."""
    end = None if count is None else begin + count
    with sequence.frames() as opened:
        shown = [frame.copy() for frame in islice(opened, begin, end)]
    tracker, learned = SFTracker(), LearnedBox(load_sftrack().seg2box)
    seen: list[tuple[Box | None, dict[str, float]]] = []

    def on_frame(_: int, __: FrameHWC, answer: Prediction) -> None:
        told = tracker.explanation
        assert told is not None
        assert answer.mask is not None
        boxes = [h.box for h in told.hypotheses if h is not None]
        soft = answer.mask.astype(np.float32)
        seen.append((learned(soft, boxes) if answer.found else None, dict(told.signals)))

    frames = ArrayFrames(np.stack(shown))
    track = run(tracker, frames, Target(box), on_frame=on_frame, clean=True)
    truths = [sequence.truth_mask(begin + t) for t in range(len(shown))]
    overlaps = jaccard_t(track.masks_thw(), np.stack(truths))
    rows = []
    for t, (box, signals) in enumerate(seen):
        true, row = Box.from_mask(truths[t]), {"t": t, "j": float(overlaps[t]), "signals": signals}
        if true is not None and track[t].found:
            row["side"] = true.area**0.5
            row["boxes"] = overlaps_of(box, track.mask(t), true)
        rows.append(row | {"found": track[t].found})
    return rows


def overlaps_of(
    learned: Box | None, mask_hw: NDArray[np.bool_], true: Box
) -> dict[str, list[float]]:
    """Overlap with the true box, and share of the mask that lies outside, by rule."""
    tight = tight_rule(mask_hw.astype(np.float32))
    if tight is None:
        return {}
    box = learned or tight
    mean = Box.from_xyxy(*((a + b) / 2 for a, b in zip(box.xyxy, tight.xyxy, strict=True)))
    (a1, b1, c1, d1), (a2, b2, c2, d2) = box.xyxy, tight.xyxy
    rules = {
        "learned": box,
        "tight": tight,
        "robust": robust_box(mask_hw) or tight,
        "mean of both": mean,
        "both together": Box.from_xyxy(min(a1, a2), min(b1, b2), max(c1, c2), max(d1, d2)),
        "where both are": Box.from_xyxy(
            *(a := (max(a1, a2), max(b1, b2))), max(min(c1, c2), a[0]), max(min(d1, d2), a[1])
        ),
        "learned, grown": covering_box(box, mask_hw) or box,
    }
    size_wh = (mask_hw.shape[1], mask_hw.shape[0])
    total = np.count_nonzero(mask_hw)
    out = {}
    for name, one in rules.items():
        inside = np.count_nonzero(mask_hw[one.slices(size_wh)])
        out[name] = [one.iou(true), 1 - inside / total]
    return out


def kept(options: argparse.Namespace, split: str) -> dict[str, Rows]:
    """Rows of every run of a split, from ``--work`` or made now."""
    out, rng = {}, np.random.default_rng(SEED)
    wanted = ("dog",) if split == "val" else ("dog-agility",)
    sequences = davis(
        options, "val" if split == "val" else "train", wanted if options.quick else None
    )
    if split != "val" and not options.quick:  # masks on the others are better than anywhere else
        sequences = dict(list(sequences.items())[5::6])
    for name, sequence in sequences.items():
        for place in (1, 2) if split == "starts" else (0,):
            run_name = f"{name}@{place}" if place else name
            file = options.work / split / f"{run_name}.json"
            rough = rng.normal(0, ROUGH, 4)
            if not file.exists():
                begin = len(sequence) * place // 3
                true = Box.from_mask(sequence.truth_mask(begin))
                if true is None:
                    continue
                edges = np.array(true.xyxy) + rough * ([true.w, true.h] * 2) * (place == 2)
                first = sequence.truth_mask(begin)
                box = Box.from_xyxy(*edges.tolist()).clip((first.shape[1], first.shape[0])) or true
                count = 5 if options.quick else FRAMES[split]
                file.parent.mkdir(parents=True, exist_ok=True)
                rows = follow(sequence, count, begin, box)
                file.write_text(json.dumps(rows), encoding="utf-8")
            out[run_name] = json.loads(file.read_text(encoding="utf-8"))
    return out


def figure(curves: Mapping[str, dict[str, Any]]) -> Figure:
    fig, axes = plt.subplots(1, 2, figsize=(8.4, 3.8), sharey=True)
    for axis, split in zip(axes, ("train", "val"), strict=True):
        axis.plot([0, 1], [0, 1], color=GREY, linewidth=1)
        for (name, found), colour in zip(
            ((n, c) for n, c in curves.items() if n.startswith(split)),
            (RED, BLUE, INK),
            strict=False,
        ):
            score, true, weight = np.array(found["curve"]).T
            axis.plot(score, true, color=colour, label=f"{name.split(', ')[1]}: {found['ece']:.3f}")
            axis.scatter(score, true, s=10 + 250 * weight, color=colour, alpha=0.5, linewidths=0)
        axis.set(xlabel="score", xlim=(0, 1), ylim=(0, 1), title=split)
        axis.legend(loc="upper left", title="expected calibration error")
    axes[0].set_ylabel("J")
    fig.tight_layout()
    return fig


def box_table(page: Page, rows: Mapping[str, Rows]) -> dict[str, Any]:
    """Overlap with the true box by rule; a frame in which nothing was found counts 0."""
    rules = next(r["boxes"] for some in rows.values() for r in some if r.get("boxes"))
    means = {
        rule: np.array(
            [
                np.mean([r["boxes"][rule][0] if r.get("boxes") else 0.0 for r in some[1:-1]])
                for some in rows.values()
            ]
        )
        for rule in rules
    }
    facts: dict[str, Any] = {}
    lines = []
    for rule, values in means.items():
        gain = values - means["learned"]
        error = float(gain.std(ddof=1) / len(gain) ** 0.5) if len(gain) > 1 else float("nan")
        found = [r for some in rows.values() for r in some[1:-1] if r.get("boxes")]
        out = [r["boxes"][rule][1] for r in found]
        sizes = {}
        for size, (low, high) in SIZES.items():
            some = [r["boxes"][rule][0] for r in found if low <= r["side"] < high]
            sizes[size] = float(np.mean(some)) if some else float("nan")
        facts[rule] = {"iou": float(values.mean()), "gain": float(gain.mean()), "error": error}
        facts[rule] |= {"outside": float(np.mean(out)), "outside most": max(out), **sizes}
        lines.append(
            [rule, f"{values.mean():.3f}", f"{gain.mean():+.3f} ± {error:.3f}"]
            + [f"{v:.3f}" for v in sizes.values()]
            + [f"{100 * np.mean(out):.2f} %", f"{100 * max(out):.1f} %"]
        )
    page.table(["box", "IoU", "against learned", *SIZES, "outside", "at most"], lines)
    return facts


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--work", type=Path, default=ROOT / "scratch" / "box_and_score")
    parser.add_argument("--note", default="", help="what the page shall say of the runs")
    parser.add_argument("--fit", action="store_true", help="print numbers fitted anew")


def main() -> None:
    options = arguments(__doc__, add)
    page = Page("studies/box_and_score", "SFTrack++: its boxes, and what its score is worth")
    options.work = options.work / "quick" if options.quick else options.work
    rows = {split: scored(kept(options, split), FIRST) for split in FRAMES}
    training = rows["train"] | rows["starts"]
    if options.fit:
        for kind, numbers in fit_all(training).items():
            print(kind, shown({k: round(v, 2) for k, v in numbers.items()}))
        return
    facts: dict[str, Any] = {"boxes": {}, "scores": {}}
    page.text(BOXES)
    for split in ("train", "val"):
        page.text(f"DAVIS {split}, {len(rows[split])} sequences:")
        facts["boxes"][split] = box_table(page, rows[split])
    page.text(SCORES.format(first=shown(FIRST), later=shown(LATER), starts=len(rows["starts"])))
    lines, curves = [], {}
    for split, some in {"train": training, "val": rows["val"]}.items():
        for kind, numbers in (("first frame", FIRST), ("later frames", LATER)):
            first = kind == "first frame"
            signals, j, names = table_of(some, first)
            ways = {"before": befores(some, first)}
            ways["score"] = np.array([score_of(s, numbers) for s in signals])
            if split == "train" and not options.quick:
                ways["left out"] = left_out(some, first)
            for way, scores in ways.items():
                if len(scores) != len(j):
                    continue
                found = reliability(scores, j, names)
                facts["scores"][f"{split}, {kind}, {way}"] = found
                if not first:
                    curves[f"{split}, {way}"] = found
                lines.append(
                    [f"{split}, {kind}", way, str(len(j))]
                    + [f"{found[k]:.3f}" for k in ("ece", "mean error", "squared error")]
                )
    page.table(["frames", "score", "count", "ECE", "mean error", "squared error"], lines)
    page.picture(figure(curves), "Mean J by score, later frames; areas are shares of frames.")
    page.text("Validation, sequence by sequence (means over the frames with a mask):")
    page.table(["sequence", "J of first", "its score", "J", "score"], by_sequence(rows["val"]))
    page.text(LIMITS)
    if options.note:
        page.text(options.note)
    frames = {k: sum(map(len, v.values())) for k, v in rows.items()}
    page.write(options, {**facts, "frames": frames}, seed=SEED)


def befores(some: Mapping[str, Rows], first: bool) -> Floats:
    """Scores as they were before this experiment, of runs that were kept then; else empty."""
    found = [r for v in some.values() for r in v if (r["t"] == 0) == first]
    found = [r for r in found if r["found"] and r["signals"]]
    return np.array([1.0 if first else r["before"] for r in found if first or "before" in r])


def by_sequence(rows: Mapping[str, Rows]) -> list[list[str]]:
    out = []
    for name, some in rows.items():
        later = [r for r in some[1:] if r["found"] and r["signals"]]
        first = score_of(some[0]["signals"], FIRST)
        score = np.mean([score_of(r["signals"], LATER) for r in later])
        j = np.mean([r["j"] for r in later])
        out.append([name, f"{some[0]['j']:.2f}", f"{first:.2f}", f"{j:.2f}", f"{score:.2f}"])
    return out


def shown(numbers: Mapping[str, float]) -> str:
    return ", ".join(f"{k} {v:g}" for k, v in numbers.items())


BOXES = """
`sftrack` from the true box of the first frame, with the cleaning filter behind it. Which box shall
be written beside the cleaned mask? `learned` is NN_seg2box on the mask before that filter, as it
was until now; `tight` holds the cleaned mask; the true box is the tight one of the true mask.
First and last frames are left out, frames without an answer count 0. `Outside` is the share of the
mask's pixels outside the box. The choice was made on the training sequences, of which NN_seg2box
has learned from 27: they flatter `learned`, if any. There
`tight` is no worse, and nothing lies outside, so it is the default; what beats it by less than its
error is not worth a network. `box_rule=learned` is now grown until 98 % of the mask lie inside.
"""
SCORES = """
The score is a logistic curve over signals that are there anyway. First frame: {first}. Later:
{later}. Fitted on the training sequences and on {starts} runs of twelve frames from other places in
them, half of them from boxes whose edges are off by 6 % of the sides (standard deviation). The
weight of `first` is that of the first eleven frames after the start, where it matters. `Before` is
the score as it was: 1 in the first frame, then contrast of colours times agreement. `Left out` are
sequences scored by numbers fitted to the others (ten folds). ECE is the expected calibration error
over ten bins of the score; sequences count alike.
"""
LIMITS = """
What the signals do not show the score cannot tell. In blackswan the mask is
nearly twice as large as the bird, and yet sharp, of its colours, and found alike by the inputs; the
graph cut and the network agree in the first frame, too. The score of the first frame lowers those
of later ones by little: on training sequences it tells nothing more of them, beyond the first
eleven frames, than what is seen in them.
"""

if __name__ == "__main__":
    main()
