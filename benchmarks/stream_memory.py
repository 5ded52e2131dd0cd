"""Resident memory of the streams over a long video.

    python benchmarks/stream_memory.py [FRAMES] [--out benchmarks/results]

Feeds 427x240 frames of the synthetic clip, 200 of them to and fro, with their true masks, through
the guided stream (flow included), the look-ahead stream of the `published` recipe and the online
one, and prints how far resident memory grows between frame 1,000 and the last.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from spectrack.datasets.synthetic.scene import make_clip
from spectrack.flow.local import quick_flow
from spectrack.refinement.streaming import with_flow
from spectrack.spectral.guided.stream import GuidedStream
from spectrack.spectral.sfseg.stream import SFSegStream

WARM = 1000


def resident_mib() -> float:
    """Resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


class ToAndFro:
    """Frames or masks of a clip, there and back, for as long as asked."""

    def __init__(self, items: np.ndarray, count: int) -> None:
        self._items, self._count = items, count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> np.ndarray:
        period = 2 * len(self._items) - 2
        at = index % period
        item = self._items[at if at < len(self._items) else period - at]
        return item.astype(np.float32) if item.dtype == bool else item

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[i] for i in range(self._count))


def guided(frames: ToAndFro, masks: ToAndFro) -> Iterator[int]:
    stream = GuidedStream((427, 240))
    for item in with_flow(frames, masks, quick_flow(), 80):
        pair = item.pair
        flows = (None, None) if pair is None else (pair.forward_hw2, pair.backward_hw2)
        yield len(stream.push(item.frame_hwc, item.soft_hw, *flows))


def sfseg(online: bool) -> Callable[[ToAndFro, ToAndFro], Iterator[int]]:
    def run(frames: ToAndFro, masks: ToAndFro) -> Iterator[int]:
        stream = SFSegStream("published", mode="online" if online else "lookahead")
        for frame, soft in zip(frames, masks, strict=True):
            yield len(stream.push(soft, frame[..., 0] / np.float32(255)))

    return run


STREAMS = {"guided": guided, "look-ahead": sfseg(False), "online": sfseg(True)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("frames", nargs="?", type=int, default=10_000)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args()
    clip = make_clip(200, (427, 240), seed=0)
    frames, masks = (ToAndFro(a, options.frames) for a in (clip.frames_thwc, clip.masks_thw))
    results = {}
    for name, run in STREAMS.items():
        warm, given, started = 0.0, 0, time.perf_counter()
        for t, ready in enumerate(run(frames, masks)):
            given += ready
            if t == WARM:
                warm = resident_mib()
        grown = resident_mib() - warm
        results[name] = {
            "frames_out": given,
            "mib_at_frame_1000": round(warm, 1),
            "mib_grown": round(grown, 1),
            "seconds": round(time.perf_counter() - started, 1),
        }
        print(name, results[name], flush=True)
        write(options.out, options.frames, results)


def write(out: Path, frames: int, results: dict[str, dict]) -> None:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    values = {
        "command": f"python benchmarks/stream_memory.py {frames}",
        "commit": commit,
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "frames": frames,
        "streams": results,
    }
    out.mkdir(parents=True, exist_ok=True)
    (out / "stream_memory.json").write_text(json.dumps(values, indent=1) + "\n")


if __name__ == "__main__":
    main()
