"""Runs to compare: what ``scores.json`` holds of each, whatever was measured."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrack.errors import InputError
from spectrack.evaluation.vot_scores import interval_words

SCORES = "scores.json"
MOST_BYTES = 1 << 30
"""A file may be no larger."""
_NO_FIGURES = frozenset(
    {"frames", "per_frame", "overlap_per_frame", "objects", "attributes", "video", "category"}
)


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """A curve of a plot: ``share`` over ``thresholds``, both of shape (N,)."""

    thresholds: NDArray[np.float64]
    share: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """One scored run.

    Args:
        name: Of the result.
        dataset: Name of the data set.
        protocol: How boxes were scored, or the way of running of VOT; None for masks alone.
        sequences: Sequence, or object of one, to figure to value, NaN where there is none.
        means: Figure to its value over all, as it is quoted.
        curves: Name of a curve to it.
        fps: Frames per second, where it was timed.
        videos: Name in ``sequences`` to that of its video, where it is another.
        restarted: Whether the tracker was started several times over a sequence, as VOT did.
        lengths: What EAO is the mean over, where there is EAO and that is told.
        about: What was run: ``run`` (tracker, settings, weights), ``versions``, ``source`` (where
            results and data are), ``attributes`` of sequences.
    """

    name: str
    dataset: str
    protocol: str | None
    sequences: Mapping[str, Mapping[str, float]]
    means: Mapping[str, float]
    curves: Mapping[str, Curve] = field(default_factory=dict)
    fps: float | None = None
    videos: Mapping[str, str] = field(default_factory=dict)
    restarted: bool = False
    lengths: str = ""
    about: Mapping[str, Any] = field(default_factory=dict)

    def value(self, sequence: str, figure: str) -> float:
        """A figure of a sequence, NaN where there is none."""
        return self.sequences.get(sequence, {}).get(figure, math.nan)

    def attributes(self, sequence: str) -> frozenset[str]:
        """What is difficult about a sequence."""
        told = self.about.get("attributes")
        words = told.get(self.video(sequence)) if isinstance(told, Mapping) else None
        return frozenset(map(str, words)) if isinstance(words, list) else frozenset()

    def video(self, sequence: str) -> str:
        """Name of the video of a sequence, or of an object of one."""
        return self.videos.get(sequence, sequence)


def read_runs(places: Sequence[str]) -> list[Run]:
    """Runs of one data set by one protocol, each with a name of its own.

    Args:
        places: ``PATH`` or ``NAME=PATH``; a path is a report of ``spectrack evaluate --report``, or
            the JSON that ``evaluate --json`` printed.

    Raises:
        InputError: If one cannot be read, or they do not belong together.
    """
    runs: list[Run] = []
    for place in places:
        name, equals, path = place.partition("=")
        named = bool(equals and name) and not Path(place).exists()
        run = read_run(Path(path if named else place))
        runs.append(replace(run, name=name) if named else run)
    for what, values in (
        ("data sets", {run.dataset for run in runs}),
        ("protocols", {run.protocol for run in runs}),
    ):
        if len(values) > 1:
            shown = " and ".join(sorted(map(str, values))[:3])
            raise InputError(f"the runs are of several {what} ({shown}); give runs of one")
    taken: set[str] = set()
    for place, run in zip(places, runs, strict=True):
        if run.name in taken:
            raise InputError(
                f"two runs are named {run.name!r}; give one another name, as ours={place}"
            )
        taken.add(run.name)
    return runs


def read_run(path: Path) -> Run:
    """One run from a report's folder or a JSON file.

    Raises:
        InputError: If it is none.
    """
    file = path / SCORES if path.is_dir() else path
    try:
        if file.stat().st_size > MOST_BYTES:
            raise ValueError("it is larger than 1 GiB")
        return run_of(json.loads(file.read_bytes()))
    except (OSError, KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise InputError(
            f"{file} holds no scores ({error}); give what spectrack evaluate --report wrote"
        ) from None


def run_of(data: Mapping[str, Any]) -> Run:
    """A run from the dictionary of its scores.

    Args:
        data: As :func:`spectrack.evaluation.report.as_dict` gives it, or that of VOT's measures,
            with ``about`` beside.

    Raises:
        KeyError, TypeError, ValueError: If it is none.
    """
    sequences = {str(k): dict(_figures(v)) for k, v in dict(data["sequences"]).items()}
    if not sequences:
        raise ValueError("no sequence was scored")
    boxes = data.get("boxes") or {}
    if "total" in data:  # VOT
        means = dict(_figures(data["total"]))
        protocol: str | None = str(data["mode"])
    else:
        means = dict(_figures(data["mean"])) | dict(_figures(boxes.get("mean", {})))
        protocol = str(boxes["protocol"]) if boxes.get("protocol") else None
    for figures in sequences.values():
        if {"J", "F"} <= figures.keys():
            figures["J&F"] = (figures["J"] + figures["F"]) / 2
    return Run(
        name=str(data["result"]),
        dataset=str(data["dataset"]),
        protocol=protocol,
        sequences=sequences,
        means=means,
        curves=dict(_curves(data, boxes)),
        videos={str(k): str(v["video"]) for k, v in data["sequences"].items() if v.get("video")},
        fps=None if data.get("fps") is None else float(data["fps"]),
        restarted="total" in data,
        lengths=_lengths(data),
        about=dict(data.get("about") or {}),
    )


def _figures(values: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Every number of a dictionary by its name: itself, its mean, or one within a group."""
    for key, value in values.items():
        if key in _NO_FIGURES or key == "fps":
            continue
        if isinstance(value, Mapping):
            if "mean" in value and not isinstance(value["mean"], Mapping):
                yield str(key), _number(value["mean"])
            else:
                yield from _figures(value)
        elif value is None or isinstance(value, int | float):
            yield str(key), _number(value)


def _curves(data: Mapping[str, Any], boxes: Mapping[str, Any]) -> Iterator[tuple[str, Curve]]:
    for name, curve in (boxes.get("curves") or {}).items():
        yield str(name), _curve(curve["thresholds"], curve["share"])
    if "eao_curve" in data:
        share = data["eao_curve"]
        yield "eao", _curve(range(len(share)), share)


def _lengths(data: Mapping[str, Any]) -> str:
    if "eao_interval" not in data:
        return ""
    # Reports of earlier versions know no lengths but those of the sequences.
    low, high = (int(length) for length in data["eao_interval"])
    return interval_words((low, high), str(data.get("eao_interval_of", "sequences")))


def _curve(thresholds: Any, share: Any) -> Curve:
    at = np.array([_number(v) for v in thresholds])
    values = np.array([_number(v) for v in share])
    if at.shape != values.shape:
        raise ValueError("a curve has other thresholds than shares")
    return Curve(at, values)


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)
