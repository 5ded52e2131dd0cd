"""Where the time of SFTrack++ goes: milliseconds a frame of every stage, and frames per second.

    python benchmarks/sftrack_speed.py [--root DAVIS] [--sequences car-roundabout,cows]
        [--trackers sftrack,sftrack-fast,flow,csrt] [--runtimes torch,onnx]
        [--out benchmarks/results]

Frames are decoded before the clock starts. All trackers run one after the other in this process, so
that ratios hold on a busy machine, too; load is written beside them. Stages that run beside each
other in threads (the inputs) are timed as the tracker waits for them, each by itself as well.
Frames per second count the first frame, in which the first mask is found; ``all`` does not.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where experiments/ lies

from experiments.common import commit, machine
from spectrack.datasets.davis import Davis2016
from spectrack.trackers.sftrack.tracker import SFTracker
from spectrack.tracking.fine_tuning import forget_targets
from spectrack.tracking.loop import run
from spectrack.tracking.table import make_tracker
from spectrack.video.frames import ArrayFrames

STAGES = {
    "_pool.update": "inputs and a first look at the box of each, together",
    "_segment._segment.segment": "second looks where boxes differ, masks in the frame",
    "_mixer.push": "mixing",
    "_filter.push": "spectral filter",
    "_pool.flow_pair": "flow brought to the frame",
    "_own_flow": "flow of its own",
    "_judge": "does it look like the target",
    "_carry": "frames between two looks, whole",
    "_feed_back": "feedback",
}


def timed(verb: Callable[..., Any], name: str, spent: dict[str, float]) -> Callable[..., Any]:
    """The same call, its time added up."""

    def call(*args: Any, **kwargs: Any) -> Any:
        begin = time.perf_counter()
        try:
            return verb(*args, **kwargs)
        finally:
            spent[name] += time.perf_counter() - begin

    return call


def watch(tracker: SFTracker, spent: dict[str, float]) -> None:
    """Time the stages of a tracker that has been started."""
    for path, name in STAGES.items():
        owner: Any = tracker
        *homes, verb = path.split(".")
        for home in homes:
            owner = getattr(owner, home)
        if owner is not None:  # there is a filter only where one is asked for
            setattr(owner, verb, timed(getattr(owner, verb), name, spent))
    for one in tracker._pool.inputs:
        one.update = timed(one.update, f"input {one.name}, by itself", spent)  # type: ignore


def stages(name: str, runtime: str, frames: list[Any], target: Any) -> dict[str, float]:
    """Milliseconds a frame of every stage, the second time over."""
    tracker = make_tracker(name, runtime=runtime)
    inner = getattr(tracker, "_tracker", tracker)
    assert isinstance(inner, SFTracker)
    tracker.init(frames[0], target)
    for frame in frames[1:6]:  # compiles
        tracker.update(frame)
    spent: dict[str, float] = defaultdict(float)
    watch(inner, spent)
    begin = time.perf_counter()
    for frame in frames[6:]:
        tracker.update(frame)
    count = len(frames) - 6
    found = {stage: 1e3 * seconds / count for stage, seconds in spent.items()}
    return {**found, "all": 1e3 * (time.perf_counter() - begin) / count}


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    shared = Path(__file__).resolve().parents[2] / "shared" / "data" / "davis2016"
    parser.add_argument("--root", type=Path, default=shared)
    parser.add_argument("--sequences", default="car-roundabout,cows,scooter-black")
    parser.add_argument("--trackers", default="sftrack,sftrack-fast,flow,flow-fast,csrt,kcf")
    parser.add_argument("--runtimes", default="torch", help="of sftrack, with commas")
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args()
    data = Davis2016(options.root, "val", "480p", options.sequences.split(","))
    result: dict[str, Any] = {
        "command": " ".join(["python benchmarks/sftrack_speed.py", *sys.argv[1:]]),
        "machine": machine(),
        "sequences": options.sequences.split(","),
        "frames": options.frames,
        "commit": commit(),
        "load_before": os.getloadavg()[0],
        "frames_per_second": {},
        "with_offline_filter": {},
        "stages_ms": {},
    }
    clips = {}
    for name, video in data.items():
        with video.frames() as frames:
            clips[name] = ([f for f, _ in zip(frames, range(options.frames), strict=False)], video)
    names = options.trackers.split(",")
    pairs = [
        (name, runtime)
        for name in names
        for runtime in (options.runtimes.split(",") if name.startswith("sftrack") else ["torch"])
    ]
    for name, runtime in pairs:
        label = name if runtime == "torch" else f"{name}, {runtime}"
        own = {"runtime": runtime} if name.startswith("sftrack") else {}
        for clean, key in ((False, "frames_per_second"), (True, "with_offline_filter")):
            if clean and not name.startswith(("sftrack", "flow")):
                continue
            rates = []
            for frames, video in clips.values():
                make_tracker(name, **own).init(frames[0], video.target())  # compiles, fills caches
                forget_targets()  # who follows one for the first time waits for that
                begin = time.perf_counter()
                run(make_tracker(name, **own), ArrayFrames(frames), video.target(), clean=clean)
                rates.append(len(frames) / (time.perf_counter() - begin))
            result[key][label] = round(sum(rates) / len(rates), 1)
        rates = [result[key].get(label) for key in ("frames_per_second", "with_offline_filter")]
        print(label, *rates)
        if name.startswith("sftrack"):
            found = [
                stages(name, runtime, frames, video.target()) for frames, video in clips.values()
            ]
            mean = {key: sum(f.get(key, 0.0) for f in found) / len(found) for key in found[0]}
            result["stages_ms"][label] = {key: round(value, 1) for key, value in mean.items()}
            for key, value in sorted(mean.items(), key=lambda item: -item[1]):
                print(f"    {key:38s} {value:7.1f} ms")
    result["load_after"] = os.getloadavg()[0]
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "sftrack_speed.json"
    path.write_text(json.dumps(result, indent=2) + "\n")
    path.with_suffix(".md").write_text(page(result))
    print(f"written: {path} and {path.with_suffix('.md').name}")


def page(result: dict[str, Any]) -> str:
    """The frames per second as a page."""
    lines = [
        "# Speed of the default tracker\n",
        f"{', '.join(result['sequences'])} of DAVIS-2016 at 480p, the first {result['frames']} "
        "frames, from the box; frames decoded before. One run after the other in one process; the "
        "machine's load before and after is told below.\n",
        "| tracker | frames/s | behind the filter | ms a frame after the first |",
        "| --- | ---: | ---: | ---: |",
    ]
    for label, rate in result["frames_per_second"].items():
        behind = result["with_offline_filter"].get(label, "-")
        later = result["stages_ms"].get(label, {}).get("all", "-")
        lines.append(f"| {label} | {rate} | {behind} | {later} |")
    lines.append(
        f"\nMade by `{result['command']}`, commit {result['commit']}, "
        f"{result['machine']}, load before {result['load_before']:.1f}, after "
        f"{result['load_after']:.1f}.\n"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
