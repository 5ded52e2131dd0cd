"""Plots as SVG that stands in a page: lines, points, and means with their intervals.

Colours come from the page's style sheet (classes ``c0``, ``c1``, ...), so that a plot follows the
theme of the page; lines beyond the eighth are dashed in the colours of the first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

COLOURS = 8
"""How many colours the style sheet has."""
_W, _H = 460, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 12, 12, 44
_ROW, _LABEL = 24, 130


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """One line of a plot.

    Args:
        name: Of the run, with the figure that is quoted.
        place: Number of the run, which chooses the colour.
        x: Shape (N,); NaN breaks the line.
        y: Shape (N,).
    """

    name: str
    place: int
    x: NDArray[np.float64]
    y: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Point:
    """A value with an interval about it, NaN where there is none; or a point of two values."""

    name: str
    place: int
    x: float
    y: float = math.nan
    low: float = math.nan
    high: float = math.nan


def colour_class(place: int) -> str:
    """Class of a run's colour."""
    return f"c{place % COLOURS}" + (" dashed" if place // COLOURS % 2 else "")


def line_plot(lines: Sequence[Line], x_label: str, y_label: str) -> str:
    """Lines over a common axis; y from 0 to 1.

    Args:
        lines: Drawn in order, the first on top.
        x_label: Under the axis.
        y_label: Beside the axis.
    """
    ends = [v for line in lines for v in (np.nanmin(line.x), np.nanmax(line.x))]
    frame = _Frame(float(min(ends)), float(max(ends)), 0.0, 1.0)
    drawn = [
        f'<path class="line {colour_class(line.place)}" d="{_path(line, frame)}">'
        f"<title>{escape(line.name)}</title></path>"
        for line in reversed(lines)
    ]
    return _svg(_H, [*frame.axes(x_label, y_label), *drawn], f"{y_label} over {x_label}")


def scatter_plot(points: Sequence[Point], x_label: str, y_label: str) -> str:
    """Points in the unit square, as accuracy over robustness."""
    frame = _Frame(0.0, 1.0, 0.0, 1.0)
    drawn = []
    for point in points:
        if math.isnan(point.x) or math.isnan(point.y):
            continue
        x, y = frame.x(point.x), frame.y(point.y)
        drawn.append(
            f'<circle class="point {colour_class(point.place)}" cx="{x:.1f}" cy="{y:.1f}" r="5">'
            f"<title>{escape(point.name)}</title></circle>"
        )
    return _svg(_H, [*frame.axes(x_label, y_label), *drawn], f"{y_label} over {x_label}")


def interval_plot(points: Sequence[Point], x_label: str) -> str:
    """One row a run: its value as a point, its interval as a line."""
    ends = [v for p in points for v in (p.x, p.low, p.high) if not math.isnan(v)] or [0.0, 1.0]
    margin = 0.06 * (max(ends) - min(ends)) or 0.05
    height = _TOP + _ROW * len(points) + _BOTTOM
    frame = _Frame(min(ends) - margin, max(ends) + margin, 0.0, 1.0, left=_LABEL, height=height)
    drawn = []
    for number, point in enumerate(points):
        y, look = _TOP + _ROW * (number + 0.5), colour_class(point.place)
        name = point.name if len(point.name) <= 18 else f"{point.name[:17]}…"
        drawn.append(
            f'<text class="name" x="{_LABEL - 8}" y="{y + 4:.1f}" text-anchor="end">'
            f"{escape(name)}<title>{escape(point.name)}</title></text>"
        )
        if not math.isnan(point.low):
            x1, x2 = frame.x(point.low), frame.x(point.high)
            drawn.append(f'<path class="line {look}" d="M{x1:.1f} {y:.1f}H{x2:.1f}"/>')
        if not math.isnan(point.x):
            drawn.append(
                f'<circle class="point {look}" cx="{frame.x(point.x):.1f}" cy="{y:.1f}" r="5"/>'
            )
    return _svg(height, [*frame.axes(x_label, "", rows=True), *drawn], x_label)


@dataclass(frozen=True, slots=True)
class _Frame:
    """From values to places in the picture."""

    x1: float
    x2: float
    y1: float
    y2: float
    left: int = _LEFT
    height: int = _H

    def x(self, value: float) -> float:
        return self.left + (value - self.x1) / ((self.x2 - self.x1) or 1) * (
            _W - self.left - _RIGHT
        )

    def y(self, value: float) -> float:
        span = self.height - _TOP - _BOTTOM
        return self.height - _BOTTOM - (value - self.y1) / (self.y2 - self.y1) * span

    def axes(self, x_label: str, y_label: str, rows: bool = False) -> list[str]:
        """Grid, numbers and labels."""
        low = self.height - _BOTTOM
        out = []
        for value in _ticks(self.x1, self.x2):
            x = self.x(value)
            out.append(f'<path class="grid" d="M{x:.1f} {_TOP}V{low}"/>')
            place = f'x="{x:.1f}" y="{low + 16}" text-anchor="middle"'
            out.append(f'<text class="tick" {place}>{value:g}</text>')
        for value in [] if rows else _ticks(self.y1, self.y2):
            y = self.y(value)
            out.append(f'<path class="grid" d="M{self.left} {y:.1f}H{_W - _RIGHT}"/>')
            out.append(
                f'<text class="tick" x="{self.left - 7}" y="{y + 4:.1f}" text-anchor="end">'
                f"{value:g}</text>"
            )
        middle = (self.left + _W - _RIGHT) / 2
        out.append(
            f'<text class="label" x="{middle:.1f}" y="{self.height - 8}" text-anchor="middle">'
            f"{escape(x_label)}</text>"
        )
        if y_label:
            at = (_TOP + low) / 2
            out.append(
                f'<text class="label" transform="translate(12 {at:.1f}) rotate(-90)" '
                f'text-anchor="middle">{escape(y_label)}</text>'
            )
        return out


def _path(line: Line, frame: _Frame) -> str:
    """The line as a path; a number that is none lifts the pen."""
    steps, down = [], False
    for x, y in zip(line.x.tolist(), line.y.tolist(), strict=True):
        if math.isnan(x) or math.isnan(y):
            down = False
            continue
        steps.append(f"{'L' if down else 'M'}{frame.x(x):.1f} {frame.y(y):.1f}")
        down = True
    return "".join(steps)


def _ticks(low: float, high: float) -> list[float]:
    """Four to eight round numbers between two."""
    if not high > low:
        return [low]
    raw = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(raw))
    step = power * min((s for s in (1, 2, 5, 10) if s * power >= raw), default=10)
    first = math.ceil(low / step - 1e-9)
    return [round(k * step, 10) for k in range(first, math.floor(high / step + 1e-9) + 1)]


def _svg(height: int, parts: Sequence[str], title: str) -> str:
    inside = "".join(parts)
    return (
        f'<svg class="plot" viewBox="0 0 {_W} {height}" role="img" '
        f'aria-label="{escape(title)}">{inside}</svg>'
    )
