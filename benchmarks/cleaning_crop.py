"""What cleaning in a window of bounded size costs and saves, against cleaning whole frames.

    python benchmarks/cleaning_crop.py [--frames 20] [--trackers flow,sftrack-fast,sftrack]
        [--sequences 10] [--out benchmarks/results]

On the DAVIS 2016 sequences that are there: `flow` follows each from its true first mask, once, and
its masks are cleaned whole and in windows of 450,000 pixels (which hold 480p whole), 200,000 and
100,000. At 4K: one sequence, enlarged to 3840x2160, each tracker in a process of its own without
cleaning, with windows, and with whole frames; peak memory is the process's, and its processor time
counts reading and enlarging the frames.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import resource
import subprocess
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from spectrack.metrics.regions import jaccard_t
from spectrack.structures import Prediction, Target
from spectrack.tracking import cleaning, loop
from spectrack.tracking.table import make_tracker

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("SPECTRACK_DATA", ROOT.parent / "shared" / "data")) / "davis2016"
BOUNDS = (None, 450_000, 200_000, 100_000)
FOUR_K = (3840, 2160)
ENLARGED = "car-roundabout"


def picture(file: Path) -> np.ndarray:
    return np.ascontiguousarray(cv2.imread(str(file))[..., ::-1])


def truth(sequence: str, stem: str) -> np.ndarray:
    file = DATA / "Annotations/480p" / sequence / f"{stem}.png"
    return cv2.imread(str(file), cv2.IMREAD_GRAYSCALE) > 127


def files_of(sequence: str, count: int) -> list[Path]:
    return sorted((DATA / "JPEGImages/480p" / sequence).glob("*.jpg"))[:count]


def measure_j(sequence: str, count: int) -> dict[str, float]:
    """J of the frames after the first, in percent, and seconds of processor time a frame."""
    files = files_of(sequence, count)
    frames, masks = [picture(f) for f in files], [truth(sequence, f.stem) for f in files]
    tracker = make_tracker("flow")
    answers = [tracker.init(frames[0], Target(mask=masks[0]))]
    answers += [tracker.update(frame) for frame in frames[1:]]

    def j(predictions: list[Prediction]) -> float:
        hard = np.stack([p.hard_mask() for p in predictions])
        return round(100 * float(jaccard_t(hard, np.stack(masks))[1:].mean()), 2)

    row: dict[str, float] = {"tracker": j(answers)}
    for bound in BOUNDS:
        cleaner, begin, ready = cleaning.Cleaner([1], pixels=bound), time.process_time(), []
        for frame, answer in zip(frames, answers, strict=True):
            ready += [p[1] for p in cleaner.push(frame, {1: answer})]
        ready += [p[1] for p in cleaner.flush()]
        row[f"{bound or 'whole'}"] = j(ready)
        row[f"{bound or 'whole'} s"] = round((time.process_time() - begin) / len(files), 3)
    return row


class Enlarged:
    """Frames of a sequence at 4K, made one at a time."""

    def __init__(self, count: int) -> None:
        self._files = files_of(ENLARGED, count)
        self.length = len(self._files)

    def __iter__(self) -> Iterator[np.ndarray]:
        for file in self._files:
            yield cv2.resize(picture(file), FOUR_K, interpolation=cv2.INTER_CUBIC)


def measure_4k(name: str, how: str, count: int) -> dict[str, float]:
    """Peak MiB of this process and seconds of processor time a frame."""
    if how == "whole":
        cleaning.Cleaner = partial(cleaning.Cleaner, pixels=None)  # type: ignore[misc, assignment]
    frames = Enlarged(count)
    first = truth(ENLARGED, files_of(ENLARGED, 1)[0].stem).astype(np.float32)
    tracker, begin = make_tracker(name), time.process_time()
    target = Target(mask=cv2.resize(first, FOUR_K) >= 0.5)
    loop.run(tracker, frames, target, clean=how != "none")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    seconds = (time.process_time() - begin) / frames.length
    return {"mib": round(peak), "cpu_s": round(seconds, 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=20)
    parser.add_argument("--trackers", default="flow,sftrack-fast,sftrack")
    parser.add_argument("--sequences", type=int, default=10)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args()
    results: dict[str, dict] = {"j": {}, "4k": {}}
    spawn = multiprocessing.get_context("spawn")
    for name in filter(None, options.trackers.split(",")):
        results["4k"][name] = {}
        for how in ("none", "window", "whole"):
            with spawn.Pool(1) as process:
                got = process.apply(measure_4k, (name, how, options.frames))
            results["4k"][name][how] = got
            print(name, how, got, flush=True)
            write(options, results)
    names = sorted(p.name for p in (DATA / "JPEGImages/480p").iterdir())
    for sequence in names[: options.sequences]:
        results["j"][sequence] = measure_j(sequence, options.frames)
        print(sequence, results["j"][sequence], flush=True)
        write(options, results)


def write(options: argparse.Namespace, results: dict[str, dict]) -> None:
    """The numbers so far, as JSON and as tables."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    made = {
        "command": f"python benchmarks/cleaning_crop.py --frames {options.frames} "
        f"--trackers {options.trackers} --sequences {options.sequences}",
        "seed": None,
        "commit": commit,
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, "
        f"load {os.getloadavg()[0]:.0f}",
    }
    options.out.mkdir(parents=True, exist_ok=True)
    file = options.out / "cleaning_crop.json"
    file.write_text(json.dumps({**made, **results}, indent=1) + "\n")
    lines = ["# Cleaning in a window against cleaning whole frames", ""]
    lines += [
        f"At 3840x2160 (`{ENLARGED}`, {options.frames} frames); ratios are to whole frames.",
        "",
    ]
    lines += ["| tracker | cleaning | peak MiB | ratio | CPU s a frame | ratio |"]
    lines += ["|---|---|---:|---:|---:|---:|"]
    for name, rows in results["4k"].items():
        base = rows.get("whole", {})
        for how, row in rows.items():
            ratios = [f"{row[k] / base[k]:.2f}" if base else "" for k in ("mib", "cpu_s")]
            lines.append(
                f"| `{name}` | {how} | {row['mib']} | {ratios[0]} | {row['cpu_s']} | {ratios[1]} |"
            )
    lines += [
        "",
        f"J (%) of masks of `flow`, first {options.frames} frames, by pixels of the window.",
    ]
    keys = ["tracker", *(f"{b or 'whole'}" for b in BOUNDS)]
    lines += ["", "| sequence | " + " | ".join(keys) + " |", "|---|" + "---:|" * len(keys)]
    for name, row in results["j"].items():
        lines.append(f"| {name} | " + " | ".join(f"{row[k]:.2f}" for k in keys) + " |")
    if results["j"]:
        every = results["j"].values()
        means = [f"{np.mean([row[k] for row in every]):.2f}" for k in keys]
        lines.append("| **mean** | " + " | ".join(means) + " |")
        costs = [f"{np.mean([row[f'{k} s'] for row in every]):.3f}" for k in keys[1:]]
        lines.append("| CPU s a frame | | " + " | ".join(costs) + " |")
    lines += ["", f"Made by `{made['command']}`, commit {commit}, {made['machine']}."]
    file.with_suffix(".md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
