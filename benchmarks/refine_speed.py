"""Frames per second of a whole refinement: frames and masks read, flow, filter, masks kept.

    python benchmarks/refine_speed.py [DATA] [--method osvos] [--presets colour,learned]
        [--out DIR]

DATA holds ``davis2016``; every validation sequence is refined at 480p, by one preset after the
other. Close other programs first. Writes ``refine_speed.{json,md}``.
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
    parser.add_argument("--presets", default="colour,learned")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args()
    root, presets = options.data / "davis2016", options.presets.split(",")
    davis = Davis2016(root, "val")
    masks_root = root / "Results" / "480p" / options.method

    def refined(name: str, preset: str) -> tuple[int, float]:
        """Frames, and the seconds they took."""
        started = time.perf_counter()
        with davis[name].frames() as frames:
            track = refine_video(frames, open_masks(masks_root / name, frames)[1], preset)
        return len(track), time.perf_counter() - started

    for preset in presets:
        refined(next(iter(davis)), preset)  # compiles or loads kernels and does not count
    found = {name: [refined(name, preset) for preset in presets] for name in davis}
    rows = [(name, runs[0][0], [seconds for _, seconds in runs]) for name, runs in found.items()]
    all_frames = sum(count for _, count, _ in rows)
    rows.append(("all", all_frames, [sum(s) for s in zip(*(r[2] for r in rows), strict=True)]))
    speeds = {
        name: {p: round(count / s, 1) for p, s in zip(presets, seconds, strict=True)}
        for name, count, seconds in rows
    }
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    values = {
        "command": f"python benchmarks/refine_speed.py --method {options.method}"
        f" --presets {options.presets}",
        "commit": commit,
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "frames_per_second": speeds,
    }
    text = "\n".join(
        [
            "# Speed of refining",
            "",
            f"Command `{values['command']}`, commit {commit}, {values['machine']}; frames per "
            "second at 480x854, flow included.",
            "",
            markdown(
                ["sequence", "frames", *presets],
                [[name, count, *speeds[name].values()] for name, count, _ in rows],
            ),
        ]
    )
    print(text)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "refine_speed.json").write_text(json.dumps(values, indent=1) + "\n")
    (options.out / "refine_speed.md").write_text(text)


if __name__ == "__main__":
    main()
