"""Does the delay of `spectrack live` grow? A clip is played at its own rate through a pipe.

    python benchmarks/live.py [TRACKER ...] [--frames 2000] [--fps 25] [--out FILE]

Another process encodes the made-up koi clip, 427x240 and to and fro, as MPEG-TS, frame by frame
when each is due, and writes it into a named pipe. Here it is read, decoded and followed as the
command does it. The delay is from when a frame was due, by the stamps of the stream and the least
delay of any frame, until its answer was there.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch

from spectrack.datasets.synthetic.scene import make_clip
from spectrack.structures import Box, Target
from spectrack.tracking.live import Pace, follow_live
from spectrack.tracking.table import make_tracker
from spectrack.video.live import LiveReader
from spectrack.video.live_sources import open_live

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # where experiments/ lies

SIZE_WH, LENGTH = (427, 240), 100
TRACKERS = ("kcf", "nanotrack", "flow", "sftrack")


def feed(pipe: str, frames: int, fps: int) -> None:
    """Write the stream in real time; the last line says how late it was itself."""
    clip = make_clip(LENGTH, size_wh=SIZE_WH).frames_thwc
    pictures = [*clip, *clip[-2:0:-1]]
    late = 0.0
    with av.open(pipe, "w", format="mpegts", options={"flush_packets": "1"}) as container:
        stream: Any = container.add_stream("mpeg2video", rate=fps)
        stream.width, stream.height = SIZE_WH[0] + SIZE_WH[0] % 2, SIZE_WH[1]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.max_b_frames = 0
        stream.codec_context.time_base = Fraction(1, fps)
        begun = time.monotonic()
        for number in range(frames):
            padded = np.pad(pictures[number % len(pictures)], ((0, 0), (0, 1), (0, 0)), mode="edge")
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(padded), format="rgb24")
            picture.pts = number
            due = begun + number / fps
            time.sleep(max(due - time.monotonic(), 0))
            container.mux(stream.encode(picture))
            late = max(late, time.monotonic() - due)
        container.mux(stream.encode())
    print(f"{1e3 * late:.0f}")


def measure(tracker: str, frames: int, fps: int) -> tuple[Pace, list[tuple[int, float]], int, str]:
    """Pace, number and wait of answers, frames that came, and milliseconds the feeder was late."""
    box = Box.from_mask(make_clip(1, size_wh=SIZE_WH).masks_thw[0])
    assert box is not None
    made = {1: make_tracker(tracker)}
    with tempfile.TemporaryDirectory() as folder:
        pipe = Path(folder) / "pipe"
        os.mkfifo(pipe)
        command = [sys.executable, __file__, "--feed", str(pipe)]
        command += ["--frames", str(frames), "--fps", str(fps)]
        feeder = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        pace, answers = Pace(), []
        with LiveReader(open_live(str(pipe))) as reader:
            for answer in follow_live(reader, made, {1: Target(box)}):
                pace.add(answer)
                answers.append((answer.number, answer.waited_s))
        return pace, answers, reader.arrived, feeder.communicate()[0].strip()


def row(tracker: str, frames: int, fps: int) -> str:
    """A line of the table."""
    pace, answers, arrived, late = measure(tracker, frames, fps)
    # the last frame waits for the answer before it, as none newer comes
    told, (numbers, waits) = pace.summary(), np.array(answers[1:-1]).T
    per_minute = 60e3 * np.polyfit(numbers / fps, waits, 1)[0]
    tenth = max(len(waits) // 10, 1)
    cells = [arrived, told["answered"], told["dropped"], told["frames_per_second"]]
    cells += [round(told["delay_ms"][part]) for part in ("mean", "p95", "most")]
    parts = (waits, waits[:tenth], waits[-tenth:])
    cells += [round(1e3 * float(part.mean())) for part in parts]
    return f"| {tracker} | {' | '.join(map(str, cells))} | {per_minute:+.1f} | {late} |"


def main() -> None:
    """Write the page."""
    from experiments.common import commit, machine

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("trackers", nargs="*", metavar="TRACKER")
    parser.add_argument("--frames", type=int, default=2000)
    parser.add_argument("--fps", type=int, default=25)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--feed", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "live.md")
    args = parser.parse_args()
    if args.feed:
        feed(args.feed, args.frames, args.fps)
        return
    torch.set_num_threads(args.threads)
    load = os.getloadavg()[0]
    headings = (
        "came", "answered", "dropped", "a second", "delay", "95 %", "most", "waited",
        "first tenth", "last tenth", "growth a minute", "feeder late",
    )  # fmt: skip
    lines = [
        "# Live: the delay over a stream\n",
        f"{args.frames} frames of {SIZE_WH[0]}x{SIZE_WH[1]} at {args.fps} a second through a pipe, "
        "followed by the first box; delays in milliseconds, from when a frame was due to its "
        "answer. Waited: the part of it before the frame was taken, over all, over the first and "
        "the last tenth, and the slope of a line through all; the rest is the tracker's own time. "
        "The feeder is another process, which may be late itself. The machine had other work "
        "beside it: a load of "
        f"{load:.0f} on {os.cpu_count()} cores when this began.\n",
        f"| tracker | {' | '.join(headings)} |",
        f"| --- |{' ---: |' * len(headings)}",
    ]
    for tracker in args.trackers or TRACKERS:
        lines.append(row(tracker, args.frames, args.fps))
        print(lines[-1], file=sys.stderr)
    command = f"python benchmarks/live.py --frames {args.frames} --fps {args.fps}"
    made = f"Made by `{command}`, commit {commit()}, {machine()}, seed 0."
    args.out.write_text("\n".join([*lines, "", made]) + "\n", "utf-8")
    print(f"wrote {args.out}")


if __name__ == "__main__":
    main()
