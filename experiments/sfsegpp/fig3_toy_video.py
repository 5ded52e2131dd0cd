"""Fig. 3 of the SFSeg++ paper: a very noisy toy video of eleven frames.

    python experiments/sfsegpp/fig3_toy_video.py

SFSeg after 1 and 5 iterations (filtering, Eq. 2), power iteration with the explicit matrix of Eq. 1
after 5, and that matrix's leading eigenvector by Lanczos, all from the same noisy mask.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from spectrack.metrics.regions import jaccard
from spectrack.spectral.sfseg.filter import sfseg
from spectrack.spectral.sfseg.graph import (
    adjacency,
    angle_degrees,
    leading_eigenvector,
    power_iteration,
    taylor,
)
from spectrack.spectral.sfseg.settings import PRESETS, SFSegSettings

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # where experiments/ lies

from experiments.common import RED, Page, arguments, plt

Array = NDArray[np.float64]
Hard = NDArray[np.bool_]

FRAMES, HEIGHT, WIDTH = 11, 24, 36
P, ALPHA, KERNEL = PRESETS["paper"].p, PRESETS["paper"].alpha, PRESETS["paper"].kernel


def noisy_video(seed: int = 0) -> tuple[Array, Array, Hard]:
    """A body with a wing that crosses the picture: S and F, both noisy, and the clean mask."""
    rng = np.random.default_rng(seed)
    t, y, x = np.mgrid[:FRAMES, :HEIGHT, :WIDTH] / np.reshape(
        [FRAMES - 1, HEIGHT, HEIGHT], (3, 1, 1, 1)
    )
    dy, dx = y - 0.42 - 0.16 * t, x - 0.52 - 0.45 * t
    body = (dy / 0.3) ** 2 + (dx / 0.2) ** 2 < 1
    wing = ((dy - 0.12) / 0.12) ** 2 + (dx / 0.42) ** 2 < 1
    clean = (body | wing).astype(float)
    soft = np.clip(0.3 + 0.4 * clean + 0.35 * rng.standard_normal(clean.shape), 0, 1)
    feature = np.clip(0.2 + 0.6 * clean + 0.1 * rng.standard_normal(clean.shape), 0, 1)
    return soft, feature, clean > 0


def filtered(soft: Array, feature: Array, iterations: int) -> Array:
    """The continuous solution of SFSeg."""
    settings = SFSegSettings(
        p=P, alpha=ALPHA, kernel=KERNEL, iterations=iterations, continuous_iterations=iterations
    )
    return np.asarray(sfseg(soft, feature, settings), dtype=np.float64)


def of_area(solution: Array, pixels: int) -> Hard:
    """The strongest so many pixels of a solution."""
    hard = np.zeros(solution.size, dtype=bool)
    hard[np.argsort(solution, axis=None)[-pixels:]] = True
    return hard.reshape(solution.shape)


def overlap(first: Hard, second: Hard) -> float:
    return jaccard(*(v.reshape(len(v), -1) for v in (first, second)))


def grid(solutions: dict[str, Array], clean: Hard) -> Figure:
    """A row a solution, a column a frame, each frame over its own maximum, the truth outlined."""
    figure, axes = plt.subplots(
        len(solutions),
        FRAMES,
        figsize=(11, 0.84 * len(solutions)),
        gridspec_kw={"wspace": 0.05, "hspace": 0.08},
    )
    for panels, (name, solution) in zip(axes, solutions.items(), strict=True):
        for t, panel in enumerate(panels):
            panel.imshow(solution[t] / (solution[t].max() or 1), cmap="gray", vmin=0, vmax=1)
            panel.contour(clean[t], levels=[0.5], colors=RED, linewidths=0.6)
            panel.set(xticks=[], yticks=[])
            panel.spines[:].set_visible(False)
        panels[0].set_ylabel(name, rotation=0, ha="right", va="center")
    for t, panel in enumerate(axes[0]):
        panel.set_title(f"frame {t}", fontsize=8)
    return figure


def main(argv: Sequence[str] | None = None) -> None:
    options = arguments(__doc__, argv=argv)
    page = Page("sfsegpp/fig3_toy_video", "Fig. 3: a very noisy toy video")
    soft, feature, clean = noisy_video()
    matrix = adjacency(soft, feature, p=P, alpha=ALPHA, kernel=KERNEL)
    expanded = adjacency(soft, feature, p=P, alpha=ALPHA, kernel=KERNEL, affinity=taylor)
    exact = leading_eigenvector(matrix)[1].reshape(soft.shape)
    solutions = {
        "input": soft,
        "SFSeg, 1 iteration": filtered(soft, feature, 1),
        "SFSeg, 5 iterations": filtered(soft, feature, 5),
        "power iteration, 5": power_iteration(matrix, soft, 5).reshape(soft.shape),
        "eigenvector of Eq. 1": exact,
    }
    five = solutions["SFSeg, 5 iterations"]
    rows, facts = [], {}
    for name, solution in solutions.items():
        scores = {
            "iou_same_area": overlap(of_area(solution, int(clean.sum())), clean),
            "iou_half_maximum": overlap(solution >= solution.max() / 2, clean),
            "degrees_to_sfseg_5": angle_degrees(solution, five),
            "degrees_to_eigenvector": angle_degrees(solution, exact),
        }
        facts[name] = scores
        shown = [f"{100 * v:.1f}" for v in list(scores.values())[:2]]
        rows.append([name, *shown, *(f"{v:.1f}" for v in list(scores.values())[2:])])
    same = angle_degrees(five, power_iteration(expanded, soft, 5))
    facts["degrees_sfseg_5_to_matrix_of_eq_2"] = same
    power = facts["power iteration, 5"]
    page.text(
        f"A shape crosses {FRAMES} frames of {WIDTH} x {HEIGHT} pixels; its mask S is drowned in "
        f"noise (deviation 0.35, clipped). Kernel {'x'.join(map(str, KERNEL))}, p {P:g}, alpha "
        f"{ALPHA:g}. The continuous solutions are compared with the clean mask: cut so that as "
        "many pixels are taken as the clean mask has, which asks only for the order of the "
        "pixels, and cut at half of the maximum."
    )
    page.text(
        f"SFSeg after five iterations and power iteration with the explicit matrix of Eq. 1 are "
        f"{power['degrees_to_sfseg_5']:.1f} degrees apart; with the matrix of Eq. 2 it is "
        f"{same:.0e} degrees, the rounding of float32. The eigenvector itself is another thing: it "
        "gathers where the object is strongest, in space and in time "
        f"({facts['eigenvector of Eq. 1']['degrees_to_sfseg_5']:.0f} degrees from SFSeg after 5), "
        "and fits the mask less well than the fifth iteration. The paper calls the three outputs "
        "almost identical; that holds here for the two iterations, and for the eigenvector only "
        "when each frame is looked at over its own maximum, as in the picture."
    )
    page.table(
        ["solution", "IoU, same area", "IoU, half maximum", "degrees to SFSeg 5", "to eigenvector"],
        rows,
    )
    page.picture(grid(solutions, clean), "Solutions, each frame over its maximum; outline: truth.")
    page.write(options, facts, seed=0)


if __name__ == "__main__":
    main()
