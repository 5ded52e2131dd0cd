"""Draw one pixel's neighbours in three frames, for the paper's links and for ours.

The weights are worked out here from the formula, in float64, for one pixel of the synthetic clip.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from matplotlib import pyplot as plt
from numpy.typing import NDArray

from spectrack.datasets.synthetic.scene import make_clip
from spectrack.flow.estimators import DISFlow, consistency_hw
from spectrack.spectral.guided.stream import GUIDED_PRESETS
from spectrack.spectral.sfseg.gaussian import kernel_taps

SETTINGS = GUIDED_PRESETS["colour"]
HALF = 15
"""Half the side of the part of the frame that is shown, pixels."""
Tap = tuple[int, int, float]
"""Offset (dx, dy) from the pixel in the middle frame, and weight."""


def neighbours(out: Path) -> dict:
    """Two rows of three frames: where the links of one pixel end, and how strong they are."""
    clip = make_clip(14, (854, 480), seed=2)
    frames = list(clip.frames_thwc[10:13])
    flow = DISFlow()
    there = [flow(frames[1], frames[0]), np.zeros((480, 854, 2)), flow(frames[1], frames[2])]
    back = [flow(frames[0], frames[1]), None, flow(frames[2], frames[1])]
    y, x = moving_edge(clip.masks_thw[11], there[2])
    trust = [
        1.0 if b is None else float(consistency_hw(f, b, SETTINGS.flow_sigma)[y, x])
        for f, b in zip(there, back, strict=True)
    ]
    moves = [(int(np.rint(f[y, x, 0])), int(np.rint(f[y, x, 1]))) for f in there]
    rows: list[tuple[str, list[list[Tap]], list[tuple[int, int]]]] = [
        ("SFSeg: the same place\nin every frame", window_taps(), [(0, 0)] * 3),
        (
            "ours: along the flow,\nto like colours",
            guided_taps(frames, (y, x), moves, trust),
            moves,
        ),
    ]
    figure, axes = plt.subplots(
        2, 3, figsize=(8.4, 4.6), gridspec_kw={"wspace": 0.05, "hspace": 0.06}
    )
    for panels, (title, taps, ways) in zip(axes, rows, strict=True):
        strongest = max(w for frame in taps for _, _, w in frame)
        for panel, frame, links, way in zip(panels, frames, taps, ways, strict=True):
            draw(panel, frame, (y, x), links, strongest, way)
        panels[0].set_ylabel(title, labelpad=8)
    for panel, title in zip(axes[0], ("frame before", "frame", "frame after"), strict=True):
        panel.set_title(title)
    figure.savefig(out / "neighbours.png")
    return {
        "pixel": [int(x), int(y)],
        "moves": moves,
        "trust": [round(v, 2) for v in trust],
    }


def moving_edge(mask_hw: NDArray[np.bool_], flow_hw2: NDArray[np.float32]) -> tuple[int, int]:
    """Among pixels three inside the mask's boundary the one that moves most."""
    depth = cv2.distanceTransform(mask_hw.astype(np.uint8), cv2.DIST_L2, 5)
    speed = np.where((depth > 2.5) & (depth < 3.5), np.hypot(*np.moveaxis(flow_hw2, 2, 0)), 0)
    y, x = np.unravel_index(int(speed.argmax()), speed.shape)
    return int(y), int(x)


def window_taps() -> list[list[Tap]]:
    """The Gaussian window of SFSeg, 3 x 7 x 7."""
    time, height, width = kernel_taps((3, 7, 7))
    return [
        [
            (dx - 3, dy - 3, float(a * b * c))
            for dy, b in enumerate(height)
            for dx, c in enumerate(width)
        ]
        for a in time
    ]


def guided_taps(
    frames: list[NDArray[np.uint8]],
    at_yx: tuple[int, int],
    moves: list[tuple[int, int]],
    trust: list[float],
) -> list[list[Tap]]:
    """Links of the default recipe."""
    s = SETTINGS
    y, x = at_yx
    labs = [cv2.cvtColor(f.astype(np.float32) / 255, cv2.COLOR_RGB2LAB) / 100 for f in frames]
    sharpness = s.sharpness * s.contrast / (s.contrast + local_variance(labs[1])[y, x])
    taps: list[list[Tap]] = []
    for lab, (dx, dy), believed in zip(labs, moves, trust, strict=True):
        radius = s.radius if lab is labs[1] else s.side_radius
        found = []
        for i in range(-radius, radius + 1):
            for j in range(-radius, radius + 1):
                if abs(i) + abs(j) == 2 * radius:  # the corners are left out
                    continue
                oy, ox = dy + s.step * i, dx + s.step * j
                gap = ((lab[y + oy, x + ox] - labs[1][y, x]) ** 2).sum()
                near = np.exp(-2 * (i * i + j * j) / radius**2)
                found.append((ox, oy, float(believed * near / (1 + sharpness * gap / 4) ** 4)))
        taps.append(found)
    return taps


def local_variance(lab_hwc: NDArray[np.float32]) -> NDArray[np.float32]:
    """Variance of the colour around each pixel, summed over channels."""
    mean = cv2.blur(lab_hwc, (15, 15))
    return (cv2.blur(lab_hwc * lab_hwc, (15, 15)) - mean * mean).sum(axis=2)


def draw(
    panel: Any,
    frame: NDArray[np.uint8],
    at_yx: tuple[int, int],
    taps: list[Tap],
    strongest: float,
    move: tuple[int, int],
) -> None:
    """Part of a frame, a disc a tap whose area is its weight, and the way the flow points."""
    y, x = at_yx
    panel.imshow(frame, interpolation="nearest")
    panel.set(
        xlim=(x - HALF - 0.5, x + HALF + 0.5),
        ylim=(y + HALF * 0.8 + 0.5, y - HALF * 0.8 - 0.5),
        xticks=[],
        yticks=[],
    )
    for side in panel.spines.values():
        side.set_visible(False)
    dx, dy, weight = (np.array(v) for v in zip(*taps, strict=True))
    apart = 1 if 1 in dx - dx.min() else SETTINGS.step
    panel.scatter(x + dx, y + dy, s=2.5, color="white", alpha=0.7, lw=0, zorder=3)
    sizes = 38 * apart * weight / strongest
    panel.scatter(x + dx, y + dy, s=sizes, color="#2ea8ff", edgecolor="white", lw=0.6, zorder=4)
    if move != (0, 0):
        arrow = {"arrowstyle": "-|>", "color": "black", "lw": 1.5, "shrinkA": 0, "shrinkB": 0}
        panel.annotate("", (x + move[0], y + move[1]), (x, y), arrowprops=arrow, zorder=6)
    panel.plot(x, y, "+", color="black", ms=9, mew=1.7, zorder=5)
