"""The page at work: how fast it answers clicks while a tracker runs, and how much memory it takes.

    OMP_NUM_THREADS=1 python benchmarks/app.py [--seconds 120] [--size 1920x1080] [--clicks 20]
        [--tracker flow] [--out FOLDER]

A made-up video of that length is written, two objects get a box, and the tracker is started. While
it runs, strokes are painted in frames all over the video. Three times are measured in the browser:
from a click on the timeline to the frame (``jump_ms``), from the end of a stroke to the picture
that shows it (``click_ms``), and to the server's mask that holds it (``mask_ms``). Memory is the
proportional set size (what several processes share counts once) of the server with its workers, and
of the browser, at its peak. Linux only; needs NiceGUI, playwright and Chromium.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "helpers"))

from app_server import AppServer, browser
from spectrack.datasets.synthetic.scene import make_clip
from spectrack.video.writer import VideoWriter

SCENE = 48
"""Frames that are rendered; the video goes through them forth and back."""
WATCH = """() => {
  const root = document.querySelector('.st-root');
  const time = root.querySelector('.st-time'), draw = root.querySelector('.st-draw');
  const mask = root.querySelector('.mask-a');
  const covered = (x, y) => mask.getContext('2d').getImageData(x, y, 1, 1).data[3] > 0;
  window.free = (x, y) => !covered(Math.floor(x * mask.width), Math.floor(y * mask.height));
  const at = () => root.dataset.shown.split(':').map(Number);
  window.jumps = []; window.strokes = [];
  const after = (begin, good, kept) => {
    const look = () => {
      if (good()) kept(performance.now() - begin); else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  };
  time.addEventListener('pointerup', () => {
    const begin = performance.now();
    after(begin, () => at()[0] === Number(time.ariaValueNow), (ms) => window.jumps.push(ms));
  });
  draw.addEventListener('pointerup', (event) => {
    const begin = performance.now(), rect = draw.getBoundingClientRect();
    const x = Math.floor((event.clientX - rect.left) / rect.width * mask.width);
    const y = Math.floor((event.clientY - rect.top) / rect.height * mask.height);
    const one = {};
    // the next frame after the one that holds the stroke: then it is on the screen
    after(begin, () => covered(x, y), () => requestAnimationFrame(() => {
      one.click = performance.now() - begin;
    }));
    after(begin, () => root.dataset.waiting === '0', (ms) => {
      one.mask = ms; window.strokes.push(one);
    });
  });
}"""


def write_long_video(path: Path, seconds: int, size_wh: tuple[int, int]) -> int:
    """A video of so many seconds; how many frames it has."""
    frames = make_clip(SCENE, size_wh, seed=3).frames_thwc
    count = 24 * seconds
    with VideoWriter(path, 24, size_wh) as writer:
        for index in range(count):
            place = index % (2 * SCENE - 2)
            writer.write(frames[place if place < SCENE else 2 * SCENE - 2 - place])
    return count


def family(pid: int) -> Iterator[int]:
    """A process and all that it started, and those started."""
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = task.read_text().split()
        except OSError:
            continue
        for child in children:
            yield from family(int(child))


def memory_mib(pids: Iterable[int]) -> float:
    """Proportional set size of processes together, in MiB."""
    total = 0
    for pid in pids:
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in text.splitlines() if line[:4] == "Pss:")
    return total / 1024


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median and largest of numbers."""
    return {"median": round(statistics.median(values), 1), "largest": round(max(values), 1)}


def main() -> None:
    """Print what was measured as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--size", default="1920x1080")
    parser.add_argument("--clicks", type=int, default=20)
    parser.add_argument("--tracker", default="flow")
    parser.add_argument("--out", type=Path, default=None)
    options = parser.parse_args()
    width, height = (int(v) for v in options.size.split("x"))
    folder = options.out or Path(tempfile.mkdtemp(prefix="spectrack-app-"))
    folder.mkdir(parents=True, exist_ok=True)
    video = folder / "long.mp4"
    count = write_long_video(video, options.seconds, (width, height))
    server = AppServer([str(video), "--tracker", options.tracker], folder)
    peak = {"server_mib": 0.0, "browser_mib": 0.0}

    def look() -> None:
        serving = set(family(server.process.pid))
        showing = set(family(os.getpid())) - serving - {os.getpid()}
        peak["server_mib"] = max(peak["server_mib"], memory_mib(serving))
        peak["browser_mib"] = max(peak["browser_mib"], memory_mib(showing))

    try:
        with browser() as chromium:
            page = chromium.new_page(viewport={"width": 1280, "height": 720})
            page.set_default_timeout(300_000)
            page.goto(server.address)
            page.wait_for_function("document.querySelector('.st-root')?.dataset.shown")
            rect = page.locator(".st-draw").bounding_box()

            def drag(x1: float, y1: float, x2: float, y2: float) -> None:
                page.mouse.move(rect["x"] + x1 * rect["width"], rect["y"] + y1 * rect["height"])
                page.mouse.down()
                page.mouse.move(rect["x"] + x2 * rect["width"], rect["y"] + y2 * rect["height"])
                page.mouse.up()

            for place in ((0.36, 0.2, 0.63, 0.75), (0.5, 0.5, 0.8, 0.95)):
                page.keyboard.press("a")
                page.keyboard.press("b")
                time.sleep(1)
                drag(*place)
                time.sleep(1)
            page.get_by_text("Watch while it works").click()
            page.evaluate("document.activeElement.blur()")
            page.get_by_role("button", name="All", exact=True).click()
            page.wait_for_selector(".q-linear-progress", state="visible")
            page.evaluate("document.activeElement.blur()")
            page.wait_for_function("document.querySelector('.soft')?.innerText.includes('frames')")
            page.keyboard.press("p")
            page.evaluate(WATCH)
            rng = np.random.default_rng(0)
            timeline = page.locator(".st-time").bounding_box()
            for count_so_far in range(1, options.clicks + 1):
                at = float(rng.uniform(0.05, 0.95))
                page.mouse.click(
                    timeline["x"] + at * timeline["width"], timeline["y"] + timeline["height"] / 2
                )
                page.wait_for_function(f"window.jumps.length === {count_so_far}")
                # a stroke that ends where no mask is, or its end would seem to be drawn already
                places = rng.uniform(0.1, 0.85, (100, 2)).tolist()
                free = "(p) => window.free(p[0] + 0.05, p[1] + 0.03)"
                x, y = next(place for place in places if page.evaluate(free, place))
                drag(x, y, x + 0.05, y + 0.03)
                page.wait_for_function(f"window.strokes.length === {count_so_far}")
                look()
            jumps = page.evaluate("window.jumps")
            strokes = page.evaluate("window.strokes")
    finally:
        server.stop()
    print(
        json.dumps(
            {
                "video": {"frames": count, "size": options.size, "objects": 2},
                "tracker": options.tracker,
                "clicks": len(strokes),
                "click_ms": spread([one["click"] for one in strokes]),
                "mask_ms": spread([one["mask"] for one in strokes]),
                "jump_ms": spread(jumps),
                **{name: round(value) for name, value in peak.items()},
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
