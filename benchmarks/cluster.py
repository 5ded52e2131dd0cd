"""Sequences a worker at a time: one process, ``--jobs 2``, ``--cluster local``; and LaSOT on paper.

    OMP_NUM_THREADS=1 python benchmarks/cluster.py [DATA] [--tracker fear] [--rounds 2] [--out DIR]

DATA holds ``otb``. Each way follows all its sequences, in turns, and all must write the same boxes.
Wall time depends on what else the machine does, processor time hardly; both are told. The second
part computes how long LaSOT's test set takes on 1, 10 and 100 machines, from processor times of
trackers (``docs/results/sftrackpp/default_tracker.json``) and of reading frames, measured here.
Writes ``cluster.{json,md}``.
"""

from __future__ import annotations

import argparse
import heapq
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from spectrack.evaluation.answers import Answer
from spectrack.evaluation.cluster import Cluster
from spectrack.evaluation.following import Following
from spectrack.evaluation.method import Data, Method
from spectrack.evaluation.report import markdown
from spectrack.evaluation.runner import alone, run_work
from spectrack.video.folder import read_image
from spectrack.workers import each, limit_threads

ROOT = Path(__file__).resolve().parents[1]
VIDEOS, FRAMES, SHORTEST, LONGEST = 280, 690_000, 1_000, 11_397
"""LaSOT's test set, and the shortest and longest video of LaSOT (Fan et al., CVPR 2019)."""
CORES, PRICE, BOOT_S = 16, 0.80, 120
"""Assumed: processors of a machine, its price an hour, seconds until it is there."""
SYSTEMS = ("fear", "nanomask", "sftrack-fast", "sftrack")
WIDE = (1280, 720)
"""Size of most of LaSOT's frames."""


@dataclass(frozen=True)
class Clocked:
    """Work whose answers tell processor time, not wall time."""

    following: Following

    def __call__(self, name: str) -> Answer:
        """Do one sequence."""
        begin = time.process_time()
        answer = self.following(name)
        return replace(answer, seconds=time.process_time() - begin)


def ways(sequences: int) -> dict:
    """Name to team; every worker has one thread."""
    return {
        "one process": alone,
        "--jobs 2": lambda work, names: each(work, names, min(2, sequences), 1),
        "--cluster local --jobs 2": Cluster(workers=2),
    }


def boxes_of(out: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(out.rglob("boxes.csv"))]


def throughput(work: Following, rounds: int) -> list[dict]:
    """Wall and processor seconds of each way, summed over rounds."""
    dataset = work.data.open()
    frames = sum(len(sequence) for sequence in dataset.values())
    found = {name: [0.0, 0.0] for name in ways(1)}
    wanted = None
    for _ in range(rounds):
        for name, team in ways(len(dataset)).items():
            with tempfile.TemporaryDirectory() as folder:
                begin = time.perf_counter()
                runs = run_work(
                    Clocked(work),
                    dataset,
                    Path(folder) / "out",
                    {},
                    team,
                )
                wall = time.perf_counter() - begin
                boxes = boxes_of(Path(folder))
            wanted = wanted or boxes
            if boxes != wanted:
                raise SystemExit(f"{name} wrote other boxes")
            for at, seconds in enumerate((wall, sum(run.seconds for run in runs))):
                found[name][at] += seconds
            print(f"{name}: {frames / wall:.1f} frames/s", file=sys.stderr, flush=True)
    return [
        {
            "way": name,
            "frames_per_second": rounds * frames / wall,
            "cpu_ms_a_frame": 1000 * cpu / (rounds * frames),
        }
        for name, (wall, cpu) in found.items()
    ]


def decode_ms(frame_rgb: np.ndarray) -> float:
    """Processor time of reading a JPEG of LaSOT's size, milliseconds."""
    wide = cv2.resize(frame_rgb[..., ::-1], WIDE, interpolation=cv2.INTER_CUBIC)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "wide.jpg"
        cv2.imwrite(str(path), wide, [cv2.IMWRITE_JPEG_QUALITY, 90])
        read_image(path)
        begin = time.process_time()
        for _ in range(40):
            read_image(path)
    return 1000 * (time.process_time() - begin) / 40


def lengths(seed: int = 0) -> np.ndarray:
    """Made-up lengths of LaSOT's 280 test videos: their sum and their ends are the real ones."""
    drawn = np.random.default_rng(seed).lognormal(0.0, 0.5, VIDEOS - 1)
    low, high = 0.0, 1e5  # the scale that brings the sum about
    for _ in range(100):
        scale = (low + high) / 2
        found = np.clip(scale * drawn, SHORTEST, LONGEST)
        low, high = (scale, high) if found.sum() < FRAMES - LONGEST else (low, scale)
    return np.array([LONGEST, *np.round(found)], dtype=int)


def seconds_on(workers: int, ms_a_frame: float) -> float:
    """Until the last of the videos is done, the longest begun first."""
    free = [0.0] * workers
    for frames in sorted(lengths(), reverse=True):
        heapq.heappush(free, heapq.heappop(free) + frames * ms_a_frame / 1000)
    return max(free)


def on_paper(reading_ms: float) -> list[dict]:
    """Hours and price of LaSOT's test set for each tracker and number of machines."""
    facts = json.loads((ROOT / "docs/results/sftrackpp/default_tracker.json").read_text())["runs"]
    rows = []
    for name in SYSTEMS:
        cpu = [run["cpu"] for run in facts[name]["otb"].values()]
        ms = 1000 * float(np.mean(cpu)) + reading_ms
        for machines in (1, 10, 100):
            seconds = BOOT_S + seconds_on(machines * CORES, ms)
            rows.append(
                {
                    "tracker": name,
                    "machines": machines,
                    "ms_a_frame": ms,
                    "hours": seconds / 3600,
                    "price": machines * PRICE * seconds / 3600,
                }
            )
    return rows


def page(values: dict) -> str:
    """The page of what was found."""
    ways_table = [
        (row["way"], f"{row['frames_per_second']:.1f}", f"{row['cpu_ms_a_frame']:.1f}")
        for row in values["throughput"]
    ]
    paper = [
        (
            row["tracker"],
            row["machines"],
            f"{row['ms_a_frame']:.0f}",
            f"{row['hours']:.2f}",
            f"{row['price']:.2f}",
        )
        for row in values["lasot"]
    ]
    return "\n".join(
        [
            "# Sequences on several processors and machines",
            "",
            f"Command `{values['command']}`, commit {values['commit']}, {values['machine']}.",
            "",
            f"Tracker `{values['tracker']}` on {values['sequences']} sequences of OTB "
            f"({values['frames']} frames), {values['rounds']} round(s) in turns, one thread a "
            "worker. All three wrote the same boxes. Start-up of workers, and of Ray's cluster, "
            "is in the wall time; what a worker loads for its first sequence is in the processor "
            f"time. {values['note']}",
            "",
            markdown(["way", "frames/s (wall)", "CPU ms a frame"], ways_table),
            "",
            f"On paper: LaSOT's test set, {VIDEOS} videos and {FRAMES:,} frames, longest begun "
            f"first, {CORES} workers of one processor a machine. Assumed: machines of {CORES} "
            f"processors as fast as the one measured, {PRICE:.2f} an hour each and {BOOT_S} s "
            "until they are there; the same data on each; lengths of videos drawn (log-normal) "
            f"between {SHORTEST:,} and {LONGEST:,} frames with the real sum. Milliseconds are "
            "processor time of the tracker on OTB and of reading a JPEG of 1280x720 "
            f"({values['reading_ms']:.1f}). Above {VIDEOS} workers nothing is gained, as a video "
            "is one piece of work: then the longest video decides, and processors wait that are "
            f"paid. {-(-VIDEOS // CORES)} machines are enough.",
            "",
            markdown(["tracker", "machines", "ms a frame", "hours", "price"], paper),
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = Path(os.environ.get("SPECTRACK_DATA", ROOT.parent / "shared" / "data"))
    parser.add_argument("data", nargs="?", type=Path, default=default)
    parser.add_argument("--tracker", default="fear")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--note", default="", help="what the page shall say besides")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args()
    limit_threads(1)
    data = Data("otb", str((options.data / "otb").absolute()))
    dataset = data.open()
    with next(iter(dataset.values())).frames() as frames:
        reading = decode_ms(frames[0])
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    note = f" --note '{options.note}'" if options.note else ""
    values = {
        "command": f"python benchmarks/cluster.py --tracker {options.tracker} --rounds "
        f"{options.rounds}{note}",
        "commit": commit,
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "tracker": options.tracker,
        "sequences": len(dataset),
        "frames": sum(len(sequence) for sequence in dataset.values()),
        "rounds": options.rounds,
        "note": options.note,
        "reading_ms": reading,
        "throughput": throughput(
            Following(Method(options.tracker, clean=False), data), options.rounds
        ),
        "lasot": on_paper(reading),
    }
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "cluster.json").write_text(json.dumps(values, indent=1) + "\n")
    (options.out / "cluster.md").write_text(page(values))
    print(page(values))


if __name__ == "__main__":
    main()
