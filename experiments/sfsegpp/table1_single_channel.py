"""Table 1 of the SFSeg++ paper: what refining one method's masks does on DAVIS-2016.

    python experiments/sfsegpp/table1_single_channel.py [--root DAVIS] [--quick] [--crf-every 10]

Flow is found once a sequence; two sequences are worked on at a time. Each method passes a guided
stream of its own: one stream for all would share the affinities, but works on the pixels where any
of them may change, which takes longer where methods disagree and gives other results (J of single
videos moved by up to 4.8 points). DenseCRF is slow and sees every tenth frame only. Finished
sequences are kept in ``scratch/table1.jsonl`` until the page is written, so a run that was stopped
goes on.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter

import cv2
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from spectrack.datasets import base
from spectrack.errors import InputError
from spectrack.flow.estimators import DISFlow
from spectrack.flow.local import flow_pair, quick_flow
from spectrack.metrics.regions import jaccard_t
from spectrack.refinement.whole_video import motion_thw
from spectrack.spectral.guided.stream import guided
from spectrack.spectral.sfseg.filter import sfseg
from spectrack.spectral.sfseg.settings import PRESETS

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # where experiments/ lies

from experiments.common import (
    BLUE,
    GREEN,
    GREY,
    INK,
    RED,
    ROOT,
    Page,
    arguments,
    davis,
    mean_j,
    plt,
    published_masks,
    truths_of,
)
from experiments.sfsegpp.densecrf import DenseCRFSettings, densecrf

Frames = list[NDArray[np.uint8]]
Hard = NDArray[np.bool_]

PAPER: dict[str, tuple[str, float, float, float, int]] = {
    "onavos": ("semi", 86.1, 74.1, 86.3, 65),
    "osvoss": ("semi", 85.6, 75.1, 86.0, 90),
    "premvos": ("semi", 84.9, 79.3, 88.2, 90),
    "favos": ("semi", 82.4, 73.8, 83.0, 95),
    "osmn": ("semi", 73.9, 67.6, 75.9, 95),
    "motadapt": ("un", 77.2, 67.3, 77.5, 65),
    "pdb": ("un", 77.2, 68.9, 77.4, 60),
    "lvo": ("un", 75.9, 68.7, 78.8, 90),
    "fseg": ("un", 70.7, 65.2, 72.3, 95),
}
"""Task, J of the input, of DenseCRF and of SFSeg, and percent of videos improved, in the paper."""
MISSING = ("COSNet", "ARP", "NLC")
CRFS = {
    "densecrf": DenseCRFSettings(),
    "densecrf_gentle": DenseCRFSettings(
        certainty=0.9, bilateral_xy=30, bilateral_rgb=10, bilateral_weight=5
    ),
}
"""The settings of its authors' example, as everybody has them, and the best of five tried on the
middle frames of these very sequences with the masks of ``osvoss`` and ``fseg``."""
WAYS = {
    "densecrf": ("DenseCRF", "#d0d0d0"),
    "densecrf_gentle": ("DenseCRF, gentle", GREY),
    "published": ("published", BLUE),
    "paper": ("paper", GREEN),
    "colour": ("colour", RED),
}
"""Name in the table and colour of every way to refine."""
LOWEST = -5
"""Where bars are cut off."""
QUICK_METHODS, QUICK_SEQUENCES, QUICK_FRAMES = ("onavos", "lvo", "fseg"), 2, 16


def crf_scores(frames: Frames, given: Hard, truths: Hard, every: int) -> dict[str, float]:
    """J of the input and of DenseCRF on every so manieth frame; nothing without the package."""
    chosen = range(every // 2, len(frames) - 1, every)
    masks = {"crf_input": [given[t] for t in chosen]}
    try:
        for name, settings in CRFS.items():
            soft = (densecrf(frames[t], given[t].astype(np.float32), settings) for t in chosen)
            masks[name] = [probability >= 0.5 for probability in soft]
    except InputError as error:
        if "pydensecrf" not in str(error):
            raise
        return {}
    truth = [truths[t] for t in chosen]
    return {name: 100 * float(jaccard_t(hard, truth).mean()) for name, hard in masks.items()}


def row_of(
    sequence: base.VideoSequence,
    root: Path,
    methods: Sequence[str],
    every: int,
    short: int | None,
) -> dict:
    """Scores of all methods on a sequence.

    Args:
        sequence: Of DAVIS-2016.
        root: Folder of DAVIS-2016.
        methods: Names.
        every: DenseCRF sees each so manieth frame.
        short: Only the first frames.
    """
    begin = perf_counter()
    with sequence.frames() as opened:
        frames = list(opened)[:short]
    truths = truths_of(sequence)[:short]
    flow, pairs = quick_flow(), []
    for first, second in pairwise(frames):
        pair = flow_pair(flow, first, second)
        pairs.append((pair.forward_hw2, pair.backward_hw2))
    motion = motion_thw(frames, DISFlow())
    scores = {}
    for method in methods:
        given = published_masks(root, method, sequence)[:short]
        soft = given.astype(np.float32)
        results = {"input": given, "colour": guided(frames, soft, pairs) >= 0.5}
        for preset in ("published", "paper"):
            settings = PRESETS[preset]
            results[preset] = sfseg(soft, motion, settings) >= settings.threshold
        scores[method] = {name: mean_j(masks, truths) for name, masks in results.items()}
        scores[method] |= crf_scores(frames, given, truths, every)
    seconds = round(perf_counter() - begin, 1)
    return {
        "sequence": sequence.name,
        "frames": len(frames),
        "densecrf_every": every,
        "seconds": seconds,
        "scores": scores,
    }


def rows_kept(file: Path, every: int) -> Iterator[dict]:
    """Finished sequences of a run that was stopped."""
    for line in file.read_text().splitlines() if file.exists() else []:
        row = json.loads(line)
        if row["densecrf_every"] == every and set(row["scores"]) == set(PAPER):
            yield row


def gains(rows: list[dict], way: str, methods: Sequence[str]) -> NDArray[np.float64]:
    """Result minus input by method and sequence, (M, S); NaN where there is none."""
    before = "crf_input" if way in CRFS else "input"
    return np.array(
        [
            [r["scores"][m].get(way, np.nan) - r["scores"][m].get(before, np.nan) for r in rows]
            for m in methods
        ]
    )


def cell(gain_s: NDArray[np.float64]) -> str:
    if np.isnan(gain_s).all():
        return "-"
    return f"{gain_s.mean():+.2f} ({100 * (gain_s > 0).mean():.0f} %)"


def table(rows: list[dict], methods: Sequence[str]) -> list[list[str]]:
    """A row a method, and the mean of all."""
    found = {way: gains(rows, way, methods) for way in WAYS}
    lines = []
    for i, method in enumerate(methods):
        _, before, crf, after, up = PAPER[method]
        given = np.mean([r["scores"][method]["input"] for r in rows])
        line = [method, f"{given:.1f}", *(cell(found[way][i]) for way in WAYS)]
        lines.append(
            [*line, f"{before:.1f}", f"{crf - before:+.1f}", f"{after - before:+.1f} ({up} %)"]
        )
    quoted = np.array([PAPER[m][1:] for m in methods])
    change = quoted[:, 1:3] - quoted[:, :1]
    given = np.mean([[r["scores"][m]["input"] for r in rows] for m in methods])
    line = ["mean", f"{given:.1f}", *(cell(found[way].ravel()) for way in WAYS)]
    line += [f"{quoted[:, 0].mean():.1f}", f"{change[:, 0].mean():+.1f}"]
    lines.append([*line, f"{change[:, 1].mean():+.1f} ({quoted[:, 3].mean():.0f} %)"])
    return lines


def plot(rows: list[dict], methods: Sequence[str]) -> Figure:
    """Mean gain of every way and method, beside the paper's SFSeg."""
    figure, axes = plt.subplots(figsize=(8.4, 3.2))
    shown = [(name, gains(rows, way, methods).mean(1), c) for way, (name, c) in WAYS.items()]
    quoted = np.array([PAPER[m][3] - PAPER[m][1] for m in methods])
    shown.insert(-1, ("SFSeg in the paper (20 sequences)", quoted, INK))
    for i, (label, values, color) in enumerate(shown):
        at = np.arange(len(methods)) + 0.14 * (i - 2.5)
        axes.bar(at, values, 0.13, color=color, label=label)
        for x, value in zip(at, values, strict=True):
            if value < LOWEST:
                axes.text(x, LOWEST, f"{value:.0f}", ha="center", va="top", fontsize=7)
    axes.axhline(0, color=INK, lw=0.8)
    axes.set(ylabel="gain in J", xticks=range(len(methods)), ylim=(LOWEST, None))
    axes.set_xticklabels(methods)
    axes.tick_params(axis="x", length=0, pad=12)
    axes.legend(ncols=3, loc="upper center", bbox_to_anchor=(0.5, 1.25), fontsize=8)
    return figure


def text_of(rows: list[dict], every: int) -> list[str]:
    """The paragraphs of the page."""
    crf = any("densecrf" in s for r in rows for s in r["scores"].values())
    seen = (
        f"DenseCRF sees every {every}th frame and is compared with the input on the same frames: "
        "with the settings of its authors' example, and with the best of five gentler ones tried "
        "on some of these frames, which favours it."
        if crf
        else "DenseCRF is left out: install it with `pip install 'spectrack[rivals]'`."
    )
    return [
        f"Published masks of {len(rows[0]['scores'])} methods on {len(rows)} validation sequences "
        f"of DAVIS-2016 ({sum(r['frames'] for r in rows)} frames at 480p; the other sequences are "
        f"not at hand, nor are the masks of {', '.join(MISSING)}). Gain in J, percent, over the "
        "input; in brackets the share of videos that improve. `published` is what the authors' "
        "code does, `paper` Algorithm 1 (the paper's p of 0.2 and 0.1 for the two tasks make no "
        "difference here: the masks are hard, and 0 and 1 keep their values under any power), "
        f"`colour` our guided filter. {seen} The last three columns are the paper's, on all 20 "
        "sequences, with flow by FlowNet 2.0 where we have DIS.",
        "Settings of `colour` were chosen on up to 24 frames of seven of these sequences "
        "([refine_gains](../studies/refine_gains.md) gives the others apart). The sequences "
        f"took {sum(r['seconds'] for r in rows):.0f} s in sum, two at a time, at commit "
        f"{', '.join(sorted({r['commit'] for r in rows}))}.",
    ]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--crf-every", type=int, default=10, help="DenseCRF on each so manieth frame"
    )


def main(argv: Sequence[str] | None = None) -> None:
    options = arguments(__doc__, add_arguments, argv)
    page = Page("sfsegpp/table1_single_channel", "Table 1: refining the masks of one method")
    methods = list(QUICK_METHODS if options.quick else PAPER)
    sequences = list(davis(options).values())[: QUICK_SEQUENCES if options.quick else None]
    kept = ROOT / "scratch" / "table1.jsonl"
    rows = [] if options.quick else list(rows_kept(kept, options.crf_every))
    done = {row["sequence"] for row in rows}
    work = partial(
        row_of,
        root=options.root,
        methods=methods,
        every=options.crf_every,
        short=QUICK_FRAMES if options.quick else None,
    )
    with ProcessPoolExecutor(2, get_context("spawn"), cv2.setNumThreads, (1,)) as pool:
        tasks = [pool.submit(work, s) for s in sequences if s.name not in done]
        for task in as_completed(tasks):
            rows.append({**task.result(), "commit": page.commit})
            print(f"{rows[-1]['sequence']}: {rows[-1]['seconds']} s", flush=True)
            if not options.quick:
                kept.parent.mkdir(exist_ok=True)
                with kept.open("a") as log:
                    log.write(json.dumps(rows[-1]) + "\n")
    rows.sort(key=lambda row: row["sequence"])
    for paragraph in text_of(rows, options.crf_every):
        page.text(paragraph)
    quoted = ["input, paper", "DenseCRF, paper", "SFSeg, paper"]
    page.table(
        ["method", "input J", *(name for name, _ in WAYS.values()), *quoted],
        table(rows, methods),
    )
    page.picture(plot(rows, methods), "Mean gain in J by method.")
    page.write(options, {"rows": rows}, seed=None)
    if not options.quick:
        kept.unlink()


if __name__ == "__main__":
    main()
