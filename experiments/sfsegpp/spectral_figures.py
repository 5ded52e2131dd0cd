"""The pictures of docs/concepts/spectral.md and the README, from the project's own clip and code.

    python experiments/sfsegpp/spectral_figures.py [--out docs/pictures] [--only before_after,...]

Everything is seeded. The numbers that the pages quote are written to ``figures.json`` beside the
pictures; a test compares the pages with it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from numpy.typing import NDArray

import spectrack as st
from spectrack.datasets.synthetic.scene import make_clip
from spectrack.metrics.regions import jaccard_t
from spectrack.spectral.guided.stream import GUIDED_PRESETS
from spectrack.spectral.sfseg.affinity import AFFINITIES, cosine_series
from spectrack.spectral.sfseg.filter import SFSegSettings, sfseg
from spectrack.spectral.sfseg.graph import adjacency, angle_degrees, leading_eigenvector
from spectrack.structures import Box
from spectrack.video.draw import COLORS, draw_overlay
from spectrack.video.sheet import contact_sheet, write_picture

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # where experiments/ lies

from experiments.common import BLUE, GREEN, INK, RED, STYLE
from experiments.sfsegpp.damage import damaged
from experiments.sfsegpp.fig4_convergence import moving_disc, solutions, tilted
from experiments.sfsegpp.neighbours import neighbours

HELD, GONE, PALE = "#7fb3d9", "#d9e7f2", "#f1f1f1"


def before_after(out: Path) -> dict:
    """Damaged masks of a clip, and what the default recipe makes of them."""
    clip = make_clip(32, (854, 480), seed=2)
    given = damaged(clip)
    track = st.refine(given, clip.frames_thwc)
    refined = [track.mask(t) for t in range(len(track))]
    before, after = (100 * jaccard_t(masks, clip.masks_thw) for masks in (given, refined))
    shown = range(5, 32, 7)
    pictures, labels = [], []
    for name, masks, scores in (("before", given, before), ("after", refined, after)):
        for t in shown:
            drawn = draw_overlay(clip.frames_thwc[t], masks[t], color=COLORS[1])
            pictures.append(drawn[around(clip.masks_thw[t], (440, 280))])
            labels.append(f"frame {t}, {name}: J {scores[t]:.1f}")
    write_picture(out / "before_after.jpg", contact_sheet(pictures, labels, width=300))
    return {"before": round(float(before.mean()), 1), "after": round(float(after.mean()), 1)}


def around(mask_hw: NDArray[np.bool_], size_wh: tuple[int, int]) -> tuple[slice, slice]:
    """Rows and columns of a window of this size, centred on the mask and inside the frame."""
    box = Box.from_mask(mask_hw)
    assert box is not None
    found = []
    centre = (box.y + box.h / 2, box.x + box.w / 2)
    for at, size, length in zip(centre, size_wh[::-1], mask_hw.shape, strict=True):
        first = min(max(round(at - size / 2), 0), length - size)
        found.append(slice(first, first + size))
    return found[0], found[1]


def convergence(out: Path, iterations: int = 100) -> dict:
    """The affinities, and the angle between the filter's solution and Eq. 1's eigenvector."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.1))
    difference = np.linspace(0, 1, 200)
    left.plot(difference, np.exp(-(difference**2)), color="#c4c4c4", lw=5, label="Eq. 1")
    right.set_yscale("log")
    soft, feature, _ = moving_disc()
    _, exact = leading_eigenvector(adjacency(soft, feature))
    start = tilted(exact, 70).reshape(soft.shape)
    numbers = {}
    for name, color in (("taylor", RED), ("cosine2", BLUE), ("cosine3", GREEN)):
        curve = 1 - difference**2 if name == "taylor" else cosine_series(name, 1.0)(difference)
        shown = {"taylor": "Taylor, Eq. 2", "cosine2": "cosine2", "cosine3": "cosine3"}[name]
        cost = {"taylor": 3, "cosine2": 2, "cosine3": 3}[name]
        left.plot(
            difference, curve, color=color, ls="--" if name == "cosine3" else "-", label=shown
        )
        found = solutions(name, start, soft, feature, iterations)
        angles = [angle_degrees(x, exact) for x in found]
        right.plot(range(iterations + 1), angles, color=color, label=f"{shown} ({cost} conv.)")
        # Four digits: the last ones differ from machine to machine.
        numbers[name] = {f"{k}": float(f"{angles[k]:.2g}") for k in (0, 1, 5, 10, 20, 50, 100)}
    left.set(xlabel=r"$|f_i - f_j|$", ylabel="affinity", title=r"what a link weighs, $\alpha = 1$")
    left.legend(loc="lower left")
    right.set(
        xlabel="iteration",
        ylabel="degrees",
        title="angle to the eigenvector of Eq. 1",
        ylim=(0.01, 100),
    )
    right.legend(loc="upper right")
    figure.tight_layout(w_pad=3)
    figure.savefig(out / "convergence.png")
    return {"angle": numbers, "error": largest_errors(), "overlap": overlaps()}


def largest_errors() -> dict:
    """Largest error of each affinity for differences in [0, 1], two digits, by alpha."""
    difference = np.linspace(0, 1, 1001)
    errors: dict = {}
    for name in AFFINITIES:
        errors[name] = {}
        for alpha in (0.5, 1.0, 2.0, 4.0):
            wanted = np.exp(-alpha * difference**2)
            taylor = name == "taylor"
            close = 1 - alpha * difference**2 if taylor else cosine_series(name, alpha)(difference)
            errors[name][f"{alpha:g}"] = float(f"{np.abs(close - wanted).max():.2g}")
    return errors


def overlaps() -> dict:
    """J of the solution, cut at half its maximum, with the true disc: after few steps and many."""
    soft, feature, disc = moving_disc()
    settings = SFSegSettings(p=0.5, kernel=(5, 5, 5), continuous_iterations=400)
    found = {}
    for iterations in (1, 5, 20, 400):
        x = sfseg(soft, feature, replace(settings, iterations=iterations))
        hard = x >= x.max() / 2
        found[f"{iterations}"] = round(float((hard & disc).sum() / (hard | disc).sum()), 2)
    return found


def wavefront(out: Path) -> dict:
    """Which frame is at which step while a stream is filtered, drawn for four steps."""
    steps, frames, now = 4, 11, 7
    figure, axes = plt.subplots(figsize=(7.8, 2.9))
    for t in range(frames):
        for k in range(steps + 1):
            ahead = t + k - now  # 0 on the front
            color = PALE if ahead > 0 else RED if ahead == 0 else HELD if ahead > -3 else GONE
            axes.add_patch(plt.Rectangle((t - 0.42, k - 0.37), 0.84, 0.74, color=color, lw=0))
    way = {"arrowstyle": "-|>", "color": INK, "lw": 1.2, "shrinkA": 0, "shrinkB": 0}
    for dt in (-1, 0, 1):
        axes.annotate("", (4 + 0.12 * dt, 2.68), (4 + 0.8 * dt, 2.2), arrowprops=way, zorder=5)
    go = {**way, "color": RED, "lw": 1.8}
    axes.annotate("", (now, -0.4), (now, -1.0), arrowprops=go)
    axes.text(now + 0.2, -0.78, "a mask goes in", color=RED, va="center")
    axes.annotate("", (now - steps, steps + 1.0), (now - steps, steps + 0.4), arrowprops=go)
    axes.text(now - steps + 0.2, steps + 0.76, "a result comes out", color=RED, va="center")
    legend = ((RED, "worked out now"), (HELD, "still held"), (GONE, "forgotten"), (PALE, "to come"))
    for i, (color, text) in enumerate(legend):
        axes.add_patch(plt.Rectangle((frames + 0.1, 3.1 - i), 0.5, 0.44, color=color, lw=0))
        axes.text(frames + 0.8, 3.32 - i, text, va="center")
    axes.set(
        xlim=(-0.6, frames + 3.6),
        ylim=(-1.1, steps + 1.1),
        xticks=range(frames),
        yticks=range(steps + 1),
        yticklabels=["mask", *(f"step {k}" for k in range(1, steps + 1))],
    )
    axes.set_xlabel("frame", x=(frames / 2) / (frames + 4.2))
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)
    figure.savefig(out / "wavefront.png")
    recipes = GUIDED_PRESETS.items()
    return {
        "delay": {name: settings.iterations for name, settings in recipes},
        "plain steps": {name: round(sum(settings.lengths)) for name, settings in recipes},
    }


FIGURES: dict[str, Callable[[Path], dict]] = {
    "before_after": before_after,
    "convergence": convergence,
    "neighbours": neighbours,
    "wavefront": wavefront,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("docs/pictures"))
    parser.add_argument("--only", default=",".join(FIGURES))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    mpl.use("Agg")
    mpl.rcParams.update(STYLE)
    kept = options.out / "figures.json"
    numbers = json.loads(kept.read_text()) if kept.exists() else {}
    for name in options.only.split(","):
        numbers[name] = FIGURES[name](options.out)
        print(name, json.dumps(numbers[name]), flush=True)
    kept.write_text(json.dumps(dict(sorted(numbers.items())), indent=1) + "\n")


if __name__ == "__main__":
    main()
