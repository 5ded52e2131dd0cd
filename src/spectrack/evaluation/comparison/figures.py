"""Figures of several runs side by side: means, ranks, intervals, and by attribute."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spectrack.errors import InputError
from spectrack.evaluation.comparison.runs import Run
from spectrack.metrics.bootstrap import LEVEL, RESAMPLES, best_shares, bootstrap_means, interval


@dataclass(frozen=True, slots=True)
class Figure:
    """How a figure is shown.

    Args:
        label: Its name in tables.
        share: Whether it is in [0, 1] and shown in percent.
        high: Whether high is good; None where it is neither.
    """

    label: str
    share: bool = True
    high: bool | None = True


FIGURES: dict[str, Figure] = {
    "J&F": Figure("J&F"),
    "G": Figure("G"),
    "eao": Figure("EAO"),
    "auc": Figure("AUC"),
    "AP": Figure("AP"),
    "J": Figure("J"),
    "F": Figure("F"),
    "J_seen": Figure("J seen"),
    "J_unseen": Figure("J unseen"),
    "F_seen": Figure("F seen"),
    "F_unseen": Figure("F unseen"),
    "T": Figure("T", high=False),
    "lt_f": Figure("long-term F"),
    "lt_precision": Figure("long-term precision"),
    "lt_recall": Figure("long-term recall"),
    "accuracy": Figure("accuracy"),
    "robustness": Figure("robustness"),
    "reliability": Figure("reliability"),
    "failures": Figure("failures", share=False, high=False),
    "failures_per_100": Figure("failures / 100 frames", share=False, high=False),
    "precision_20": Figure("P"),
    "normalised_precision": Figure("norm. P"),
    "normalised_precision_20": Figure("norm. P at 0.2"),
    "ao": Figure("AO"),
    "sr50": Figure("SR0.5"),
    "sr75": Figure("SR0.75"),
    "box_iou": Figure("box IoU"),
    "tcont": Figure("TCONT"),
    "tcont_self": Figure("TCONT self"),
}
"""Figures by name, in the order in which tables have them and in which one is chosen to rank by."""


def figure_of(name: str) -> Figure:
    """How a figure is shown; unknown ones by their own name, as they are."""
    return FIGURES.get(name, Figure(name.replace("_", " "), share=False))


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure of one run.

    Args:
        value: Over all sequences.
        rank: From 1; equal values have equal ranks; None where there is no value, or no order.
        low: Lower end of the interval, NaN where it is not known.
        high: Upper end.
        best: Share of the draws in which it is the best.
    """

    value: float
    rank: int | None
    low: float
    high: float
    best: float


@dataclass(frozen=True, eq=False)
class Comparison:
    """Several runs side by side.

    Args:
        runs: Best first by the main figure.
        figures: Names of the figures that any has, in order.
        main: The figure that ranks them.
        sequences: Names of the sequences that all have.
        left_out: Figures that are known over all sequences of a run only (EAO, counts of failures),
            where runs have others besides; curves are left out then, too.
        cells: Run's name and figure to what it reached.
        resamples: Draws behind the intervals.
        seed: Of the draws.
        level: Of the intervals.
    """

    runs: tuple[Run, ...]
    figures: tuple[str, ...]
    main: str
    sequences: tuple[str, ...]
    left_out: tuple[str, ...]
    cells: Mapping[tuple[str, str], Cell]
    resamples: int
    seed: int
    level: float

    def values_ks(self, figure: str) -> NDArray[np.float64]:
        """A figure of every run and sequence, shape (K, S)."""
        rows = [[run.value(name, figure) for name in self.sequences] for run in self.runs]
        return np.array(rows, dtype=np.float64).reshape(len(self.runs), len(self.sequences))

    @property
    def by_sequence(self) -> tuple[str, ...]:
        """Figures that sequences have too; EAO, say, is one of all together."""
        return tuple(f for f in self.figures if not np.isnan(self.values_ks(f)).all())

    def attributes(self, figure: str) -> list[tuple[str, int, list[float]]]:
        """Attribute, number of its sequences, and the mean of every run over them."""
        told: dict[str, list[int]] = {}
        for place, name in enumerate(self.sequences):
            for word in sorted({w for run in self.runs for w in run.attributes(name)}):
                told.setdefault(word, []).append(place)
        values = self.values_ks(figure)
        return [
            (word, len(places), [_mean(row[places]) for row in values])
            for word, places in sorted(told.items())
        ]

    @property
    def whole(self) -> bool:
        """Whether all runs have the same sequences."""
        return all(len(run.sequences) == len(self.sequences) for run in self.runs)

    @property
    def videos(self) -> list[str]:
        """The video of each sequence, or object of one."""
        return [self.runs[0].video(name) for name in self.sequences]

    def worst(self, count: int) -> list[str]:
        """Videos in which the runs are worst on average by the main figure, worst first."""
        main = self.main if self.main in self.by_sequence else next(iter(self.by_sequence), "")
        means = [_mean(column) for column in self.values_ks(main).T]
        sign = -1 if figure_of(main).high is False else 1
        order = sorted((sign * m, i) for i, m in enumerate(means) if not math.isnan(m))
        return list(dict.fromkeys(self.videos[i] for _, i in order))[:count]


def compare(
    runs: Sequence[Run],
    main: str | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
    level: float = LEVEL,
) -> Comparison:
    """Rank runs.

    Intervals are of figures that are means over sequences; one that is quoted otherwise, such as
    EAO, has none.

    Args:
        runs: Of one data set.
        main: The figure to rank by; the first of :data:`FIGURES` that all have where left out.
        resamples: Draws of the bootstrap over sequences.
        seed: Of the draws.
        level: Of the intervals.

    Raises:
        InputError: If there is no run, no sequence that all have, or no such figure, or EAO is
            over other lengths.
    """
    if not runs:
        raise InputError("no run was given; give one report at least")
    common = [n for n in runs[0].sequences if all(n in run.sequences for run in runs)]
    if not common:
        raise InputError("the runs have no sequence in common; give runs of the same ones")
    whole = all(len(run.sequences) == len(common) for run in runs)
    known = [f for f in FIGURES if any(f in run.means for run in runs)]
    others = dict.fromkeys(f for run in runs for f in run.means if f not in FIGURES)
    measured = (*known, *others)
    left_out: tuple[str, ...] = ()
    if whole:
        _check_lengths(runs)
    else:
        left_out = tuple(f for f in measured if not all(_is_mean(run, f) for run in runs))
    if main in left_out:
        raise InputError(
            f"the runs have other sequences, and {main!r} is known over all of a run only; give "
            "runs over the same sequences, or another figure"
        )
    figures = tuple(f for f in measured if f not in left_out)
    shared = [f for f in figures if all(f in run.means for run in runs)]
    if main is None:
        main = next((f for f in shared if figure_of(f).high is not None), None)
    if main not in figures:
        raise InputError(
            f"figure {main!r} was not measured of all runs; choose from {', '.join(shared)}"
        )
    made = Comparison(
        tuple(runs), figures, main, tuple(common), left_out, {}, resamples, seed, level
    )
    cells: dict[tuple[str, str], Cell] = {}
    for figure in figures:
        cells |= _cells(made, figure)
    order = sorted(runs, key=lambda run: (cells[run.name, main].rank or len(runs) + 1, run.name))
    return replace(made, runs=tuple(order), cells=cells)


def _check_lengths(runs: Sequence[Run]) -> None:
    """Refuse EAO over different lengths.

    Raises:
        InputError: Naming them.
    """
    lengths = sorted({run.lengths for run in runs if "eao" in run.means})
    if len(lengths) > 1:
        raise InputError(
            f"EAO of these runs is over {' and '.join(lengths[:2])}; score them with the same --eao"
        )


def _is_mean(run: Run, figure: str) -> bool:
    """Whether what is quoted of a run is the plain mean over its sequences, or not there."""
    values = np.array([run.value(name, figure) for name in run.sequences])
    quoted = run.means.get(figure, math.nan)
    return math.isnan(quoted) or bool(np.isclose(quoted, _mean(values), rtol=0, atol=1e-9))


def _cells(of: Comparison, figure: str) -> dict[tuple[str, str], Cell]:
    """A figure of every run."""
    values = of.values_ks(figure)
    means = np.array([_mean(row) for row in values])
    quoted = np.array([run.means.get(figure, math.nan) for run in of.runs])
    if not of.whole:  # over the common sequences, or not at all
        quoted = means
    high = figure_of(figure).high
    sign = -1.0 if high is False else 1.0
    is_mean = np.isclose(quoted, means, rtol=0, atol=1e-9)
    draws = bootstrap_means(values, of.resamples, of.seed, of.videos)
    shares = best_shares(sign * draws)
    cells = {}
    for run, value, row, mean, share in zip(
        of.runs, quoted.tolist(), draws, is_mean, shares.tolist(), strict=True
    ):
        rank = None
        if high is not None and not math.isnan(value):
            rank = 1 + int(np.sum(sign * quoted > sign * value))
        low, top = interval(row, of.level) if mean else (math.nan, math.nan)
        cells[run.name, figure] = Cell(value, rank, low, top, share if mean else math.nan)
    return cells


def _mean(values: NDArray[np.float64]) -> float:
    there = values[~np.isnan(values)]
    return float(there.mean()) if there.size else math.nan


def shown(value: float, figure: str) -> str:
    """A value as tables have it: shares in percent; a dash for none."""
    if math.isnan(value):
        return "-"
    return f"{100 * value:.1f}" if figure_of(figure).share else f"{value:.2f}"
