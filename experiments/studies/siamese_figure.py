"""The picture of docs/concepts/siamese.md: what each tracker added, from SiamFC to STARK.

python experiments/studies/siamese_figure.py [--out docs/pictures]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # where experiments/ lies

from experiments.common import BLUE, GREY, RED, ROOT, STYLE
from experiments.studies.rows_figure import HEIGHT, STEP, Column, Row, draw_headings, draw_row

COLUMNS = (
    Column("what it looks at", 1.65, 2.2),
    Column("features", 4.15, 2.05),
    Column("compared by", 6.5, 2.1),
    Column("for every cell", 8.9, 2.05),
    Column("answer", 11.25, 2.2),
)

ROWS = (
    Row(
        "MDNet\n2016",
        (
            "256 boxes drawn\nabout the last, 107 px",
            "VGG-M, learned on\nmany videos at once",
            "three layers, learned\non this target",
            "target or not\n(a box is a cell)",
            "mean of the best five,\nregressed",
        ),
        (),
        (2,),
    ),
    Row(
        "SiamFC\n2016",
        (
            "template 127 px,\nregion 255 px, 3 scales",
            "AlexNet,\nonce for the template",
            "correlation,\nsum over all maps",
            "one score,\n17 x 17 cells",
            "peak under a window;\nsize of the best scale",
        ),
        (0, 1, 2, 3, 4),
    ),
    Row(
        "SiamRPN\n2018",
        (
            "template 127 px,\nregion 287 px, 1 scale",
            "AlexNet",
            "correlation\nmap by map",
            "5 anchors: score\nand box, 21 x 21",
            "best after penalties;\nsize follows slowly",
        ),
        (0, 2, 3, 4),
    ),
    Row(
        "SiamRPN++\n2019",
        (
            "template 127 px,\nregion 255 px",
            "ResNet-50, 3 levels,\nstride 8",
            "correlation map by\nmap, at each level",
            "5 anchors, mean of\n3 levels, 25 x 25",
            "best after penalties",
        ),
        (1, 3),
    ),
    Row(
        "SiamMask\n2019",
        (
            "template 127 px,\nregion 255 px",
            "ResNet-50, 1 level",
            "correlation\nmap by map",
            "5 anchors and a mask",
            "mask, refined;\nrotated box of it",
        ),
        (3, 4),
    ),
    Row(
        "SiamBAN\n2020",
        (
            "template 127 px,\nregion 255 px",
            "ResNet-50, 3 levels",
            "correlation map by\nmap, at each level",
            "score and distances\nto four sides",
            "best after penalties",
        ),
        (3,),
    ),
    Row(
        "STARK\n2021",
        (
            "templates 128 px (first,\nlater), region 320 px",
            "ResNet-50 to layer 3,\nstride 16",
            "attention: 528 tokens,\none query",
            "share of two corners,\n20 x 20",
            "mean corners,\nas they are; score",
        ),
        (0, 2, 3, 4),
    ),
)


def draw(out: Path) -> Path:
    """Draw the rows; the file written."""
    with mpl.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(11, 6.6))
        top = STEP * len(ROWS) + 0.35
        axes.set(xlim=(0, 13.5), ylim=(-0.45, top + 0.45))
        axes.axis("off")
        draw_headings(axes, COLUMNS, top + 0.12)
        for number, row in enumerate(ROWS):
            y = top - 0.2 - STEP * number - HEIGHT - (0.15 if number else 0)
            draw_row(axes, COLUMNS, row, y)
        divide = top - 0.2 - STEP + 0.07
        axes.plot([0, 13.45], [divide, divide], color=GREY, lw=0.9, ls="--")
        for x, colour, text in (
            (1.65, BLUE, "what the step brought"),
            (
                5.6,
                RED,
                "learns while it tracks; beside the Siamese line, which learns nothing then",
            ),
        ):
            axes.text(x, -0.35, text, color=colour, fontsize=9)
        path = out / "siamese_line.png"
        figure.savefig(path, dpi=110, bbox_inches="tight")
        plt.close(figure)
    return path


def main() -> None:
    """Draw it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "pictures")
    print(f"wrote {draw(parser.parse_args().out)}")


if __name__ == "__main__":
    main()
