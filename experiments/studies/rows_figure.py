"""Pictures of a line of trackers: one row a tracker, a cell for every stage, arrows between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from experiments.common import BLUE, INK, RED

PALE, PALE_BLUE, PALE_RED = "#f3f3f3", "#dcebf7", "#fae6e3"
HEIGHT, STEP = 0.72, 1.02
"""Of a row, and from one to the next."""


@dataclass(frozen=True)
class Column:
    """A stage.

    Args:
        heading: Its name.
        left: Left edge.
        width: Its width.
    """

    heading: str
    left: float
    width: float


@dataclass(frozen=True)
class Row:
    """A tracker.

    Args:
        name: With its year.
        cells: A text for every column.
        new: Columns that hold what it brought.
        learns: Columns that learn while tracking.
    """

    name: str
    cells: tuple[str, ...]
    new: tuple[int, ...] = ()
    learns: tuple[int, ...] = ()


def draw_headings(axes: Axes, columns: Sequence[Column], y: float) -> None:
    """Names of the stages, centred over their cells."""
    for column in columns:
        middle = column.left + column.width / 2
        axes.text(middle, y, column.heading, ha="center", fontsize=9, color=INK)


def draw_row(axes: Axes, columns: Sequence[Column], row: Row, y: float) -> None:
    """One tracker from left to right; ``y`` is its lower edge."""
    axes.text(0.05, y + HEIGHT / 2, row.name, va="center", fontsize=9, color=INK, weight="bold")
    before: Column | None = None
    for number, (column, text) in enumerate(zip(columns, row.cells, strict=True)):
        fill = PALE_BLUE if number in row.new else PALE_RED if number in row.learns else PALE
        edge = RED if number in row.learns else BLUE if number in row.new else INK
        draw_cell(axes, column, y, text, fill, edge)
        if before is not None:
            start = before.left + before.width + 0.03
            style = {"arrowstyle": "-|>", "color": INK, "lw": 1.0, "shrinkA": 0, "shrinkB": 0}
            middle = y + HEIGHT / 2
            axes.annotate("", (column.left - 0.03, middle), (start, middle), arrowprops=style)
        before = column


def draw_cell(axes: Axes, column: Column, y: float, text: str, fill: str, edge: str) -> None:
    """A rounded box with a text in it."""
    shape = FancyBboxPatch(
        (column.left, y), column.width, HEIGHT, boxstyle="round,pad=0.02,rounding_size=0.1",
        fc=fill, ec=edge, lw=0.9,
    )  # fmt: skip
    axes.add_patch(shape)
    axes.text(
        column.left + column.width / 2, y + HEIGHT / 2, text, ha="center", va="center",
        fontsize=7.4, color=INK,
    )  # fmt: skip
