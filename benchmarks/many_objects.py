"""What several objects cost: time a frame and memory for 1, 2, 4 and 8, and what they could share.

    python benchmarks/many_objects.py [--trackers sftrack,sftrack-fast,nanomask] [--frames 5]
        [--counts 1,2,4,8] [--parts objects,stages,batches,waits,crossing]

Objects are patterned things on made-up ground of 854x480, each in its own part of the frame, with
masks given. Times are medians over frames: processor time, and wall time beside it where nothing
else runs. Each part writes its section of ``benchmarks/results/many_objects.md`` anew.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import resource
import subprocess
import time
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from frame_parts import Times, least_times, time_parts

from spectrack.datasets.synthetic.things import Things
from spectrack.metrics.regions import jaccard
from spectrack.networks.mask_in_box import HINTS, KEYS, VALUES, Memory
from spectrack.result_folder import index_of_masks
from spectrack.spectral.mixing import mixing
from spectrack.structures import Box, FrameHWC, HardHW, Prediction, Target
from spectrack.threads import processors
from spectrack.tracking.joint import share_pixels
from spectrack.tracking.loop import run_many
from spectrack.tracking.mask_in_box import SIDE, shared_mask_in_box
from spectrack.tracking.table import make_tracker
from spectrack.video.frames import ArrayFrames

RESULTS = Path(__file__).parent / "results"
WARM = 3
STAGES = {
    "inputs, a first look at the box of each": "_pool.update",
    "second looks where boxes differ": "_segment._segment.segment",
    "of both the network of masks in boxes": "_segment._segment._mask",
    "mixing": "_mixer.push",
    "does it look like the target": "_judge",
    "what goes back": "_accept",
}

Rows = list[list[str]]


def given(things: Things, frames: int) -> tuple[list[FrameHWC], list[np.ndarray], dict[int, Any]]:
    """Frames, which thing each pixel shows, and the things as targets."""
    clip = list(things.clip(frames))
    index = [one for _, one in clip]
    masks = {int(k): index[0] == k for k in np.unique(index[0]) if k}
    targets = {k: Target(Box.from_mask(mask), mask) for k, mask in masks.items()}
    return [frame for frame, _ in clip], index, targets


def objects(options: argparse.Namespace) -> tuple[list[str], Rows]:
    """Time a frame and memory by the number of objects, each tracker in a process of its own."""
    rows = []
    for name in options.trackers.split(","):
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            counts = [int(word) for word in options.counts.split(",")]
            found = pool.apply(followed, (name, counts, options.frames))
        work_1, wall_1, _ = found[0]
        for count, (work, wall, memory) in zip(counts, found, strict=True):
            told = [f"{work / work_1:.2f}", f"{wall / wall_1:.2f}", f"{memory / 2**10:.0f}"]
            rows.append([name, str(count), f"{1e3 * work:.0f}", *told])
            print(*rows[-1], flush=True)
    head = ["tracker", "objects", "processor ms a frame", "ratio", "wall ratio", "peak MiB"]
    return head, rows


def followed(name: str, counts: list[int], frames: int) -> list[tuple[float, float, float]]:
    """Seconds of work and of wall time a frame, and peak KiB, for rising numbers of objects."""
    images, _, targets = given(Things(8), frames + WARM)
    found = []
    for count in counts:
        some = {k: targets[k] for k in list(targets)[:count]}
        stamps: list[tuple[float, float]] = []

        def note(*_: Any, stamps: list[tuple[float, float]] = stamps) -> None:
            stamps.append((time.process_time(), time.perf_counter()))

        trackers = {k: make_tracker(name) for k in some}
        run_many(trackers, ArrayFrames(images), some, on_frame=note, clean=True)
        work, wall = (np.diff([stamp[i] for stamp in stamps[WARM - 1 :]]) for i in (0, 1))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        found.append((median(work), median(wall), peak))
    return found


def stages(options: argparse.Namespace) -> tuple[list[str], Rows]:
    """Where the time of one object goes, everything one after the other on one processor."""
    allowed, threads = os.sched_getaffinity(0), torch.get_num_threads()
    os.sched_setaffinity(0, {min(allowed)})
    images, _, targets = given(Things(8), options.frames + WARM)
    outer = make_tracker("sftrack")
    outer.init(images[0], targets[1])
    tracker = outer._tracker  # type: ignore[attr-defined]
    for image in images[1:WARM]:
        outer.update(image)
    # two on one processor would wait for each other in every layer; numba has set them by now
    torch.set_num_threads(1)
    times = {name: Times() for name in STAGES}
    time_parts(tracker, STAGES, times)
    whole = []
    for image in images[WARM:]:
        for one in times.values():
            one.next_frame()
        begin = time.process_time()
        outer.update(image)
        whole.append(1e3 * (time.process_time() - begin))
    os.sched_setaffinity(0, allowed)
    torch.set_num_threads(threads)
    told = [(name, median(one.work)) for name, one in times.items()] + [("all", median(whole))]
    return ["stage", "processor ms", "share"], [
        [name, f"{work:.1f}", f"{work / median(whole):.2f}"] for name, work in told
    ]


def batches(options: argparse.Namespace) -> tuple[list[str], Rows]:
    """The network of masks in boxes on crops of several objects at once."""
    network, chance = shared_mask_in_box(), torch.Generator().manual_seed(0)
    most, layout = 16, torch.channels_last
    images = (2 * torch.rand(most, 3, SIDE, SIDE, generator=chance) - 1).to(memory_format=layout)
    hints = torch.rand(most, len(HINTS), SIDE, SIDE, generator=chance).to(memory_format=layout)
    keys = torch.randn(1, KEYS, 2560, generator=chance)
    values = torch.randn(1, VALUES + 1, 2560, generator=chance)
    memory = Memory(torch.nn.functional.normalize(keys, dim=1), values)
    torch.set_num_threads(1)
    rows, device = [], torch.device("cpu")
    with torch.inference_mode():
        alone = torch.cat([network(images[k : k + 1], hints[k : k + 1], memory) for k in range(2)])
        first = 0.0
        for n in (1, 2, 4, 8, most):
            run = partial(network, images[:n], hints[:n], memory)
            work = least_times(run, device, 5)[1] / n
            first = first or work
            off = float((run()[:2] - alone[:n][:2]).abs().max())
            rows.append([str(n), f"{work:.0f}", f"{work / first:.2f}", f"{off:.1e}"])
            print(*rows[-1], flush=True)
    return ["crops at once", "processor ms a crop", "ratio", "largest change of a logit"], rows


def waits(options: argparse.Namespace) -> tuple[list[str], Rows]:
    """Short loops beside busy processes, with all threads of numba and with one."""
    channels = np.zeros((5, 240, 428), dtype=np.uint8)
    channels[:, 60:180, 100:300] = 255
    settings = mixing.MixingSettings.robust(tuple("abcde"))
    ours = mixing.threads_for
    context = multiprocessing.get_context("spawn")
    busy = [context.Process(target=spin, daemon=True) for _ in range(BUSY)]
    rules = {"all threads": lambda _: nullcontext(), "one thread": ours}
    taken: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for beside in ("alone", f"beside {BUSY} busy processes"):
        if beside != "alone":
            for process in busy:
                process.start()
            time.sleep(3)
        for _ in range(3):
            for name, rule in rules.items():
                mixing.threads_for = rule  # type: ignore[assignment]
                taken.setdefault((name, beside), []).append(mixing_time(channels, settings))
    for process in busy:
        process.terminate()
    mixing.threads_for = ours
    middle = {key: [median(v) for v in zip(*t, strict=True)] for key, t in taken.items()}
    least = middle["one thread", "alone"][0]
    rows = [
        [*key, f"{wall / least:.2f}", f"{1e3 * cpu:.2f}"] for key, (wall, cpu) in middle.items()
    ]
    return ["mixing five masks", "where", "wall ratio", "processor ms a frame"], rows


def mixing_time(channels: np.ndarray, settings: mixing.MixingSettings) -> tuple[float, float]:
    """Wall and processor seconds a frame, some frames in front not counted."""
    stream = mixing.MixStream(settings, (channels.shape[2], channels.shape[1]))
    for _ in range(8):
        stream.push(channels)
    wall, work = time.perf_counter(), time.process_time()
    for _ in range(60):
        stream.push(channels)
    return (time.perf_counter() - wall) / 60, (time.process_time() - work) / 60


def spin() -> None:
    """Keep a processor busy."""
    while True:
        sum(range(10_000))


def crossing(options: argparse.Namespace) -> tuple[list[str], Rows]:
    """J of objects that pass one another, by both rules of whose pixels are."""
    images, index, targets = given(Things(2, crossing=True, period=160), 30)
    rows = []
    for name in ("flow", "nanomask"):
        found: dict[str, list[float]] = {"the surer object's": [], "joint step": []}

        def judge(
            t: int, _: FrameHWC, said: dict[int, Prediction], found: dict[str, list[float]] = found
        ) -> None:
            hard = ((p.score, k, p.hard_mask()) for k, p in said.items())
            by_score = index_of_masks(hard, (854, 480))
            joint = share_pixels(said)
            for k in said:
                truth: HardHW = index[t] == k
                if t:
                    found["the surer object's"].append(jaccard(by_score == k, truth))
                    mask = joint[k].hard_mask()
                    assert mask is not None
                    found["joint step"].append(jaccard(mask, truth))

        run_many(
            {k: make_tracker(name) for k in targets}, ArrayFrames(images), targets, None, judge
        )
        rows += [[name, rule, f"{np.mean(values):.4f}"] for rule, values in found.items()]
        print(*rows[-2:], flush=True)
    return ["tracker", "pixels that two claim", "mean J"], rows


PARTS = {
    "objects": (objects, "Time and memory by the number of objects"),
    "stages": (stages, "Where the time of one object goes (sftrack)"),
    "batches": (batches, "Crops of several objects in one forward pass"),
    "waits": (waits, "Short loops beside busy processes"),
    "crossing": (crossing, "Two objects that pass one another"),
}

BUSY = 6
"""Processes that compute beside short loops."""

READING = """Answers for an object are those it has alone, so what one costs all cost: mostly the
network of masks in boxes, on crops of its own. Of several crops in one forward pass two or
four may cost a quarter less each on a processor, on a noisy machine, eight cost what they cost one
after the other and sixteen more: maps of one picture stay in its cache, those of a large batch do
not. So objects are not batched but followed side by side, one thread each, which helps where
there are several processors. With one allowed the ratio is about the number of objects. Wall ratios
measured beside other programs say little. Short loops are faster on all threads where processors
are free and much slower where they are not, as a thread that has its part done waits busily for the
others: so they take one thread."""


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trackers", default="sftrack,sftrack-fast,nanomask")
    parser.add_argument("--counts", default="1,2,4,8")
    parser.add_argument("--frames", type=int, default=5)
    parser.add_argument("--parts", default=",".join(PARTS))
    options = parser.parse_args()
    asked = ["git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
    kept = RESULTS / "many_objects.json"
    for part in options.parts.split(","):
        load = os.getloadavg()[0]
        head, rows = PARTS[part][0](options)
        flags = f" --trackers {options.trackers} --counts {options.counts}"
        command = f"python benchmarks/many_objects.py --parts {part} --frames {options.frames}"
        command += flags if part == "objects" else ""
        made = f"`{command}`, commit {commit}, {platform.system()} {platform.machine()}, "
        made += f"{os.cpu_count()} processors of which {processors()} allowed, load {load:.1f}"
        tables = json.loads(kept.read_text()) if kept.exists() else {}
        tables[part] = {"head": head, "rows": rows, "made": made}
        kept.write_text(json.dumps(tables, indent=2) + "\n")
        write(tables)


def write(tables: dict[str, Any]) -> None:
    """The page, from the sections that are there."""
    lines = ["# What several objects cost", "", READING, ""]
    for part, (_, title) in PARTS.items():
        if part in tables:
            table = tables[part]
            lines += [f"## {title}", "", f"Made by {table['made']}.", ""]
            lines += ["| " + " | ".join(table["head"]) + " |", "|---" * len(table["head"]) + "|"]
            lines += ["| " + " | ".join(row) + " |" for row in table["rows"]] + [""]
    (RESULTS / "many_objects.md").write_text("\n".join(lines))


if __name__ == "__main__":
    main()
