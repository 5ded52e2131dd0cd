"""Draw one pixel's neighbours in three frames, for the paper's links and for ours.

The weights are worked out here from the formula, in float64, for one pixel of the synthetic clip.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.patches import ConnectionPatch
from numpy.typing import NDArray

from spectrack.datasets.synthetic import make_clip
from spectrack.flow import DISFlow, consistency_hw
from spectrack.spectral.gaussian import kernel_taps
from spectrack.spectral.guided import GUIDED_PRESETS

HALF = 15
"""Half the side of the part of the frame that is shown, pixels."""
Tap = tuple[int, int, float]
"""Offset (dx, dy) from the pixel in the middle frame, and weight."""


def neighbours(out: Path) -> dict:
    """Two rows of three frames: where the links of one pixel end, and how strong they are."""
    clip = make_clip(14, (854, 480), seed=2)
    frames = list(clip.frames_thwc[10:13])
    y, x = edge_pixel(clip.masks_thw[11])
    flow = DISFlow()
    ours, trust = guided_taps(frames, (y, x), flow)
    rows: list[tuple[str, list[list[Tap]]]] = [
        ("SFSeg: the same place\nin every frame", window_taps()),
        ("ours: along the flow,\nto the same colours", ours),
    ]
    figure, axes = plt.subplots(2, 3, figsize=(7.8, 5.3), gridspec_kw={"wspace": 0.12})
    middles: list[tuple[Any, tuple[float, float]]] = []
    for row, (title, taps) in enumerate(rows):
        strongest = max(w for frame in taps for _, _, w in frame)
        for column, (frame, links) in enumerate(zip(frames, taps, strict=True)):
            panel = axes[row, column]
            draw(panel, frame, (y, x), links, strongest)
            if row == 0:
                panel.set_title(["frame before", "frame", "frame after"][column])
            if column == 0:
                panel.set_ylabel(title, labelpad=10)
            centre = links[len(links) // 2]
            middles.append((panel, (x + centre[0], y + centre[1])))
    for side in (0, 2):
        for first in (0, 3):
            (a, at_a), (b, at_b) = middles[first + 1], middles[first + side]
            link = ConnectionPatch(
                at_a, at_b, "data", "data", axesA=a, axesB=b, color="white", lw=1.4, ls=(0, (3, 2))
            )
            figure.add_artist(link)
    figure.savefig(out / "neighbours.png")
    return {"pixel": [int(x), int(y)], "trust": [round(v, 2) for v in trust]}


def edge_pixel(mask_hw: NDArray[np.bool_]) -> tuple[int, int]:
    """The pixel two inside the mask's boundary, halfway along its upper side."""
    columns = np.flatnonzero(mask_hw.any(axis=0))
    x = int(columns[len(columns) // 2])
    return int(np.flatnonzero(mask_hw[:, x])[0]) + 2, x


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
    frames: list[NDArray[np.uint8]], at_yx: tuple[int, int], flow: DISFlow
) -> tuple[list[list[Tap]], tuple[float, float]]:
    """Links of the default recipe, and how far both flows are believed."""
    s = GUIDED_PRESETS["default"]
    y, x = at_yx
    labs = [cv2.cvtColor(f.astype(np.float32) / 255, cv2.COLOR_RGB2LAB) / 100 for f in frames]
    sharpness = s.sharpness * s.contrast / (s.contrast + local_variance(labs[1])[y, x])
    taps: list[list[Tap]] = []
    trusts = []
    for other in range(3):
        dx = dy = 0
        trust, radius = 1.0, s.radius
        if other != 1:
            there, back = flow(frames[1], frames[other]), flow(frames[other], frames[1])
            dx, dy = (int(np.rint(v)) for v in there[y, x])
            trust = float(consistency_hw(there, back, s.flow_sigma)[y, x])
            radius = s.side_radius
            trusts.append(trust)
        found = []
        for i in range(-radius, radius + 1):
            for j in range(-radius, radius + 1):
                if abs(i) + abs(j) == 2 * radius:  # the corners are left out
                    continue
                oy, ox = dy + s.step * i, dx + s.step * j
                gap = ((labs[other][y + oy, x + ox] - labs[1][y, x]) ** 2).sum()
                near = np.exp(-2 * (i * i + j * j) / radius**2)
                found.append((ox, oy, float(trust * near / (1 + sharpness * gap / 4) ** 4)))
        taps.append(found)
    return taps, (trusts[0], trusts[1])


def local_variance(lab_hwc: NDArray[np.float32]) -> NDArray[np.float32]:
    """Variance of the colour around each pixel, summed over channels."""
    mean = cv2.blur(lab_hwc, (15, 15))
    return (cv2.blur(lab_hwc * lab_hwc, (15, 15)) - mean * mean).sum(axis=2)


def draw(
    panel: Any, frame: NDArray[np.uint8], at_yx: tuple[int, int], taps: list[Tap], strongest: float
) -> None:
    """Part of a frame, and a disc a tap whose area is its weight."""
    y, x = at_yx
    panel.imshow(frame, interpolation="nearest")
    panel.set(
        xlim=(x - HALF - 0.5, x + HALF + 0.5),
        ylim=(y + HALF * 0.8 + 0.5, y - HALF * 0.8 - 0.5),
        xticks=[],
        yticks=[],
    )
    dx, dy, weight = (np.array(v) for v in zip(*taps, strict=True))
    panel.scatter(x + dx, y + dy, s=5, color="white", alpha=0.55, lw=0, zorder=3)
    sizes = 95 * weight / strongest
    panel.scatter(x + dx, y + dy, s=sizes, color="#2ea8ff", edgecolor="white", lw=0.7, zorder=4)
    panel.plot(x, y, "+", color="black", ms=9, mew=1.6, zorder=5)
