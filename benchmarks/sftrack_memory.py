"""Resident memory of a tracker over a long video.

    python benchmarks/sftrack_memory.py [FRAMES] [--tracker sftrack] [--sizes 320x240,854x480]
        [--out benchmarks/results]

Frames of the synthetic journey (with absences again and again, so that losing and searching are
part of it) are made one at a time and given to the tracker. Memory is read every 500 frames; growth
is from frame 500, when everything has been used once, to the last. Each size runs in a process of
its own.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import subprocess
import time
from dataclasses import replace
from pathlib import Path

from spectrack.datasets.synthetic.journey import ABSENCES, Absence, iterate_journey
from spectrack.structures import Target
from spectrack.tracking.table import make_tracker

EVERY = 500
PERIOD = 2000


def resident_mib() -> float:
    """Resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def plan(frames: int) -> tuple[Absence, ...]:
    """The usual absences, over and over."""
    rounds = range(0, frames, PERIOD)
    return tuple(replace(a, start=a.start + r, end=a.end + r) for r in rounds for a in ABSENCES)


def measure(name: str, size_wh: tuple[int, int], frames: int) -> dict:
    """Memory every EVERY frames, and how many frames the target was found in."""
    tracker = make_tracker(name)
    memory, found, begin = {}, 0, time.perf_counter()
    for index, (frame, mask) in enumerate(iterate_journey(frames, size_wh, 0, plan(frames))):
        if index == 0:
            tracker.init(frame, Target(mask=mask))
        else:
            found += tracker.update(frame).found
        if (index + 1) % EVERY == 0 or index + 1 == frames:
            memory[index + 1] = round(resident_mib(), 1)
            print(f"{size_wh[0]}x{size_wh[1]} {index + 1:6d} {memory[index + 1]:8.1f}", flush=True)
    marks = list(memory)
    return {
        "mib": memory,
        "mib_grown": round(memory[marks[-1]] - memory[marks[0]], 1),
        "found": found,
        "seconds": round(time.perf_counter() - begin, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("frames", nargs="?", type=int, default=5000)
    parser.add_argument("--tracker", default="sftrack")
    parser.add_argument("--sizes", default="320x240,854x480")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args()
    results = {}
    for size in options.sizes.split(","):
        width, height = (int(side) for side in size.split("x"))
        with multiprocessing.get_context("spawn").Pool(1) as process:
            results[size] = process.apply(
                measure, (options.tracker, (width, height), options.frames)
            )
        write(options, results)


def write(options: argparse.Namespace, results: dict[str, dict]) -> None:
    """The numbers as JSON and as a table."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    made = {
        "command": f"python benchmarks/sftrack_memory.py {options.frames} "
        f"--tracker {options.tracker} --sizes {options.sizes}",
        "commit": commit,
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
    }
    options.out.mkdir(parents=True, exist_ok=True)
    file = options.out / f"{options.tracker}_memory.json"
    file.write_text(json.dumps({**made, "sizes": results}, indent=1) + "\n")
    marks = list(next(iter(results.values()))["mib"])
    lines = [
        "# Resident memory over a long video",
        "",
        f"MiB of the whole process after so many frames; tracker `{options.tracker}`, frames made "
        "one at a time.",
        "",
        "| frames | " + " | ".join(results) + " |",
        "|---:|" + "---:|" * len(results),
        *(
            f"| {m} | " + " | ".join(f"{r['mib'][m]}" for r in results.values()) + " |"
            for m in marks
        ),
        "| growth | " + " | ".join(f"{r['mib_grown']:+}" for r in results.values()) + " |",
        "",
        f"Made by `{made['command']}`, commit {commit}, {made['machine']}.",
    ]
    file.with_suffix(".md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
