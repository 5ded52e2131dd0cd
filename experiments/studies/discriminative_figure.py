"""The picture of docs/concepts/discriminative.md: what each tracker learns on the spot, and how.

python experiments/studies/discriminative_figure.py [--out docs/pictures]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # where experiments/ lies

from experiments.common import BLUE, INK, RED, ROOT, STYLE
from experiments.studies.rows_figure import HEIGHT, STEP, Column, Row, draw_headings, draw_row

COLUMNS = (
    Column("what it looks at", 1.35, 2.15),
    Column("learned of this target", 3.8, 2.55),
    Column("how it is learned", 6.65, 2.75),
    Column("what it says of places", 9.7, 2.45),
    Column("answer", 12.45, 2.4),
)
LEARNED, HOW, ANSWER = 1, 2, 4
"""Places of columns that the memory's arrow joins."""

ROWS = (
    Row(
        "MDNet\n2016",
        (
            "256 boxes, 107 px each,\nVGG-M",
            "the last three layers\nof a classifier",
            "gradient descent on boxes;\nonly the hardest negatives",
            "target or not,\nof every box",
            "mean of the best five,\nregressed",
        ),
        (),
        (LEARNED, HOW),
    ),
    Row(
        "ATOM\n2019",
        (
            "region of 288 px,\nResNet-18 of ImageNet",
            "two layers, from nothing:\n1x1 to 64 maps, 4x4 to one",
            "Gauss-Newton with conjugate\ngradients, 60 steps, then 5",
            "a score at every place,\n18x18, interpolated",
            "10 boxes climb on what\noverlap IoU-Net expects",
        ),
        (0, 1, 2, 3, 4),
        (LEARNED, HOW),
    ),
    Row(
        "DiMP\n2019",
        (
            "region of 288 px,\nResNet learned for this",
            "one 4x4 filter,\nstarted by a network",
            "steepest descent, a loss learned\nbefore: 10 steps, then 2",
            "a score, 19x19;\na second peak is judged",
            "IoU-Net",
        ),
        (0, 1, 2, 3),
        (LEARNED, HOW),
    ),
    Row(
        "PrDiMP\n2020",
        (
            "region of 288 or 352 px,\nResNet-18 or -50",
            "one 4x4 filter,\nstarted by a network",
            "divergence from a Gaussian,\nNewton's steps",
            "how likely every\nplace is",
            "10 boxes climb on\na density of boxes",
        ),
        (2, 3, 4),
        (LEARNED, HOW),
    ),
    Row(
        "KYS\n2020",
        (
            "region of 288 px and\nthe last one, ResNet-50",
            "DiMP's filter; 8 numbers for\nevery cell, carried along",
            "as DiMP; the numbers by a\ngated unit, every frame",
            "a score that knows where\nother things went",
            "IoU-Net",
        ),
        (0, 1, 2, 3),
        (LEARNED, HOW),
    ),
    Row(
        "D3S\n2020",
        (
            "regions of 256, 384 px,\nResNet-50 twice",
            "ATOM's two layers; features\nof target and background",
            "as ATOM; the features are\nkept from the first frame",
            "distance from the peak;\nalike target or background",
            "a mask, and a rotated\nbox that fits it",
        ),
        (1, 3, 4),
        (LEARNED, HOW),
    ),
    Row(
        "LWL\n2020",
        (
            "region of 832x480 px,\nMask R-CNN's ResNet-50",
            "one 3x3 filter\nwith 16 answers",
            "steepest descent on encoded\nmasks: 20 steps, then 3",
            "16 numbers about\nwhat to segment",
            "a decoder makes\na mask",
        ),
        (1, 2, 3, 4),
        (LEARNED, HOW),
    ),
    Row(
        "RTS\n2022",
        (
            "region of 832x480 px,\nMask R-CNN's ResNet-50",
            "LWL's filter; a 4x4 filter\nlike DiMP's, coarser",
            "as LWL; the other by\nGauss-Newton on a hinge",
            "LWL's 16 numbers, and\nwhether and where it is",
            "a mask; a box where\nthe mask is lost",
        ),
        (1, 3, 4),
        (LEARNED, HOW),
    ),
)


def draw(out: Path) -> Path:
    """Draw the rows; the file written."""
    with mpl.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(13.2, 7.4))
        top = STEP * len(ROWS) + 0.2
        axes.set(xlim=(0, 15.0), ylim=(-0.55, top + 0.95))
        axes.axis("off")
        draw_headings(axes, COLUMNS, top + 0.02)
        _memory(axes, top + 0.28)
        for number, row in enumerate(ROWS):
            draw_row(axes, COLUMNS, row, top - 0.2 - STEP * number - HEIGHT)
        for x, colour, text in (
            (1.35, BLUE, "blue: what the step brought"),
            (5.2, RED, "red edge: learned while it tracks"),
        ):
            axes.text(x, -0.45, text, color=colour, fontsize=9)
        path = out / "discriminative_line.png"
        figure.savefig(path, dpi=105, bbox_inches="tight")
        plt.close(figure)
    return path


def _memory(axes: Axes, y: float) -> None:
    """From the answer back to what is learned."""
    start, end = (COLUMNS[n].left + COLUMNS[n].width / 2 for n in (ANSWER, HOW))
    height = 0.35
    axes.plot([start, start, end], [y, y + height, y + height], color=RED, lw=1.2)
    style = {"arrowstyle": "-|>", "color": RED, "lw": 1.2, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", (end, y), (end, y + height), arrowprops=style)
    axes.text(
        (start + end) / 2, y + height + 0.06, "memory: frames that can be trusted",
        ha="center", fontsize=8.5, color=INK,
    )  # fmt: skip


def main() -> None:
    """Draw it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "pictures")
    print(f"wrote {draw(parser.parse_args().out)}")


if __name__ == "__main__":
    main()
