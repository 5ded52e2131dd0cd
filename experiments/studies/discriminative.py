"""What the small discriminative trackers learned: before and after, beside other trackers.

    python experiments/studies/discriminative.py [--dimp RUN] [--d3s RUN] [--data A,B]
        [--trackers A,B] [--work DIR] [--quick]

``--dimp`` and ``--d3s`` are folders that ``spectrack train dimp --small`` and ``train d3s --small``
made; what is not given is left out. Before learning the same network is followed with the head that
the run began with. Each starts on the true box of the first frame and is never started again; time
is that of the process on one thread. Every run is kept in ``--work``, so a study that was stopped
goes on.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from spectrack.trackers.d3s.train import fresh_network, small_plan
from spectrack.trackers.dimp.train_flags import DiMPArguments
from spectrack.weights.described import save_described

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # where experiments/ lies

from experiments.common import ROOT, Page, arguments
from experiments.studies.box_trackers import Runs, kept, measures

DATA = {"davis-val": "DAVIS val, 480p", "otb": "OTB", "vot2014": "VOT2014"}
SMALL = {"dimp": "dimp-small", "d3s": "d3s"}
"""Recipe to the tracker that runs its small form."""
BESIDE = ("flow", "nanotrack", "csrt")
SEED = 0


def trackers_of(options: argparse.Namespace) -> dict[str, str]:
    """What is compared: its name on the page to its name with settings, see ``named``."""
    found = {}
    for recipe, tracker in SMALL.items():
        run = getattr(options, recipe)
        if run is None:
            continue
        learned = run / f"{recipe}.safetensors"
        start = _start(recipe, options.work / "start")
        copy = _named_by_content(learned, options)
        found[f"{recipe}, small, start"] = f"{tracker}:weights={start}"
        found[f"{recipe}, small, learned"] = f"{tracker}:weights={copy}"
    return found | {name: name for name in BESIDE}


def _start(recipe: str, folder: Path) -> Path:
    """The weights that a small form begins with, written unless they are there."""
    file = folder / f"{recipe}.safetensors"
    if file.is_file():
        return file
    folder.mkdir(parents=True, exist_ok=True)
    if recipe == "dimp":
        DiMPArguments(data=folder, out=folder, small=True, seed=SEED).write_start(file)
    else:
        plan = small_plan()
        save_described(file, fresh_network(plan, SEED), plan.network, {})
    return file


def _named_by_content(file: Path, options: argparse.Namespace) -> Path:
    """A copy whose name says what is in it: runs with other weights are not taken for its own."""
    content = file.read_bytes()
    copy: Path = options.work / f"{file.stem}-{hashlib.sha256(content).hexdigest()[:8]}.safetensors"
    if not copy.is_file():
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(content)
    return copy


def figures(runs: Runs) -> dict[str, Any]:
    """Those of boxes, and the mean J of masks where there are some."""
    found = measures(runs)
    if all("j" in run for run in runs.values()):
        found["j"] = float(np.mean([np.mean(run["j"]) for run in runs.values()]))
    return found


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dimp", type=Path, help="folder of a run of train dimp --small")
    parser.add_argument("--d3s", type=Path, help="folder of a run of train d3s --small")
    parser.add_argument("--data", default=",".join(DATA), help="davis-val, otb, vot2014")
    parser.add_argument(
        "--trackers", help="only these, by their names on the page, with semicolons"
    )
    parser.add_argument("--only", help="sequences, with commas")
    parser.add_argument("--work", type=Path, default=ROOT / "scratch" / "discriminative")


def main() -> None:
    options = arguments(__doc__, add)
    page = Page("studies/discriminative", "Small discriminative trackers: what learning brought")
    for name in SMALL:  # no paths of this machine
        if (run := getattr(options, name)) is not None:
            options.command = options.command.replace(str(run), "RUN")
    options.only = options.only.split(",") if options.only else None
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    trackers = trackers_of(options)
    if options.trackers:
        trackers = {name: trackers[name] for name in options.trackers.split(";")}
    page.text(TEXT)
    facts: dict[str, dict[str, Any]] = {}
    for data in options.data.split(","):
        facts[data] = {n: figures(kept(options, told, data)) for n, told in trackers.items()}
        _tables(page, DATA[data], facts[data])
    page.text(_reading(facts))
    page.write(options, facts, seed=SEED)


def _tables(page: Page, title: str, found: Mapping[str, dict[str, Any]]) -> None:
    sequences = next(iter(found.values()))["sequences"]
    page.text(f"## {title}, {len(sequences)} sequences")
    page.table(
        ["tracker", "IoU", "IoU ≥ 0.5", "IoU < 0.1", "J", "score's AUC", "frames/s"],
        [
            [
                name,
                *(f"{f[k]:.3f}" for k in ("iou", "right", "lost")),
                f"{f['j']:.3f}" if "j" in f else "-",
                f"{auc:.2f}" if (auc := f["score"]["auc"]) == auc else "-",  # all boxes right
                f"{f['speed']:.0f}",
            ]
            for name, f in found.items()
        ],
    )
    page.text("IoU by sequence:")
    page.table(
        ["sequence", *found],
        [[s, *(f"{f['sequences'][s]:.3f}" for f in found.values())] for s in sequences],
    )


def _reading(facts: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    """What learning changed, and against what it has to stand."""
    lines = []
    for recipe in SMALL:
        start, learned = f"{recipe}, small, start", f"{recipe}, small, learned"
        told = [
            f"{found[learned]['iou'] - found[start]['iou']:+.3f} on {DATA[data]}"
            for data, found in facts.items()
            if start in found and learned in found
        ]
        if told:
            lines.append(f"Learning changed the mean IoU of {recipe}, small, by {', '.join(told)}.")
    return " ".join(lines) or "Nothing that learned was given."


TEXT = """
The small forms have the heads of SuperDiMP and of D3S on a MobileNetV2 of this house, and learned
for less than half an hour on one core from DAVIS training sequences and moving stills. At the
start their heads know nothing, but the filters that they learn on the spot already follow. IoU is
the mean over the frames of a sequence but the first, then over sequences, from the true box of the
first frame, without starting again; the shares of boxes with an IoU of at least 0.5 likewise,
those below 0.1 are of all frames. J is that of masks, where a tracker has them and the truth is
one. AUC is how often a box with an IoU of at least 0.5 has a higher score than one below it.
Frames a second are of processor time on one thread. Nothing was chosen on these sequences.
"""

if __name__ == "__main__":
    main()
