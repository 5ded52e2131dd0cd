"""Table 4 and Figure 9 of the SFSeg++ paper: fusing when channels are noisy, or nothing but noise.

    python experiments/sfsegpp/table4_noise.py [--root DAVIS] [--quick]

Three kinds of noise (section 5.1.5) in three combinations with the 13 methods; training and test
channels are disturbed alike. Every sequence is fused with weights learned on the others.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure

from spectrack.datasets.synthetic.noise import NOISE_KINDS
from spectrack.networks.ensembles import build
from spectrack.spectral.mixing.settings import MixingSettings

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # where experiments/ lies

from experiments.common import BLUE, GREY, RED, ROOT, Page, arguments, plt
from experiments.sfsegpp.channels import CHANNELS, COMBINATIONS, Noise, disturbed, load_clip, names
from experiments.sfsegpp.fusion_runs import (
    Applied,
    Learner,
    Scores,
    kept,
    learn,
    leave_one_out,
    mean_over,
    pool,
)
from experiments.sfsegpp.network_data import FRAMES, apply_ensemble, crops_of
from experiments.sfsegpp.network_training import CROPS, PLANS, fit

SETTINGS: dict[str, Noise] = {"none": None} | {
    f"{kind}, {combination}": (kind, combination)
    for kind in NOISE_KINDS
    for combination in COMBINATIONS
}
FIRST = 32
"""Frames of each sequence, from its first: half of the data, to keep the time in bounds."""

WAYS = ("mean", "SFSeg(mean)", "agreement alone", "network", "SFSeg++")
PAPER = {
    "none": (83.5, 83.6, 85.5, 86.6),
    "uniform, top 3 + noise 10": (80.6, 80.7, 84.8, 85.1),
    "uniform, top 3 + noisy 10": (83.5, 83.7, 84.4, 85.4),
    "uniform, top 3 + noisy 5 + noise 5": (84.2, 84.2, 84.9, 85.2),
    "salt_pepper, top 3 + noise 10": (61.5, 62.5, 85.5, 85.5),
    "salt_pepper, top 3 + noisy 10": (81.0, 83.3, 84.9, 84.9),
    "salt_pepper, top 3 + noisy 5 + noise 5": (83.8, 84.0, 85.0, 85.0),
    "rectangles, top 3 + noise 10": (79.6, 80.2, 85.5, 85.6),
    "rectangles, top 3 + noisy 10": (82.2, 83.0, 84.8, 84.9),
    "rectangles, top 3 + noisy 5 + noise 5": (84.3, 84.3, 85.9, 85.9),
}
"""Ensemble, SFSeg over it, best learned ensemble, SFSeg++; of 15 channels, where 13 are here."""


NETWORK = "shallow4"
"""The cheapest of Table 5's networks, learned under the same noise."""

Learned = tuple[dict[str, MixingSettings], dict[str, dict[str, Any]]]


def learn_network(
    root: Path, val: Sequence[str], most: int | None, noise: Noise
) -> dict[str, dict[str, Any]]:
    """The network's parameters for each sequence, learned on the others."""
    kind = build(NETWORK, len(CHANNELS), FRAMES)
    crops = {}
    for number, name in enumerate(val):
        clip = disturbed(load_clip(root, name, most=most), noise)
        crops[name] = crops_of(clip, kind, CROPS, number)
    found = {}
    for name in val:
        net = fit(NETWORK, [crops[n] for n in val if n != name], PLANS[NETWORK])
        found[name] = {k: v.tolist() for k, v in net.state_dict().items()}
    return found


def apply(
    root: Path, most: int | None, folder: Path, job: tuple[str, Learned]
) -> dict[str, Scores]:
    """All noises on one sequence."""
    name, (mixings, networks) = job
    key = {
        "mixings": {k: asdict(v) for k, v in mixings.items()},
        "networks": networks,
        "most": most,
    }
    found: dict[str, Scores] = kept(folder, name, key, partial(_apply, root, most, job))
    return found


def _apply(root: Path, most: int | None, job: tuple[str, Learned]) -> dict[str, Scores]:
    name, (mixings, networks) = job
    clean = Applied.load(root, name, most)
    found: dict[str, Scores] = {}
    for setting, noise in SETTINGS.items():
        applied = clean.under(noise)
        scores: Scores = {}
        mean = applied.mean()
        cut = (mean >= 0.5).astype(np.float32)
        scores["mean"] = applied.score(mean, False)
        scores["SFSeg(mean)"] = applied.score(applied.filtered(cut), False)
        soft, _, _ = applied.mixed(MixingSettings.robust(CHANNELS))
        scores["agreement alone"] = applied.score(soft, False)
        net = build(NETWORK, len(CHANNELS), FRAMES)
        net.load_state_dict({k: torch.tensor(v) for k, v in networks[setting].items()})
        answer = apply_ensemble(net, applied.clip.channels_tchw)
        scores["network"] = applied.score(answer, False)
        soft, _, weights = applied.mixed(mixings[setting])
        scores["SFSeg++"] = applied.score(applied.filtered(soft), False)
        scores["weights"] = {"mean": weights.mean(axis=0).tolist()}
        found[setting] = scores
    return found


def main() -> None:
    options = arguments(__doc__)
    page = Page("sfsegpp/table4_noise", "Table 4: noisy channels")
    most = 8 if options.quick else FIRST
    folder = ROOT / "scratch" / ("quick_noise" if options.quick else "noise")
    val = names(options.root, "val", options.quick)[: 2 if options.quick else None]
    folds, ours = leave_one_out(val), Learner()
    mixings: dict[str, dict[str | None, MixingSettings]] = {}
    with pool() as workers:
        begin = partial(learn, workers, options.root, CHANNELS, folds, [ours], most=most)
        for number, (setting, noise) in enumerate(SETTINGS.items()):
            runs = begin(folder / f"runs{number}", noise=noise)[ours]
            mixings[setting] = {out: run.mixing for out, run in runs.items()}
            print(f"learned under {setting}", flush=True)
        train = partial(learn_network, options.root, val, most)
        networks = dict(zip(SETTINGS, workers.map(train, SETTINGS.values()), strict=True))
        print("networks learned", flush=True)
        jobs = [
            (
                name,
                ({s: mixings[s][name] for s in SETTINGS}, {s: networks[s][name] for s in SETTINGS}),
            )
            for name in val
        ]
        results = list(workers.map(partial(apply, options.root, most, folder), jobs))
    scores = {s: {n: r[s] for n, r in zip(val, results, strict=True)} for s in SETTINGS}
    write(page, scores, options)
    shutil.rmtree(folder)


def write(page: Page, scores: dict[str, dict[str, Scores]], options: Any) -> None:
    ways = [way for way in WAYS if way in next(iter(scores["none"].values()))]
    j = {s: {way: mean_over(found, way) for way in ways} for s, found in scores.items()}
    clean = j["none"]["SFSeg++"]
    page.text(
        f"J in percent over the first {FIRST} frames of {len(scores['none'])} validation "
        "sequences of DAVIS-2016; each is fused with "
        "weights learned on the others under the same kind of noise. The best three methods stay "
        "as they are; the others have noise on them (*noisy*) or are replaced by it (*noise*). "
        "*SFSeg* is our `colour` filter; of the mean it gets the cut mask. *Agreement alone* has "
        f"learned nothing; *network* is `{NETWORK}` of Table 5. The paper has 15 methods, so 12 "
        "channels where 10 are here, on 20 sequences."
    )
    page.table(
        ["noise", *ways, "lost", "paper: mean", "SFSeg", "network", "SFSeg++"],
        [
            [s.replace("_", " and ")]
            + [f"{j[s][way]:.2f}" for way in ways]
            + [f"{clean - j[s]['SFSeg++']:+.2f}"]
            + [f"{v:.1f}" for v in PAPER[s]]
            for s in scores
        ],
    )
    used = {
        s: np.mean([found["weights"]["mean"] for found in of.values()], axis=0)
        for s, of in scores.items()
    }
    page.picture(
        weights_plot(used),
        "Fig. 9: weight of each channel as used, mean over frames and held-out sequences.",
    )
    facts = {"J": j, "weights": {s: u.tolist() for s, u in used.items()}}
    page.write(options, facts, seed=0)


def weights_plot(used: dict[str, np.ndarray]) -> Figure:
    """A row a combination, a colour a state of the channels."""
    rows = ["none", *COMBINATIONS]
    figure, axes = plt.subplots(len(rows), 1, figsize=(6.4, 6.6), sharex=True, sharey=True)
    x = np.arange(len(CHANNELS))
    for ax, row in zip(axes, rows, strict=True):
        kept_, noisy = COMBINATIONS.get(row, (len(CHANNELS), 0))
        colours = [RED if c < kept_ else BLUE if c < kept_ + noisy else GREY for c in x]
        settings = [s for s in used if s == row or s.endswith(f", {row}")]
        width = 0.8 / len(settings)
        for k, setting in enumerate(settings):
            offset = (k - (len(settings) - 1) / 2) * width
            ax.bar(x + offset, used[setting], 0.9 * width, color=colours)
        ax.axhline(0, color="black", lw=0.6)
        ax.set_title(row if row != "none" else "no noise", loc="left")
    for colour, label in ((RED, "as it is"), (BLUE, "noisy"), (GREY, "noise")):
        axes[0].bar([0], [0], color=colour, label=label)
    axes[0].legend(ncols=3)
    axes[-1].set_xticks(x, CHANNELS, rotation=35, ha="right")
    figure.supylabel("weight; of three bars: uniform, salt and pepper, rectangles", fontsize=8)
    return figure


if __name__ == "__main__":
    main()
