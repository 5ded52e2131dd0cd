"""What all experiments share: their arguments, the data, and the page of results they write.

    options = arguments(__doc__)
    page = Page("rts/table9", "Table 9: what was asked").text("What was done, on what.")
    page.table(["method", "J"], [["mean", "81.0"]]).picture(figure, "What is seen.")
    page.write(options, {"mean": 81.0}, seed=0)

writes ``table9.md``, ``table9.png`` and ``table9.json`` into the folder ``rts`` of ``options.out``:
``docs/results``, or ``scratch/quick`` with ``--quick``, so that a quick look never replaces real
figures. The folders of results are those of the experiments.

An experiment is run as a file, ``python experiments/rts/rts_tables.py``. Its line
``sys.path.insert(0, ...)`` names the folder in which ``experiments`` lies, and from there it
imports what it shares with others by its full name: ``from experiments.common import Page``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from numpy.typing import NDArray

from spectrack.datasets import base
from spectrack.datasets.davis import Davis2016
from spectrack.evaluation.report import markdown, without_nan
from spectrack.metrics.regions import jaccard_t
from spectrack.refinement.whole_video import fill_missing
from spectrack.video.sheet import write_picture
from spectrack.video.soft_masks import open_masks

ROOT = Path(__file__).resolve().parents[1]

STYLE = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "legend.frameon": False,
    "savefig.dpi": 160,
    "savefig.bbox": "tight",
    "savefig.pad_inches": 0.06,
}
INK, RED, BLUE, GREEN, GREY = "#222222", "#d1495b", "#2274a5", "#3a9d5d", "#a0a0a0"


def arguments(
    doc: str | None,
    add: Callable[[argparse.ArgumentParser], None] | None = None,
    argv: Sequence[str] | None = None,
) -> argparse.Namespace:
    """Read the command line of an experiment and set the style of its figures.

    Args:
        doc: Docstring of the experiment; its first line is the description.
        add: Adds arguments of its own.
        argv: Arguments; those of the process where left out.

    Returns:
        ``root`` (Path of DAVIS-2016), ``quick`` (bool), ``out`` (Path), ``command`` (str, without
        paths) and what ``add`` added.
    """
    parser = argparse.ArgumentParser(description=(doc or "").splitlines()[0])
    data = Path(os.environ.get("SPECTRACK_DATA", ROOT.parent / "shared" / "data"))
    parser.add_argument(
        "--root", type=Path, default=data / "davis2016", help="folder of DAVIS-2016"
    )
    parser.add_argument("--quick", action="store_true", help="a small version, within a minute")
    parser.add_argument("--out", type=Path, help="default docs/results, with --quick scratch/quick")
    if add is not None:
        add(parser)
    given = list(sys.argv[1:] if argv is None else argv)
    options = parser.parse_args(given)
    kept = [f"--{k} {v}" if v is not True else f"--{k}" for k, v in _own(options, parser)]
    options.command = " ".join(kept)
    if options.out is None:
        options.out = ROOT / ("scratch/quick" if options.quick else "docs/results")
    mpl.use("Agg")
    mpl.rcParams.update(STYLE)
    return options


def _own(options: argparse.Namespace, parser: argparse.ArgumentParser) -> list[tuple[str, Any]]:
    """Arguments that differ from their defaults; paths of this machine are nobody's business."""
    return [
        (name.replace("_", "-"), value)
        for name, value in vars(options).items()
        if name not in ("root", "out", "run", "work") and value != parser.get_default(name)
    ]


class Page:
    """A page of results: title, paragraphs, tables and pictures in order, and how it was made.

    Begin it first: the page says how long the experiment took since then.

    Args:
        name: Of the experiment's file and of the files written, with their folder and without
            ending: ``sfsegpp/table4_noise``.
        title: Heading.
        script: Of the experiment's file, where it writes several pages.
    """

    def __init__(self, name: str, title: str, script: str | None = None) -> None:
        self.folder, _, self.name = name.rpartition("/")
        self.title, self.script = title, script or name
        self._parts: list[str] = []
        self._pictures: list[Figure | NDArray[np.uint8]] = []
        self._begin = perf_counter()
        self.commit = commit()  # of the code that runs, not of what is there when it ends

    def text(self, paragraph: str) -> Page:
        """Add a paragraph of Markdown."""
        self._parts.append(paragraph.strip() + "\n")
        return self

    def table(self, headers: Sequence[str], rows: Iterable[Sequence[object]]) -> Page:
        """Add a table; the first column is aligned left, the others right."""
        self._parts.append(markdown(headers, rows))
        return self

    def picture(self, picture: Figure | NDArray[np.uint8], caption: str) -> Page:
        """Add a figure, or a picture of uint8 RGB (H, W, 3): ``NAME.png``, then ``NAME_2.png``."""
        self._pictures.append(picture)
        number = len(self._pictures)
        file = f"{self.name}.png" if number == 1 else f"{self.name}_{number}.png"
        self._parts.append(f"![{caption}]({file})\n\n*{caption}*\n")
        return self

    def write(self, options: argparse.Namespace, facts: dict[str, Any], seed: int | None) -> Path:
        """Write the page, its pictures and its numbers.

        Args:
            options: From :func:`arguments`.
            facts: The numbers, at full precision, for the JSON file.
            seed: Of everything random; None where nothing is.

        Returns:
            Path of the page.
        """
        out = Path(options.out) / self.folder
        out.mkdir(parents=True, exist_ok=True)
        for number, picture in enumerate(self._pictures, 1):
            file = out / (f"{self.name}.png" if number == 1 else f"{self.name}_{number}.png")
            if isinstance(picture, Figure):
                picture.savefig(file)
                plt.close(picture)
            else:
                write_picture(file, picture)
        command = f"python experiments/{self.script}.py {options.command}".strip()
        made = {
            "command": command,
            "commit": self.commit,
            "machine": machine(),
            "seed": seed,
            "date": datetime.now(UTC).date().isoformat(),
            "seconds": round(perf_counter() - self._begin, 1),
        }
        chance = "no randomness" if seed is None else f"seed {seed}"
        how = (
            f"Made by `{command}` in {made['seconds']:.0f} s, commit {made['commit']}, "
            f"{made['machine']}, {chance}, {made['date']}.\n"
        )
        page = out / f"{self.name}.md"
        page.write_text("\n".join([f"# {self.title}\n", *self._parts, how]), encoding="utf-8")
        text = json.dumps(without_nan({"title": self.title, "made": made, **facts}), indent=1)
        (out / f"{self.name}.json").write_text(text + "\n", encoding="utf-8")
        print(page.read_text(encoding="utf-8"))
        return page


def commit() -> str:
    """Short name of the commit, with + where files of the package or the experiments differ."""
    name = _git("rev-parse", "--short", "HEAD")
    return name + "+" * bool(_git("status", "--porcelain", "-uno", "src", "experiments"))


def _git(*words: str) -> str:
    try:
        done = subprocess.run(
            ["git", *words], cwd=ROOT, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return "unknown"
    return done.stdout.strip()


def machine() -> str:
    """Processor, cores and Python in a few words."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    named = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    processor = named[0] if named else platform.machine()
    return f"{cores} cores of {processor}, Python {platform.python_version()}"


def davis(
    options: argparse.Namespace, split: str = "val", sequences: Iterable[str] | None = None
) -> dict[str, base.VideoSequence]:
    """Sequences of DAVIS-2016 by name: 480p for ``val``, 240p for ``train``."""
    resolution = "480p" if split == "val" else "240p"
    return dict(Davis2016(options.root, split, resolution, sequences).items())


def truths_of(sequence: base.VideoSequence) -> NDArray[np.bool_]:
    """True masks, (T, H, W)."""
    return np.stack([sequence.truth_mask(t) for t in range(len(sequence))])


def published_masks(root: Path, method: str, sequence: base.VideoSequence) -> NDArray[np.bool_]:
    """Published 480p masks of a method, (T, H, W); a missing frame takes its neighbour's."""
    folder = Path(root) / "Results" / "480p" / method / sequence.name
    with sequence.frames() as frames:
        masks = open_masks(folder, frames)[1]
        return fill_missing([masks[t] for t in range(len(masks))]) >= 0.5


def mean_j(masks: Iterable[NDArray[Any]], truths: Iterable[NDArray[Any]]) -> float:
    """J of a video in percent, first and last frame left out as DAVIS does."""
    return 100 * float(jaccard_t(list(masks), list(truths))[1:-1].mean())
