"""The picture of docs/concepts/pixelwise.md: the loop of both networks, and where it begins.

python experiments/pixelwise/pixelwise_figure.py [--out docs/pictures]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch, Rectangle

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # where experiments/ lies

from experiments.common import BLUE, GREEN, INK, RED, ROOT, STYLE
from spectrack.datasets.synthetic.scene import make_clip
from spectrack.structures import Box
from spectrack.trackers.pixelwise.region import Region
from spectrack.trackers.pixelwise.tracker import squeezed

Place = tuple[float, float]
PALE_BLUE, PALE_GREEN, PALE_RED = "#e4eff8", "#e6f3e6", "#fae6e3"

BOXES: dict[str, tuple[Place, Place, str, str]] = {
    "global": (
        (2.35, 4.1),
        (2.2, 1.1),
        PALE_BLUE,
        "convolutions, pooling\n2 ConvLSTMs, full layers",
    ),
    "extractor": ((6.0, 0.7), (1.3, 1.1), PALE_GREEN, "VGG to pool4\nF-CNN, tanh"),
    "memory": ((7.6, 0.7), (1.3, 1.1), PALE_GREEN, "2 ConvLSTMs\n$h, c$"),
    "decoder": ((9.2, 0.7), (1.3, 1.1), PALE_GREEN, "4 deconvo-\nlutions"),
    "m_cnn": ((7.6, -1.15), (1.3, 1.0), PALE_RED, "M-CNN, tanh"),
}
NOW = 5
"""Frame of the clip that is looked at."""


def draw(out: Path) -> Path:
    """Draw the loop; the file written."""
    clip = make_clip(NOW + 1, size_wh=(224, 128), seed=4)
    before, frame = clip.masks_thw[NOW - 1], clip.frames_thwc[NOW]
    box = Box.from_mask(before)
    assert box is not None
    region = Region.around(box, 2.0)
    crop = region.crop(160)
    with mpl.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(11, 6.2))
        axes.set(xlim=(0, 12.7), ylim=(-1.4, 6.2))
        axes.set_aspect("equal")
        axes.axis("off")
        _picture(axes, squeezed(before.astype(np.float32), 112), (0.3, 3.95), (1.4, 1.4))
        axes.text(1.0, 5.5, "map of the last mask,\n224 x 224", ha="center", fontsize=8)
        _picture(axes, frame, (2.3, 0.45), (2.8, 1.6))
        axes.text(3.7, 0.2, "frame $X_t$", ha="center", va="top", fontsize=8)
        scale = 2.8 / frame.shape[1]
        side = region.side * scale
        corner = (2.3 + region.x * scale - side / 2, 2.05 - region.y * scale - side / 2)
        axes.add_patch(Rectangle(corner, side, side, fill=False, ec=RED, lw=1.6, zorder=5))
        _picture(axes, crop.cut(frame, 127), (5.25, 2.3), (1.3, 1.3))
        axes.text(6.65, 2.95, "region $x_t$, 224 x 224", va="center", fontsize=8)
        inside = crop.cut(clip.masks_thw[NOW].astype(np.float32))
        _picture(axes, inside, (11.0, 0.6), (1.3, 1.3))
        axes.text(11.65, 0.4, "mask $\\hat{z}_t$", ha="center", va="top", fontsize=8)
        for (x, y), (w, h), colour, text in BOXES.values():
            style = "round,pad=0.02,rounding_size=0.1"
            axes.add_patch(FancyBboxPatch((x, y), w, h, boxstyle=style, fc=colour, ec=INK, lw=0.9))
            axes.text(x + w / 2, y + h / 2, text, ha="center", va="center", fontsize=8, color=INK)
        _arrows(axes)
        path = out / "pixelwise_loop.png"
        figure.savefig(path, dpi=110, bbox_inches="tight")
        plt.close(figure)
    return path


def _arrows(axes: Axes) -> None:
    """What goes where, in a frame, before the first and after each."""
    axes.text(2.35, 5.35, "global attention: where", color=BLUE, fontsize=9)
    axes.text(7.6, 1.95, "local segmentation: what", color=GREEN, fontsize=9)
    axes.text(9.1, -0.65, "first frame and its mask,\nonce", color=RED, fontsize=8)
    arrow(axes, (1.75, 4.65), (2.3, 4.65), BLUE)
    axes.plot([4.58, 5.0], [4.65, 4.65], color=BLUE, lw=1.2)
    axes.text(5.1, 4.65, "$\\theta_t$: scale, x, y of a square", va="center", fontsize=9)
    axes.text(
        5.1, 4.3, "smoothed: $\\beta\\theta_t + (1-\\beta)\\theta_{old}$", va="center", fontsize=8
    )
    axes.plot([3.4, 3.4], [4.08, 2.3], color=BLUE, lw=1.2)
    arrow(axes, (3.4, 2.5), (3.4, 2.1), BLUE)
    arrow(axes, (5.12, 1.6), (5.55, 2.25), INK)
    arrow(axes, (6.2, 2.27), (6.5, 1.84), GREEN)
    arrow(axes, (7.32, 1.25), (7.58, 1.25), GREEN)
    arrow(axes, (8.92, 1.25), (9.18, 1.25), GREEN)
    arrow(axes, (10.52, 1.25), (10.95, 1.25), GREEN)
    arrow(axes, (8.25, -0.13), (8.25, 0.66), RED)
    axes.plot([11.65, 11.65, 1.0, 1.0], [1.95, 6.1, 6.1, 6.0], color=INK, lw=0.9, ls=":")
    arrow(axes, (1.0, 6.05), (1.0, 5.95), INK)
    axes.text(8.4, 5.4, "filled in where the region was cut,\nzero elsewhere", fontsize=8)


def _picture(axes: Axes, image: np.ndarray, corner: Place, size: Place) -> None:
    (x, y), (w, h) = corner, size
    axes.imshow(image, extent=(x, x + w, y, y + h), cmap="gray", aspect="auto", zorder=3)
    axes.add_patch(Rectangle(corner, w, h, fill=False, ec=INK, lw=0.8, zorder=4))


def arrow(axes: Axes, start: Place, end: Place, colour: str) -> None:
    """An arrow from one place to another."""
    style = {"arrowstyle": "-|>", "color": colour, "lw": 1.2, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", xy=end, xytext=start, arrowprops=style)


def main() -> None:
    """Draw it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "pictures")
    print(f"wrote {draw(parser.parse_args().out)}")


if __name__ == "__main__":
    main()
