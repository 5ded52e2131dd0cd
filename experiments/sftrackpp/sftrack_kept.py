"""All runs of Tables 8 and 9 that are kept, by data set, row and training."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from experiments.sftrackpp.sftrack_rows import Job, dataset, read, weights_of
from experiments.sftrackpp.sftrack_systems import INPUTS
from spectrack.trackers.sftrack.weights import shipped

SHIPPED = "shipped"
BOX_ROWS = {
    "box-tight": "without seg2box: tight box at 0.5",
    "box-rotated": "without seg2box: rotated rectangle, made upright",
    "box-largest": "without seg2box: largest part above 0.75 (papers)",
    "box-robust": "without seg2box: tight box without stray pixels",
}
Figures = dict[str, float]


@dataclass(frozen=True, eq=False)
class Kept:
    """All that was run.

    Args:
        work: Folder of the runs.
        roots: Of the data sets.
        trainings: Weights files by name, without the shipped ones.
        only: Sequences that count; all where left out.
    """

    work: Path
    roots: dict[str, Path]
    trainings: dict[str, Path]
    only: tuple[str, ...] = ()

    @cached_property
    def names(self) -> dict[str, list[str]]:
        """Sequences of each data set."""
        return {
            data: [name for name in dataset(data, root) if not self.only or name in self.only]
            for data, root in self.roots.items()
        }

    def file(self, training: str) -> Path:
        """Weights by the name of their training."""
        return shipped() if training == SHIPPED else self.trainings[training]

    def run(self, data: str, sequence: str, system: str, training: str) -> dict[str, Any] | None:
        """What a run came to."""
        own = weights_of(system, self.file(training))
        return read(Job(data, self.roots[data], sequence, system, own, self.work))

    def row(self, data: str, row: str, training: str) -> dict[str, Figures]:
        """Measures of a row of one training, by sequence; those that were not run are left out."""
        system = "sftrack" if row in BOX_ROWS or row == "cleaned" else row
        runs = {name: self.run(data, name, system, training) for name in self.names[data]}
        found = {name: run["rows"] for name, run in runs.items() if run is not None}
        return {name: rows[row]["measures"] for name, rows in found.items() if row in rows}

    def whole(self, data: str, row: str) -> dict[str, dict[str, Figures]]:
        """Trainings that were run on all sequences; the shipped weights where no other was.

        A system without weights has one entry.
        """
        asked = [SHIPPED] if row in INPUTS else [*self.trainings, SHIPPED]
        rows = {training: self.row(data, row, training) for training in asked}
        whole = {t: found for t, found in rows.items() if len(found) == len(self.names[data])}
        others = {t: found for t, found in whole.items() if t != SHIPPED}
        return others or whole

    def speed(self, system: str) -> str:
        """Frames per second, or a dash."""
        file = self.work / "speed.json"
        found = json.loads(file.read_text()).get(system) if file.exists() else None
        return f"{np.mean(list(found.values())):.1f}" if found else "-"

    def seconds(self) -> float:
        """Time all runs took together."""
        files = [file for data in self.roots for file in self.work.glob(f"*/{data}-*.json")]
        return sum(json.loads(file.read_text())["seconds"] for file in files)
