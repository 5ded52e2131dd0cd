"""When is what a network sees better than a given mask, and what does refining make of it?

    python experiments/studies/guide_trust.py [--root DAVIS] [--quick]

The five DAVIS training sequences that the network of masks in boxes has not learned from, 26 frames
of each, enlarged from 240p to 480p, with true masks of that size. They are given the masks of two
methods, and true ones that were made coarse, which stand for strong methods. The settings of the
preset ``learned`` were chosen on what is shown here.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from numpy.typing import NDArray

from spectrack.datasets.davis import Davis2016
from spectrack.flow.estimators import warp
from spectrack.flow.local import quick_flow
from spectrack.metrics.regions import jaccard_t
from spectrack.spectral.guided.stream import GUIDED_PRESETS, guided
from spectrack.spectral.guided.trust import BAND, overlap
from spectrack.tracking.mask_guide import MaskGuide
from spectrack.training.held_out import hold_out

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # where experiments/ lies

from experiments.common import BLUE, GREEN, GREY, Page, arguments

METHODS = ("fseg", "segflow_ours_ol")
COARSE = "coarse truth"
COLOURS = dict(zip((*METHODS, COARSE), (BLUE, GREEN, GREY), strict=True))
FIRST, FRAMES, QUICK = 20, 26, 4
LEARNED = GUIDED_PRESETS["learned"]
RECIPES = {
    "colour": replace(LEARNED, guidance=0.0, share=0.0),
    "links alone": replace(LEARNED, share=0.0),
    "learned": LEARNED,
}
HALF = "half a share, always"

Planes = NDArray[np.float32]


@dataclass(frozen=True)
class Scene:
    """A part of a sequence at 480p: flow between its frames in both directions, and masks."""

    name: str
    frames: list[NDArray[np.uint8]]
    flows: list[tuple[Planes, Planes]]
    truth_thw: NDArray[np.bool_]
    given: dict[str, NDArray[np.bool_]]


def scenes(root: Path, count: int, quick: bool) -> Iterator[Scene]:
    """The sequences that were held out, one by one."""
    held = hold_out(list(Davis2016(root, "train", "240p").values()))[1]
    for video in held[: 1 if quick else None]:
        first = FIRST if len(video) > FIRST + count else 0
        times = range(first, first + count)
        truth_thw = read_masks(root / "Annotations" / "480p" / video.name, times)
        results = root / "Results" / "480p"
        given = {method: read_masks(results / method / video.name, times) for method in METHODS}
        size_wh, opened, flow = truth_thw.shape[:0:-1], video.frames(), quick_flow()
        frames = [
            cv2.resize(np.asarray(opened[t]), size_wh, interpolation=cv2.INTER_CUBIC) for t in times
        ]
        flows = [(flow(a, b), flow(b, a)) for a, b in pairwise(frames)]
        yield Scene(video.name, frames, flows, truth_thw, given | {COARSE: coarse(truth_thw)})


def read_masks(folder: Path, times: range) -> NDArray[np.bool_]:
    """Masks by number, (T, H, W)."""
    files = [folder / f"{t:05d}.png" for t in times]
    return np.stack([np.asarray(cv2.imread(str(f), cv2.IMREAD_GRAYSCALE)) > 0 for f in files])


def coarse(truth_thw: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Masks as of a network of stride ten: thin parts go, edges wander a pixel or two."""
    rng, out, height, width = np.random.default_rng(1), [], *truth_thw.shape[1:]
    drift = np.zeros((height, width), np.float32)
    for truth in truth_thw.astype(np.uint8):
        inside = cv2.distanceTransform(truth, cv2.DIST_L2, 5)
        far = np.clip(inside - cv2.distanceTransform(1 - truth, cv2.DIST_L2, 5), -6, 6)
        small = cv2.resize(far, (width // 10, height // 10), interpolation=cv2.INTER_AREA)
        noise = cv2.GaussianBlur(rng.standard_normal((height, width)), (0, 0), 6)
        drift = (0.7 * drift + 0.7 * noise / noise.std()).astype(np.float32)
        out.append(cv2.resize(small, (width, height)) + 1.4 * drift > 0)
    return np.stack(out)


def steadier(guide_thw: Planes, masks_thw: Planes, scene: Scene) -> float:
    """Mean overlap along the flow of the guide, less that of the masks."""
    found = []
    for t, (_, back) in enumerate(scene.flows, 1):
        of_guide, of_mask = (
            overlap(warp(maps[t - 1], back), maps[t]) for maps in (guide_thw, masks_thw)
        )
        found.append(of_guide - of_mask)
    return float(np.mean(found))


def measured(scene: Scene, masks_thw: Planes) -> dict[str, float]:
    """J of the masks, and what the guide and each recipe change it by, points."""

    def j(soft_thw: Planes | NDArray[np.bool_]) -> float:
        return 100 * float(jaccard_t(soft_thw >= 0.5, scene.truth_thw)[1:-1].mean())

    look = MaskGuide()
    guide = np.stack([look(f, m) for f, m in zip(scene.frames, masks_thw, strict=True)])
    given = j(masks_thw)
    found = {"J": given, "steadier": steadier(guide, masks_thw, scene), "guide": j(guide) - given}
    for name, settings in RECIPES.items():
        after = guided(scene.frames, masks_thw, scene.flows, settings, guide_thw=guide)
        found[name] = j(after) - given
    mixed = masks_thw + np.float32(LEARNED.share / 2) * (guide - masks_thw)
    after = guided(scene.frames, mixed, scene.flows, RECIPES["links alone"], guide_thw=guide)
    return found | {HALF: j(after) - given}


def scatter(rows: list[tuple[str, str, dict[str, float]]]) -> Figure:
    """How much steadier guides are, and how much better."""
    figure, axis = plt.subplots(figsize=(5, 3.2))
    axis.axvspan(-100 * BAND, 100 * BAND, color="#eeeeee")
    axis.axhline(0, color=GREY, linewidth=0.6)
    for kind, colour in COLOURS.items():
        some = [found for _, k, found in rows if k == kind]
        x, y = ([one[what] for one in some] for what in ("steadier", "guide"))
        axis.scatter(100 * np.array(x), y, s=24, color=colour, label=kind)
    axis.set(xlabel="steadier than the mask, points of IoU", ylabel="better than the mask, J")
    axis.legend(fontsize=7)
    figure.tight_layout()
    return figure


def main(argv: Sequence[str] | None = None) -> None:
    options = arguments(__doc__, argv=argv)
    page = Page("studies/guide_trust", "When a network is to be believed")
    rows: list[tuple[str, str, dict[str, float]]] = []
    count = QUICK if options.quick else FRAMES
    for scene in scenes(options.root, count, options.quick):
        for kind, masks in scene.given.items():
            rows.append((scene.name, kind, measured(scene, masks.astype(np.float32))))
            print(*rows[-1], flush=True)
    page.text(
        "Masks of the five DAVIS training sequences that the network of masks in boxes has not "
        f"learned from, {count} frames of each, enlarged to 480p. *steadier*: by how many points "
        "the overlap of what the network sees with that of the frame before, brought along by the "
        "flow, is larger than that of the masks. Then what is changed in J, points: the network's "
        "mask itself, and the filter with the guide left out, in its links alone, with half of "
        "its share in every frame, and with as much as its steadiness earns (`learned`)."
    )
    page.picture(
        scatter(rows), "A guide that is steadier than the mask is better than it. Grey: the band."
    )
    names = ["guide", "colour", "links alone", HALF, "learned"]
    table = [
        [
            name,
            kind,
            f"{f['J']:.1f}",
            f"{100 * f['steadier']:+.1f}",
            *(f"{f[n]:+.2f}" for n in names),
        ]
        for name, kind, f in rows
    ]
    for kind in (*COLOURS, None):
        some = [f for _, k, f in rows if kind in (k, None)]
        means = {n: float(np.mean([f[n] for f in some])) for n in ("J", "steadier", *names)}
        table.append(
            ["mean", kind or "all", f"{means['J']:.1f}", f"{100 * means['steadier']:+.1f}"]
            + [f"{means[n]:+.2f}" for n in names]
        )
    page.table(["sequence", "masks", "J", "steadier", *names], table)
    page.write(options, {"rows": [[n, k, f] for n, k, f in rows]}, seed=1)


if __name__ == "__main__":
    main()
