"""How time and memory grow with the size of frames and with the length of a video.

    python benchmarks/growth.py [--systems refine,sftrack] [--sizes 240,480,720,1080,2160]
        [--lengths 100,1000,10000] [--repeats 2] [--out benchmarks/results]

A synthetic koi swims in frames of 16:9, as large in larger ones, 12 of them to and fro. Each system
and size runs in a process of its own, on one thread: processor time is told, which other programs
disturb little. Memory is the most that the process holds beyond what it held with the clip alone,
kernels and networks included. Long videos are of 240 rows. Rows are kept in the result as they
come, and what is there is not run again: delete the file to begin anew.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import subprocess
import time
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import cv2
import numba
import numpy as np
import torch

from spectrack.datasets.synthetic.journey import iterate_journey
from spectrack.evaluation.report import markdown
from spectrack.flow.local import CONTEXT, quick_flow
from spectrack.refinement.presets import PRESETS
from spectrack.refinement.streaming import with_flow
from spectrack.spectral.guided.stream import GUIDED_PRESETS, GuidedStream
from spectrack.spectral.sfseg.stream import SFSegStream
from spectrack.storage import write_json
from spectrack.structures import Target
from spectrack.tracking.table import make_tracker

CLIP = 12
WARM = 16
"""Frames before anything is measured: more than the filter is late."""
SHORT = 16
"""Frames that are measured of each size."""

Clip = list[tuple[np.ndarray, np.ndarray]]


def to_and_fro(clip: Clip, count: int) -> Clip:
    """The frames and masks of a clip, there and back, so many."""
    there = [*range(len(clip)), *range(len(clip) - 2, 0, -1)]
    return [clip[n] for n in islice(cycle(there), count)]


def refined(preset: str) -> Callable[[Clip, int], Iterator[None]]:
    """What `refine` does with the frames and masks of a clip."""

    def run(clip: Clip, count: int) -> Iterator[None]:
        height, width = clip[0][1].shape
        settings, guide = GUIDED_PRESETS[preset], PRESETS[preset].make_guide()
        stream = GuidedStream((width, height), settings=settings)
        frames = (frame for frame, _ in to_and_fro(clip, count))
        masks = (mask.astype(np.float32) for _, mask in to_and_fro(clip, count))
        for item in with_flow(frames, masks, quick_flow(), settings.reach + CONTEXT, guide):
            flows = (item.pair.forward_hw2, item.pair.backward_hw2) if item.pair else (None, None)
            stream.push(item.frame_hwc, item.soft_hw, *flows, guide_hw=item.guide_hw)
            yield

    return run


def tracked(name: str) -> Callable[[Clip, int], Iterator[None]]:
    """What a tracker does from the mask of the first frame."""

    def run(clip: Clip, count: int) -> Iterator[None]:
        tracker = make_tracker(name)
        for t, (frame, mask) in enumerate(to_and_fro(clip, count)):
            if t == 0:
                tracker.init(frame, Target(mask=mask))
            else:
                tracker.update(frame)
            yield

    return run


def sfseg(clip: Clip, count: int) -> Iterator[None]:
    """SFSeg as it was published, looking ahead."""
    stream = SFSegStream("published", mode="lookahead")
    for frame, mask in to_and_fro(clip, count):
        stream.push(mask.astype(np.float32), frame[..., 0] / np.float32(255))
        yield


SYSTEMS: dict[str, Callable[[Clip, int], Iterator[None]]] = {
    "refine": refined("colour"),
    "refine learned": refined("learned"),
    "sftrack": tracked("sftrack"),
    "sftrack-fast": tracked("sftrack-fast"),
    "sfseg": sfseg,
}


def resident_mib() -> float:
    """Resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def begin(rows: int) -> Clip:
    """One thread, and the clip."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    numba.set_num_threads(1)
    size_wh = (round(rows * 16 / 9), rows)
    return list(iterate_journey(CLIP, size_wh, 0, ()))


def of_a_size(system: str, rows: int) -> dict[str, float]:
    """Milliseconds a frame, and the most memory in between."""
    clip = begin(rows)
    before, steps = resident_mib(), SYSTEMS[system](clip, WARM + SHORT)
    next(steps)
    most = 0.0
    for _ in islice(steps, WARM - 1):
        most = max(most, resident_mib())
    started = time.process_time()
    for _ in steps:
        most = max(most, resident_mib())
    spent = (time.process_time() - started) / SHORT
    pixels = clip[0][1].size / 1e6
    return {
        "ms": round(1000 * spent, 1),
        "ms_a_megapixel": round(1000 * spent / pixels, 1),
        "mib": round(most - before, 1),
        "mib_a_megapixel": round((most - before) / pixels, 1),
    }


def of_a_length(system: str, frames: int) -> dict[str, float]:
    """Memory after a tenth of the frames and after all; time of the last tenth and the first."""
    clip = begin(240)
    steps = SYSTEMS[system](clip, WARM + frames)
    for _ in islice(steps, WARM):
        pass
    tenth, spent, held = frames // 10, [], []
    for _ in range(10):
        started = time.process_time()
        for _ in islice(steps, tenth):
            pass
        spent.append(time.process_time() - started)
        held.append(resident_mib())
    return {
        "ms": round(1000 * sum(spent) / (10 * tenth), 1),
        "last_over_first": round(spent[-1] / spent[0], 3),
        "mib_at_a_tenth": round(held[0], 1),
        "mib_grown": round(held[-1] - held[0], 1),
    }


def alone(measure: Callable[[str, int], dict[str, float]], system: str, n: int) -> dict[str, float]:
    """A measurement in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as process:
        return process.apply(measure, (system, n))


def least(rows: list[dict[str, float]]) -> dict[str, float]:
    """The least of each figure: what disturbs only adds."""
    return {name: min(row[name] for row in rows) for name in rows[0]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--systems", default="refine,sftrack")
    parser.add_argument("--sizes", default="240,480,720,1080,2160")
    parser.add_argument("--lengths", default="100,1000,10000")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    file = options.out / "growth.json"
    found: dict[str, Any] = json.loads(file.read_text()) if file.is_file() else {}
    systems = options.systems.split(",")
    sizes = [int(rows) for rows in options.sizes.split(",")]
    lengths = [int(frames) for frames in options.lengths.split(",") if frames]
    work = [(s, n, of_a_size, options.repeats) for s in systems for n in sizes]
    work += [(s, n, of_a_length, 1) for s in systems for n in lengths]
    for system, n, measure, repeats in work:
        key = f"{system}/{'rows' if measure is of_a_size else 'frames'}/{n}"
        if key not in found:
            found[key] = least([alone(measure, system, n) for _ in range(repeats)])
            write_json(file, found)
            print(key, found[key], flush=True)
    (options.out / "growth.md").write_text(page(options, systems, sizes, lengths, found))


def page(
    options: argparse.Namespace,
    systems: list[str],
    sizes: list[int],
    lengths: list[int],
    found: dict[str, Any],
) -> str:
    """The tables."""
    by_size = [
        [s, f"{round(n * 16 / 9)}x{n}", *found[f"{s}/rows/{n}"].values()]
        for s in systems
        for n in sizes
    ]
    by_length = [
        [s, f"{n:,}", *found[f"{s}/frames/{n}"].values()] for s in systems for n in lengths
    ]
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    lines = [
        "# How time and memory grow",
        "",
        "Processor time on one thread and memory beyond that of the clip, the target as large in "
        f"larger frames; least of {options.repeats} runs.",
        "",
        markdown(["", "frames", "ms", "ms a megapixel", "MiB", "MiB a megapixel"], by_size),
        "",
        "Videos of 427x240. Time of the last tenth of the frames over that of the first, and "
        "memory of the process after a tenth and what came to it until the end.",
        "",
        markdown(["", "frames", "ms", "last / first", "MiB at a tenth", "MiB more"], by_length),
        "",
        f"Made by `python benchmarks/growth.py --systems {options.systems} --sizes {options.sizes} "
        f"--lengths {options.lengths} --repeats {options.repeats}`, written at commit {commit}, "
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}.",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
