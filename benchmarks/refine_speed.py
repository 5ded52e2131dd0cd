"""Frames per second of a whole refinement: frames and masks read, flow, filter, masks kept.

    python benchmarks/refine_speed.py [DATA] [--method osvos] [--preset colour] [--out DIR]

DATA holds ``davis2016``; every validation sequence is refined once at 480p. Close other programs
first. Writes ``refine_speed.{json,md}``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import time
from pathlib import Path

from spectrack.datasets.davis import Davis2016
from spectrack.evaluation.report import markdown
from spectrack.refinement.streaming import refine_video
from spectrack.video.soft_masks import open_masks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = Path(os.environ.get("SPECTRACK_DATA", "../shared/data"))
    parser.add_argument("data", nargs="?", type=Path, default=default)
    parser.add_argument("--method", default="osvos")
    parser.add_argument("--preset", default="colour")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args()
    root = options.data / "davis2016"
    davis = Davis2016(root, "val")
    masks_root = root / "Results" / "480p" / options.method
    rows, total_frames, total_seconds = [], 0, 0.0
    warm = True  # the first run compiles or loads kernels and does not count
    for name in [next(iter(davis)), *davis]:
        started = time.perf_counter()
        with davis[name].frames() as frames:
            track = refine_video(frames, open_masks(masks_root / name, frames)[1], options.preset)
        seconds = time.perf_counter() - started
        if not warm:
            rows.append((name, len(track), f"{len(track) / seconds:.1f}"))
            total_frames, total_seconds = total_frames + len(track), total_seconds + seconds
        warm = False
    rows.append(("all", total_frames, f"{total_frames / total_seconds:.1f}"))
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    values = {
        "command": f"python benchmarks/refine_speed.py --method {options.method}"
        f" --preset {options.preset}",
        "commit": commit,
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "frames_per_second": {name: float(fps) for name, _, fps in rows},
    }
    text = "\n".join(
        [
            "# Speed of refining",
            "",
            f"Command `{values['command']}`, commit {commit}, {values['machine']}; 480x854, flow "
            "included.",
            "",
            markdown(["sequence", "frames", "frames per second"], rows),
        ]
    )
    print(text)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "refine_speed.json").write_text(json.dumps(values, indent=1) + "\n")
    (options.out / "refine_speed.md").write_text(text)


if __name__ == "__main__":
    main()
