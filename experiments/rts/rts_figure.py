"""The picture of docs/concepts/rts.md: what happens in one frame of RTS, and what goes back.

python experiments/rts/rts_figure.py [--out docs/pictures]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # where experiments/ lies

from experiments.common import BLUE, GREEN, INK, RED, ROOT, STYLE

Place = tuple[float, float]
PALE_BLUE, PALE_GREEN, PALE_RED, PALE = "#e4eff8", "#e6f3e6", "#fae6e3", "#f3f3f3"

BOXES: dict[str, tuple[Place, Place, str, str]] = {
    "frame": ((0.2, 2.2), (1.25, 1.1), PALE, "search region\n480 x 832"),
    "backbone": ((1.85, 2.2), (1.25, 1.1), PALE, "backbone B\nResNet-50"),
    "F": ((3.7, 3.45), (1.5, 0.85), PALE_BLUE, "features F\n512 x 30 x 52"),
    "T": ((5.65, 3.45), (1.75, 0.85), PALE_BLUE, "filter $\\tau$, 3 x 3\n16 maps $x_m$"),
    "G": ((3.7, 1.2), (1.5, 0.85), PALE_GREEN, "features G\n512 x 15 x 26"),
    "K": ((5.65, 1.2), (1.75, 0.85), PALE_GREEN, "filter $\\kappa$, 4 x 4\nscores $s_c$"),
    "H": ((7.8, 1.2), (1.15, 0.85), PALE_GREEN, "encoder H\n16 maps"),
    "D": ((9.4, 2.2), (1.3, 1.1), PALE, "decoder D\nlayers 4 to 1"),
    "mask": ((11.1, 2.2), (1.3, 1.1), PALE, "mask, box,\nfound?"),
    "memory_s": ((5.65, 5.0), (1.75, 0.85), PALE_RED, "32 frames:\nF, E(mask), W(mask)"),
    "memory_c": ((5.65, -0.35), (1.75, 0.85), PALE_RED, "50 frames:\nG, Gaussian label"),
}


def draw(out: Path) -> Path:
    """Draw the pipeline; the file written."""
    with mpl.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(11, 5.4))
        axes.set(xlim=(0, 12.6), ylim=(-0.6, 6.5))
        axes.axis("off")
        for (x, y), (w, h), colour, text in BOXES.values():
            shape = FancyBboxPatch(
                (x, y), w, h, boxstyle="round,pad=0.02,rounding_size=0.1", fc=colour, ec=INK, lw=0.9
            )
            axes.add_patch(shape)
            axes.text(x + w / 2, y + h / 2, text, ha="center", va="center", fontsize=8, color=INK)
        _flow(axes)
        _back(axes)
        axes.text(0.2, 6.15, "every frame", color=INK, fontsize=9)
        axes.text(1.75, 6.15, "learning, where both branches are sure", color=RED, fontsize=9)
        axes.text(5.9, 4.55, "3 steps", color=RED, fontsize=8)
        axes.text(5.9, 0.75, "2 steps", color=RED, fontsize=8)
        path = out / "rts_pipeline.png"
        figure.savefig(path, dpi=110, bbox_inches="tight")
        plt.close(figure)
    return path


def _flow(axes: Axes) -> None:
    """What goes forward in a frame."""
    arrow(axes, (1.47, 2.75), (1.83, 2.75), INK)
    arrow(axes, (3.12, 2.95), (3.68, 3.85), BLUE)
    arrow(axes, (3.12, 2.55), (3.68, 1.65), GREEN)
    arrow(axes, (3.12, 2.75), (9.38, 2.75), INK)
    axes.text(4.1, 2.82, "layers 1 to 4", fontsize=8, color=INK)
    arrow(axes, (5.22, 3.87), (5.63, 3.87), BLUE)
    arrow(axes, (5.22, 1.62), (5.63, 1.62), GREEN)
    arrow(axes, (7.42, 1.62), (7.78, 1.62), GREEN)
    circle = plt.Circle((8.37, 3.87), 0.16, fc="white", ec=INK, lw=0.9)
    axes.add_patch(circle)
    axes.text(8.37, 3.87, "+", ha="center", va="center", fontsize=11, color=INK)
    arrow(axes, (7.42, 3.87), (8.19, 3.87), BLUE)
    arrow(axes, (8.37, 2.07), (8.37, 3.69), GREEN)
    arrow(axes, (8.54, 3.82), (9.6, 3.32), INK)
    axes.text(8.62, 4.0, "$x_f = x_m + H(s_c)$", fontsize=9, color=INK)
    arrow(axes, (10.72, 2.75), (11.08, 2.75), INK)


def _back(axes: Axes) -> None:
    """What goes back after it."""
    line = {"color": RED, "lw": 1.1, "ls": "--"}
    axes.plot([11.75, 11.75, 7.6], [3.34, 5.42, 5.42], **line)
    arrow(axes, (7.6, 5.42), (7.43, 5.42), RED)
    arrow(axes, (6.52, 4.98), (6.52, 4.34), RED)
    axes.plot([11.75, 11.75, 7.6], [2.16, 0.07, 0.07], **line)
    arrow(axes, (7.6, 0.07), (7.43, 0.07), RED)
    arrow(axes, (6.52, 0.53), (6.52, 1.17), RED)
    axes.plot([11.95, 11.95, 0.82, 0.82], [3.34, 5.95, 5.95, 3.5], color=INK, lw=0.9, ls=":")
    arrow(axes, (0.82, 3.5), (0.82, 3.33), INK)
    axes.text(1.0, 5.2, "where to look next: mask's moments,\nor the instance branch", fontsize=8)


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
