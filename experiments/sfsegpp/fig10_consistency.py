"""Figure 10 of the SFSeg++ paper: where the mean and SFSeg++ are consistent in time.

    python experiments/sfsegpp/fig10_consistency.py [--root DAVIS] [--quick]

Takes the weights that ``table6_fusion.py`` learned without the sequence shown, from its JSON file.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from spectrack.metrics.consistency import carried_means
from spectrack.metrics.regions import jaccard
from spectrack.spectral.mixing.settings import MixingSettings
from spectrack.video.draw import draw_overlay

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # where experiments/ lies

from experiments.common import ROOT, Page, arguments, plt
from experiments.sfsegpp.fusion_runs import Applied

SHOWN = {"breakdance": 40, "libby": 23, "scooter-black": 14, "horsejump-high": 30}
"""Sequence and frame."""
RIGHT, WRONG = (40, 170, 80), (215, 60, 60)


def compared(mean_hw: NDArray[np.float32], truth_hw: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Carried mean and truth: green where both, red where one, as strong as it is certain."""
    shown = np.full((*truth_hw.shape, 3), 255.0)
    inside = truth_hw * mean_hw
    outside = np.abs(truth_hw - mean_hw)
    for weight, colour in ((inside, RIGHT), (outside, WRONG)):
        shown += weight[..., None] * (np.array(colour) - 255.0)
    return np.clip(shown, 0, 255).astype(np.uint8)


def around(masks: NDArray[np.bool_], margin: int = 30) -> tuple[slice, slice]:
    """Rows and columns around all masks."""
    rows, cols = (np.flatnonzero(masks.any(axis=(0, a))) for a in (2, 1))
    return (
        slice(max(0, rows[0] - margin), rows[-1] + margin),
        slice(max(0, cols[0] - margin), cols[-1] + margin),
    )


def main() -> None:
    options = arguments(__doc__)
    page = Page("sfsegpp/fig10_consistency", "Fig. 10: consistency in time, seen")
    file = Path(options.out) / "sfsegpp" / "table6_fusion.json"
    if not file.is_file():
        file = ROOT / "docs" / "results" / "sfsegpp" / "table6_fusion.json"
    learned = json.loads(file.read_text())["weights"]["SFSeg++"]
    shown = {k: v for k, v in SHOWN.items() if k in learned}
    if options.quick:
        shown = dict([*shown.items()][:1])
    tiles, facts = [], {}
    for name, t in shown.items():
        applied = Applied.load(options.root, name, t + 16)
        numbers = learned[name]
        mixing = MixingSettings(
            names=tuple(numbers["names"]),
            weights=tuple(numbers["weights"]),
            bias=numbers["bias"],
            agreement=numbers["agreement"],
            reach=numbers["reach"],
        )
        mean = applied.mean()
        ours = applied.filtered(applied.mixed(mixing)[0])
        flow = [(pair.forward_hw2, pair.backward_hw2) for pair in applied.flow]
        truth = applied.clip.truth_thw[t]
        carried = [
            next(m for k, (m, _) in enumerate(carried_means(soft, flow), 1) if k == t)
            for soft in (mean, ours)
        ]
        facts[name] = {
            way: 100 * float(jaccard(soft >= 0.5, truth))
            for way, soft in zip(("mean", "SFSeg++"), carried, strict=True)
        }
        place = around(np.stack([truth, mean[t] >= 0.5, ours[t] >= 0.5]))
        frame = applied.frames[t]
        masks = [draw_overlay(frame, m >= 0.5) for m in (mean[t], ours[t], truth)]
        row = [*masks[:2], *(compared(soft, truth) for soft in carried), masks[2]]
        tiles.append((f"{name}, frame {t}", [image[place] for image in row]))
    page.text(
        "Masks of the mean of 13 methods and of SFSeg++ (weights learned on the other sequences, "
        "[table6_fusion](table6_fusion.md)), and what TCONT sees: the mean of the mask and its two "
        "neighbours carried into the frame by flow (Eq. 14), green where it and the truth agree, "
        "red where they do not."
    )
    page.picture(drawn(tiles), "Mean, SFSeg++, their consistency, truth.")
    page.text("TCONT of the frames shown, percent:").table(
        ["frame", "mean", "SFSeg++"],
        [[f"{n}, {shown[n]}", f"{v['mean']:.1f}", f"{v['SFSeg++']:.1f}"] for n, v in facts.items()],
    )
    page.write(options, facts, seed=None)


def drawn(tiles: list[tuple[str, list[NDArray[np.uint8]]]]) -> Figure:
    titles = ("mean", "SFSeg++", "TCONT, mean", "TCONT, SFSeg++", "truth")
    figure, grid = plt.subplots(
        len(tiles), len(titles), figsize=(10, 2.0 * len(tiles)), squeeze=False
    )
    for row, (label, images) in zip(grid, tiles, strict=True):
        for ax, title, image in zip(row, titles, images, strict=True):
            ax.imshow(image)
            ax.set_xticks([])
            ax.set_yticks([])
            if row is grid[0]:
                ax.set_title(title)
        row[0].set_ylabel(label, fontsize=8)
    figure.tight_layout(pad=0.3)
    return figure


if __name__ == "__main__":
    main()
