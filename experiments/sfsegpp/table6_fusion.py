"""Tables 5, 6 and 7, Figures 9 and 11 of the SFSeg++ paper: 13 methods fused.

    python experiments/sfsegpp/table6_fusion.py [--root DAVIS] [--quick]

The paper learns on the training split, for which the masks of three of our 13 methods were
published; so two protocols: 13 channels, where each of the ten validation sequences is fused with
weights learned on the other nine, and three channels, learned on the 30 training sequences.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from spectrack.spectral.mixing.settings import MixingSettings

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # where experiments/ lies

from experiments.common import BLUE, GREEN, GREY, RED, ROOT, Page, arguments, plt
from experiments.sfsegpp.channels import CHANNELS, TRAINED, names
from experiments.sfsegpp.fusion_runs import (
    Applied,
    Fold,
    Learned,
    Learner,
    Scores,
    kept,
    learn,
    leave_one_out,
    mean_over,
    pool,
)

BEST, WEAKEST = CHANNELS[0], CHANNELS[-1]
OURS = Learner()
LEARNERS = {
    "SFSeg++": OURS,
    "SFSeg++, Eq. 9 alone": Learner(agreement=False),
    "SFSeg++, learned through the filter": Learner("colour"),
    "SFSeg++, Eq. 9-11, learned through": Learner("paper", agreement=False),
}
PAPER = {
    "best single": 82.4,
    "SFSeg(best single)": 82.7,
    "mean": 83.5,
    "SFSeg(mean)": 83.6,
    "best network": 85.5,
    "SFSeg++": 86.6,
}
PAPER_TCONT = {"weakest single": 46.0, "best single": 77.0, "mean": 75.7, "SFSeg++": 80.2}


def apply(
    root: Path,
    most: int | None,
    folder: Path,
    job: tuple[str, dict[str, MixingSettings], MixingSettings],
) -> Scores:
    """Every way of fusing on one sequence."""
    name, learned, three = job
    key = {"learned": {k: asdict(v) for k, v in learned.items()}, "three": asdict(three)}
    return kept(folder, name, {**key, "most": most}, partial(_apply, root, most, job))


def _apply(
    root: Path, most: int | None, job: tuple[str, dict[str, MixingSettings], MixingSettings]
) -> Scores:
    name, learned, three = job
    applied = Applied.load(root, name, most)
    maps = applied.clip.channels_tchw
    found: Scores = {}
    for c, method in enumerate(CHANNELS):
        single = (maps[:, c] > 0).astype(np.float32)
        found[method] = applied.score(single, method in (BEST, WEAKEST))
        if method == BEST:
            found["SFSeg(best single)"] = applied.score(applied.filtered(single))
    mean = applied.mean()
    found["mean"] = applied.score(mean)
    # Cut before the filter: its level is made for hard masks, and the rival should be at its best.
    found["SFSeg(mean)"] = applied.score(applied.filtered((mean >= 0.5).astype(np.float32)))
    soft, _, _ = applied.mixed(MixingSettings.robust(CHANNELS))
    found["agreement alone"] = applied.score(soft)
    found["SFSeg(agreement alone)"] = applied.score(applied.filtered(soft))
    for title, mixing in learned.items():
        learner = LEARNERS[title]
        soft, pairwise, weights = applied.mixed(mixing)
        if learner == OURS:
            found["learned mixing"] = applied.score(soft)
            found["weights"] = {"mean": weights.mean(axis=0).tolist()}
        paper = learner.through == "paper"
        result = applied.paper(soft, pairwise) if paper else applied.filtered(soft)
        found[title] = applied.score(result)
    few = applied.only(TRAINED)
    found["three: mean"] = few.score(few.mean(), False)
    soft, _, _ = few.mixed(three)
    found["three: learned mixing"] = few.score(soft, False)
    found["three: SFSeg++"] = few.score(few.filtered(soft), False)
    return found


def main() -> None:
    options = arguments(__doc__)
    page = Page("sfsegpp/table6_fusion", "Tables 5-7: fusing the masks of 13 methods")
    most = 14 if options.quick else None
    folder = ROOT / "scratch" / ("quick_fusion" if options.quick else "fusion")
    val = names(options.root, "val", options.quick)[: 2 if options.quick else None]
    train = names(options.root, "train", options.quick)
    ways = dict([*LEARNERS.items()][:3]) if options.quick else LEARNERS
    place, folds = folder / "runs", leave_one_out(val)
    with pool() as workers:
        begin = partial(learn, workers, options.root, most=most)
        runs = begin(CHANNELS, folds, ways.values(), place)
        learned = {title: runs[learner] for title, learner in ways.items()}
        print("learned", flush=True)
        one = [Fold(None, tuple(train))]
        three = begin(TRAINED, one, [OURS], folder / "three", split="train")[OURS][None].mixing
        jobs = [
            (name, {title: learned[title][name].mixing for title in ways}, three) for name in val
        ]
        results = list(workers.map(partial(apply, options.root, most, folder), jobs))
    scores = dict(zip(val, results, strict=True))
    write(page, scores, learned, three, options)
    shutil.rmtree(folder)


def write(
    page: Page,
    scores: dict[str, Scores],
    learned: dict[str, dict[str | None, Learned]],
    three: MixingSettings,
    options: Any,
) -> None:
    j = {v: mean_over(scores, v) for v in next(iter(scores.values())) if v != "weights"}
    best = max(CHANNELS, key=lambda m: j[m])
    first, mean = j[best], j["mean"]
    weakest = min(CHANNELS, key=lambda m: j[m])
    parameters = {t: next(iter(learned[t].values())).mixing.parameters for t in learned}
    frames = sum(len(s["mean"]["J"]) + 2 for s in scores.values())
    page.text(
        f"Published masks of {len(CHANNELS)} unsupervised methods on {len(scores)} validation "
        f"sequences of DAVIS-2016 ({frames} frames at 480p; the others are not at hand, nor are "
        "COSNet, ARP, UOVOS, LMP, ELM, FST, NLC, MSG, KEY, CVOS and TRC of the paper's 15). "
        "`sflu` and `segflow_ours_ol` are the same masks under two names here. J in percent, "
        "mean over frames without the first and last, then over sequences. Each sequence is fused "
        "with weights learned on the others. Settings of the filter itself were chosen on seven "
        "of these sequences ([refine_gains](../studies/refine_gains.md)); the form of the mixing "
        "(that agreement leads the weights) was found on all ten, by J of held-out sequences."
    )
    rows = [f"weakest single ({weakest})", f"best single ({best})"]
    single = {rows[0]: weakest, rows[1]: best}
    rows += ["SFSeg(best single)", "mean", "SFSeg(mean)", "agreement alone"]
    rows += ["SFSeg(agreement alone)", "learned mixing", *learned]
    page.text("## Table 6").table(
        ["way", "learned numbers", "J", "over best", "over mean", "J, paper"],
        [
            [
                row,
                parameters.get("SFSeg++" if row == "learned mixing" else row, "-"),
                f"{j[single.get(row, row)]:.2f}",
                f"{j[single.get(row, row)] - first:+.2f}",
                f"{j[single.get(row, row)] - mean:+.2f}",
                PAPER.get(row.split(" (")[0], "-"),
            ]
            for row in rows
        ],
    )
    page.text(
        "*SFSeg++* is mixing with agreement, learned at pixels, then the filter `colour`; "
        "*Eq. 9 alone* leaves agreement out; *learned through the filter* goes on learning "
        "through `colour` on sub-videos of 5 frames; *Eq. 9-11* mixes and filters as the paper "
        "writes it, learned end to end, F_m sharing the weights. "
        "SFSeg is our `colour` filter in every other row; of the mean it gets the cut mask, "
        "which suits it better. The paper's figures are of other methods and of 20 sequences."
    )
    page.text("J by sequence:").table(
        ["sequence", best, "mean", "SFSeg(mean)", "learned mixing", "SFSeg++"],
        [
            [name]
            + [
                f"{100 * np.mean(s[v]['J']):.1f}"
                for v in (best, "mean", "SFSeg(mean)", "learned mixing", "SFSeg++")
            ]
            for name, s in scores.items()
        ],
    )
    tcont = {
        v: mean_over(scores, v, "TCONT") for v in j if "TCONT" in scores[next(iter(scores))][v]
    }
    page.text(
        "## Table 7: consistency in time\n\nTCONT (Eq. 14-15) with respect to the truth, on soft "
        "masks where a way gives them, with the flow of `colour` (DIS)."
    ).table(
        ["way", "TCONT", "over mean", "paper"],
        [
            [row, f"{tcont[k]:.2f}", f"{tcont[k] - tcont['mean']:+.2f}", PAPER_TCONT.get(p, "-")]
            for row, k, p in [
                (f"weakest single ({WEAKEST})", WEAKEST, "weakest single"),
                (f"best single ({BEST})", BEST, "best single"),
                ("mean", "mean", "mean"),
                ("SFSeg(mean)", "SFSeg(mean)", ""),
                ("SFSeg++", "SFSeg++", "SFSeg++"),
            ]
        ],
    )
    page.text(
        "## Learned on the training split\n\nThree channels ("
        + ", ".join(TRAINED)
        + "), learned on the training sequences, at 480p."
    ).table(
        ["way", "J"],
        [[m, f"{j[m]:.2f}"] for m in TRAINED]
        + [[v.removeprefix("three: "), f"{j[v]:.2f}"] for v in j if v.startswith("three")],
    )
    page.picture(bars(j, best), "Fig. 11: J in ascending order of the paper's table.")
    page.picture(weights_plot(learned["SFSeg++"], scores), "Fig. 9: learned weights.")
    seconds = {t: float(np.mean([r.seconds for r in runs.values()])) for t, runs in learned.items()}
    memory = max(r.memory_mib for r in learned["SFSeg++"].values())
    page.text(
        "Learning one fold took, on one core and with the masks read, "
        + ", ".join(f"{s:.0f} s ({title})" for title, s in seconds.items())
        + f"; the process that learned *SFSeg++* held at most {memory:.0f} MiB."
    )
    facts = {
        "J": j,
        "TCONT": tcont,
        "parameters": parameters,
        "seconds_a_fold": seconds,
        "memory_mib": memory,
        "sequences": {
            name: {v: 100 * float(np.mean(s[v]["J"])) for v in j} for name, s in scores.items()
        },
        "weights": {
            t: {str(out): asdict(run.mixing) for out, run in folds.items()}
            for t, folds in learned.items()
        },
        "three": asdict(three),
    }
    page.write(options, facts, seed=0)


def bars(j: dict[str, float], best: str) -> Figure:
    figure, axes = plt.subplots(figsize=(6.4, 3.0))
    top = sorted(CHANNELS, key=lambda m: j[m])[-3:]
    shown = [*top, "SFSeg(best single)", "mean", "SFSeg(mean)", "learned mixing", "SFSeg++"]
    colours = [GREY] * 3 + [BLUE, GREY, BLUE, GREEN, RED]
    axes.bar(range(len(shown)), [j[s] for s in shown], color=colours)
    for x, s in enumerate(shown):
        axes.text(x, j[s] + 0.1, f"{j[s]:.1f}", ha="center", fontsize=8)
    axes.set_xticks(range(len(shown)), shown, rotation=25, ha="right")
    low = min(j[s] for s in shown)
    axes.set_ylim(low - 2, max(j.values()) + 1.5)
    axes.set_ylabel("J (axis cut)")
    return figure


def weights_plot(folds: dict[str | None, Learned], scores: dict[str, Scores]) -> Figure:
    figure, axes = plt.subplots(figsize=(6.4, 3.0))
    learned = np.array([run.mixing.weights for run in folds.values()])
    used = np.array([s["weights"]["mean"] for s in scores.values()])
    x = np.arange(len(CHANNELS))
    for offset, values, colour, label in (
        (-0.2, learned, GREY, "learned, w"),
        (0.2, used, RED, "used, W: led by agreement"),
    ):
        axes.bar(x + offset, values.mean(0), 0.38, yerr=values.std(0), color=colour, label=label)
    axes.axhline(0, color="black", lw=0.6)
    axes.set_xticks(x, CHANNELS, rotation=35, ha="right")
    axes.set_ylabel("weight, mean and spread of folds")
    axes.legend()
    return figure


if __name__ == "__main__":
    main()
