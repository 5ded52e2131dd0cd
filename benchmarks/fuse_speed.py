"""Frames per second and memory of fusing 13 masks a frame at 480p.

    python benchmarks/fuse_speed.py [DATA] [--sequence libby] [--frames 300,3000] [--out DIR]

DATA holds ``davis2016``. Measured in one run, on one sequence:

- *core*: mixing of planes in memory and 5 iterations of the paper's filter (Taylor, 3 x 7 x 7),
  as the stream does them and as a whole video; the feature is there already;
- *pipeline*: ``fuse`` as the command does it: 13 PNG and a frame decoded, mixed, flow, the filter
  ``colour``, masks kept;
- *memory*: how far resident memory grows while the pipeline goes over the sequence to and fro, for
  two lengths, from frame 200 on.

Close other programs first. Writes ``fuse_speed.{json,md}``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrack.datasets.davis import Davis2016
from spectrack.evaluation.report import markdown
from spectrack.fusion.stream import fuse_video, mix_channels, open_channels, read_ahead
from spectrack.spectral.mixing.settings import MixingSettings
from spectrack.spectral.sfseg.filter import PRESETS, sfseg
from spectrack.spectral.sfseg.stream import SFSegStream

METHODS = "matnet andiff epo+ ags lsmo pdb motadapt lvo fseg sflu segflow_ours_ol tis cut".split()  # noqa: SIM905
REPEATS = 3
WARM = 200


class ToAndFro:
    """Frames or masks of a sequence, there and back, for as long as asked."""

    def __init__(self, items: Any, own: int, count: int) -> None:
        self._items, self._own, self._count = items, own, count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Any:
        if index >= self._count:
            raise IndexError(index)
        at = index % (2 * self._own - 2)
        return self._items[min(at, 2 * self._own - 2 - at)]


def resident_mib() -> float:
    """Resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def best(run: Callable[[], int]) -> float:
    """Frames per second of the fastest of a few runs, after one that does not count."""
    run()
    rates = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        frames = run()
        rates.append(frames / (time.perf_counter() - started))
    return round(max(rates), 1)


def core(planes: list[Any], feature_thw: NDArray[np.float32], mixing: MixingSettings) -> dict:
    """Rates of what happens after loading."""
    height, width = feature_thw.shape[1:]
    recipe = replace(PRESETS["paper"], iterations=5)

    def mix() -> Iterator[NDArray[np.float32]]:
        return (mixed.soft_hw for mixed, _ in mix_channels(planes, mixing, (width, height)))

    def mixed_and_filtered() -> int:
        return len(sfseg(np.stack(list(mix())), feature_thw, recipe))

    def mixed_and_streamed() -> int:
        stream = SFSegStream(replace(recipe, normalisation="frame"))
        pairs = zip(mix(), feature_thw, strict=True)
        return sum(len(stream.push(soft, feature)) for soft, feature in pairs) + len(
            list(stream.finish())
        )

    return {
        "mixing": best(lambda: sum(1 for _ in mix())),
        "mixing and 5 iterations, whole video": best(mixed_and_filtered),
        "mixing and 5 iterations, stream": best(mixed_and_streamed),
    }


def grown(frames: Any, channels: list[Any], own: int, count: int, mixing: MixingSettings) -> dict:
    """Resident memory over a long run."""
    seen = {}

    def watch(done: int, total: int | None) -> None:
        if done in (WARM, count):
            seen[done] = resident_mib()

    long = [ToAndFro(masks, own, count) for masks in channels]
    started = time.perf_counter()
    fuse_video(ToAndFro(frames, own, count), long, mixing, progress=watch)
    return {
        "frames": count,
        f"mib_at_frame_{WARM}": round(seen[WARM], 1),
        "mib_grown": round(seen[count] - seen[WARM], 1),
        "frames_per_second": round(count / (time.perf_counter() - started), 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = Path(os.environ.get("SPECTRACK_DATA", "../shared/data"))
    parser.add_argument("data", nargs="?", type=Path, default=default)
    parser.add_argument("--sequence", default="libby")
    parser.add_argument("--frames", default="300,3000")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args()
    root = options.data / "davis2016"
    sequence = Davis2016(root, "val")[options.sequence]
    folders = {m: root / "Results" / "480p" / m / options.sequence for m in METHODS}
    mixing = MixingSettings.robust(METHODS)
    with sequence.frames() as frames:
        channels = open_channels(folders, frames)
        own = len(frames)
        planes = list(read_ahead(channels, own, frames.size_wh))
        # Any feature in [0, 1] costs the same; the brightness needs no flow.
        feature_thw = np.stack([frame[..., 1] for frame in frames]).astype(np.float32) / 255
        rates = {
            "reading 13 masks": best(
                lambda: sum(1 for _ in read_ahead(channels, own, frames.size_wh))
            ),
            **core(planes, feature_thw, mixing),
            "whole pipeline, default": best(lambda: len(fuse_video(frames, channels, mixing))),
        }
        del planes, feature_thw
        lengths = [int(n) for n in options.frames.split(",")]
        memory = [grown(frames, channels, own, n, mixing) for n in lengths]
    write(options, rates, memory)


def write(options: argparse.Namespace, rates: dict[str, float], memory: list[dict]) -> None:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    values = {
        "command": f"python benchmarks/fuse_speed.py --sequence {options.sequence}"
        f" --frames {options.frames}",
        "commit": commit,
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "load_average_before_the_end": round(os.getloadavg()[1], 1),
        "frames_per_second": rates,
        "memory": memory,
    }
    text = "\n".join(
        [
            "# Speed of fusing",
            "",
            f"Command `{values['command']}`, commit {commit}, {values['machine']}; 13 channels at "
            f"480x854, best of {REPEATS}. Load average of the machine in the last five minutes: "
            f"{values['load_average_before_the_end']}.",
            "",
            markdown(["what", "frames per second"], list(rates.items())),
            f"Resident memory of the whole pipeline from frame {WARM} to the last:",
            "",
            markdown(
                ["frames", f"MiB at frame {WARM}", "MiB grown", "frames per second"],
                [list(one.values()) for one in memory],
            ),
        ]
    )
    print(text)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "fuse_speed.json").write_text(json.dumps(values, indent=1) + "\n")
    (options.out / "fuse_speed.md").write_text(text)


if __name__ == "__main__":
    main()
