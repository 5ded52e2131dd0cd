"""How fast results are scored: boxes of LaSOT's test set in number, masks at 480p.

    python benchmarks/scoring.py [DATA] [--frames 10000] [--out benchmarks/results]

- *boxes*: 280 result folders with a ``boxes.csv``, 690,000 lines in all, written to a temporary
  folder and scored by the protocol of LaSOT in a process of its own, whose peak memory is told;
- *masks in memory*: J and F of masks of DAVIS-2016 that are decoded already;
- *masks from files*: the same through ``score_folder``: two PNG a frame decoded, J, F and the
  overlap of boxes.

DATA holds ``davis2016`` with the masks of published methods. One thread. Writes
``scoring.{json,md}``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from spectrack.datasets.base import Dataset, VideoSequence
from spectrack.datasets.davis import Davis2016
from spectrack.evaluation.report import markdown
from spectrack.evaluation.results import Result
from spectrack.evaluation.score import score_folder
from spectrack.metrics.boundary import region_and_contour
from spectrack.structures import Box

VIDEOS, BOXES = 280, 690_000


def walk(number: int, frames: int) -> np.ndarray:
    """True boxes of a video: a walk of rectangles, rounded to a quarter of a pixel."""
    rng = np.random.default_rng(number)
    centre = 400 + np.cumsum(rng.normal(0, 2, (frames, 2)), axis=0)
    sides = np.exp(np.cumsum(rng.normal(0, 0.005, (frames, 2)), axis=0)) * 80
    return np.round(np.column_stack([centre - sides / 2, sides]) * 4) / 4


def write_boxes(folder: Path) -> None:
    """Results beside the truth: shifted, and lost now and then."""
    frames = BOXES // VIDEOS
    for number in range(VIDEOS):
        boxes = walk(number, frames) + np.random.default_rng(number + VIDEOS).normal(
            0, 4, (frames, 4)
        )
        (folder / f"video-{number}").mkdir()
        lines = ["frame,object,x,y,w,h,score,found"]
        for t, (x, y, w, h) in enumerate(boxes):
            found = int(t % 50 != 49)
            lines.append(f"{t:08d},1,{x:.2f},{y:.2f},{w:.2f},{h:.2f},0.9000,{found}")
        (folder / f"video-{number}" / "boxes.csv").write_text("\n".join(lines) + "\n")


def score_boxes_in(folder: Path) -> dict:
    """Score them; run in a process of its own."""
    frames = BOXES // VIDEOS
    stems = tuple(f"{t:08d}" for t in range(frames))

    def open_video(number: int) -> VideoSequence:
        truth = walk(number, frames)
        return VideoSequence(
            f"video-{number}", stems, lambda: None, read_box=lambda t: Box(*truth[t].tolist())
        )

    videos = Dataset("walks", {f"video-{n}": lambda n=n: open_video(n) for n in range(VIDEOS)})
    started = time.perf_counter(), time.process_time()
    scores = score_folder(folder, videos, protocol="lasot")
    return {
        "boxes": sum(len(boxes.overlaps) for boxes in scores.boxes),
        "seconds": round(time.perf_counter() - started[0], 1),
        "processor_seconds": round(time.process_time() - started[1], 1),
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "auc": round(scores.box_figures()["auc"], 4),
    }


def boxes() -> dict:
    """What scoring of boxes takes."""
    with tempfile.TemporaryDirectory() as folder:
        write_boxes(Path(folder))
        done = subprocess.run(
            [sys.executable, __file__, "--score-boxes", folder],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
    return json.loads(done.stdout)


def masks(root: Path, frames: int) -> dict:
    """Frames a second of J and F, of wall clock and of the processor."""
    davis = Davis2016(root, "val")
    methods = sorted(p.name for p in (root / "Results" / "480p").iterdir() if p.is_dir())
    per_method = sum(len(s) - 2 for s in davis.values())
    pairs = list(islice(_pairs(root, davis, methods), 400))
    started = time.perf_counter(), time.process_time()
    for i in range(frames):
        region_and_contour(*pairs[i % len(pairs)])
    memory = _rates(frames, started)
    chosen = methods[: -(-frames // per_method)]
    started = time.perf_counter(), time.process_time()
    done = 0
    for method in chosen:
        scores = score_folder(root / "Results" / "480p" / method, davis)
        done += sum(len(s.stems) for s in scores.sequences)
    return {"in memory": memory, "from files": _rates(done, started)}


def _pairs(root: Path, davis: Dataset, methods: list[str]):
    """Decoded masks beside the truth, of a method a sequence."""
    for method, sequence in zip(methods * 2, davis.values(), strict=False):
        result = Result.of_folder(root / "Results" / "480p" / method, sequence)
        for t in range(1, len(sequence) - 1):
            yield result.mask(t), sequence.truth_mask(t)


def _rates(frames: int, started: tuple[float, float]) -> dict:
    wall, processor = time.perf_counter() - started[0], time.process_time() - started[1]
    return {
        "frames": frames,
        "frames_per_second": round(frames / wall, 1),
        "frames_per_processor_second": round(frames / processor, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = Path(os.environ.get("SPECTRACK_DATA", "../shared/data"))
    parser.add_argument("data", nargs="?", type=Path, default=default)
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    parser.add_argument("--score-boxes", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    if options.score_boxes is not None:
        print(json.dumps(score_boxes_in(options.score_boxes)))
        return
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    values = {
        "command": f"python benchmarks/scoring.py --frames {options.frames}",
        "commit": commit,
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "boxes": boxes(),
        "masks": masks(options.data / "davis2016", options.frames),
    }
    values["load_average_at_the_end"] = round(os.getloadavg()[1], 1)
    found = values["boxes"]
    text = "\n".join(
        [
            "# Speed of scoring",
            "",
            f"Command `{values['command']}`, commit {commit}, {values['machine']}, one thread. "
            "Load average of the machine in the last five minutes: "
            f"{values['load_average_at_the_end']}; where others compute too, the processor's time "
            "is what a free core would take.",
            "",
            f"Boxes: {found['boxes']} of {VIDEOS} result folders, by the protocol of LaSOT, in "
            f"{found['seconds']} s ({found['processor_seconds']} s of the processor), with "
            f"{found['peak_mib']} MiB at most.",
            "",
            "Masks at 480p, J and F:",
            "",
            markdown(
                ["masks", "frames", "frames a second", "frames a second of the processor"],
                [[name, *row.values()] for name, row in values["masks"].items()],
            ),
            "From files, a frame is two PNG files decoded, J, F, and the overlap of boxes.",
            "",
        ]
    )
    print(text)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "scoring.json").write_text(json.dumps(values, indent=1) + "\n")
    (options.out / "scoring.md").write_text(text)


if __name__ == "__main__":
    main()
