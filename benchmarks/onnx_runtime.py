"""Networks as ONNX graphs beside torch: sizes of files, differences, time, and answers of trackers.

    python benchmarks/onnx_runtime.py trackers [--root DAVIS] [--sequences dog,cows] [--frames 30]
        [--trackers nanomask,sftrack-fast,nanotrack,fear] [--threads 1] [--out FILE]
    python benchmarks/onnx_runtime.py graphs [--networks NAME,NAME] [--repeats 5] [--threads 1]

Graphs: every file is written and compared with torch on random inputs of two sizes. Times are the
least of some runs, torch and ONNX Runtime by turns, one thread each. Trackers: both runtimes follow
the same target, frame by frame by turns; the overlap of their masks (of their boxes, where there
are no masks) is told, and the time of a frame as the median over all frames.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from frame_parts import generated
from torch import nn

from spectrack.datasets.davis import Davis2016
from spectrack.runtimes.export import write_graph
from spectrack.runtimes.graph import USUAL, Graph
from spectrack.runtimes.session import open_graph
from spectrack.runtimes.table import WITHOUT_WEIGHTS, graphs_of, load_function
from spectrack.structures import Prediction
from spectrack.tracking.table import make_tracker, tracker_table
from spectrack.weights.networks import load_network
from spectrack.weights.table import WEIGHTS

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # where experiments/ lies

NETWORKS = ("mask_in_box", "nanotrack", "fear", "sftrack", "sfseg", "guided", "rts50", "lwl_stage2")
AT_WORK: dict[str, dict[str, int]] = {
    "mask_in_box": {"n": 1, "h": 8, "w": 8, "t": 2560},
    "nanotrack extract": {"n": 1, "h": 255, "w": 255},
    "nanotrack compare": {"h": 16, "w": 16},
    "fear": {"n": 1, "h": 16, "w": 16},
    "sftrack": {"n": 2, "h": 4, "w": 4},
    "rts50": {"n": 1, "h": 15, "w": 26},
    "lwl_stage2": {"n": 1, "h": 15, "w": 26},
    "sfseg": {"t": 8, "h": 240, "w": 432},
    "guided": {"t": 5, "h": 60, "w": 108},
}
"""Sizes that trackers use, at which times are taken."""


def network_of(name: str) -> nn.Module:
    """A network with its weights, or with generated ones where they are not on this machine."""
    if name in WITHOUT_WEIGHTS:
        made: nn.Module = load_function(WITHOUT_WEIGHTS[name])()
        return made
    if WEIGHTS[name].asset:
        return load_network(name, nn.Module).network
    network = WEIGHTS[name].build()
    assert network is not None
    return generated(network)


def least(*runs: Callable[[], Any], repeats: int) -> list[tuple[float, float]]:
    """Least wall and processor time of each, milliseconds, by turns, the first not counted."""
    times: list[list[tuple[float, float]]] = [[] for _ in runs]
    for number in range(repeats + 1):
        for run, told in zip(runs, times, strict=True):
            wall, work = time.perf_counter(), time.process_time()
            run()
            spent = time.perf_counter() - wall, time.process_time() - work
            if number:
                told.append((1e3 * spent[0], 1e3 * spent[1]))
    return [(min(w for w, _ in told), min(c for _, c in told)) for told in times]


def graph_row(name: str, network: nn.Module, graph: Graph, folder: Path, repeats: int) -> str:
    """One line of the table of graphs."""
    written = write_graph(folder / f"{name}_{graph.name}.onnx", network, graph)
    session = open_graph(written.path)
    sizes = AT_WORK.get(f"{name} {graph.name}") or AT_WORK.get(name) or USUAL
    tensors = graph.example(sizes)
    with torch.inference_mode():
        (_, torch_work), (_, onnx_work) = least(
            lambda: graph.answer(network, *tensors), lambda: session(*tensors), repeats=repeats
        )
    return (
        f"| {name} | {graph.name} | {written.bytes / 1e6:.2f} | {written.difference:.0e} | "
        f"{torch_work:.1f} | {onnx_work:.1f} | {torch_work / onnx_work:.2f} |"
    )


def alike(a: Prediction, b: Prediction) -> float:
    """Overlap of two answers: of masks where there are any, of boxes otherwise."""
    if a.mask is not None and b.mask is not None:
        one, other = a.mask >= 0.5, b.mask >= 0.5
        either = np.count_nonzero(one | other)
        return 1.0 if not either else np.count_nonzero(one & other) / either
    if a.box is None or b.box is None:
        return float(a.box is b.box)
    return a.box.iou(b.box)


def follow(name: str, sequence: Any, count: int) -> dict[str, Any]:
    """Both runtimes on one sequence: overlaps, and wall and processor times by runtime."""
    frames = list(islice(sequence.frames(), count + 1))
    target = sequence.target(0)
    fields = tracker_table()[name].settings.__dataclass_fields__
    own = {"fine_tune": 0} if "fine_tune" in fields else {}  # which graphs cannot
    trackers = {kind: make_tracker(name, runtime=kind, **own) for kind in ("torch", "onnx")}
    for tracker in trackers.values():
        tracker.init(frames[0], target)
    overlaps: list[float] = []
    spent: dict[str, list[tuple[float, float]]] = {kind: [] for kind in trackers}
    for frame in frames[1:]:
        answers = []
        for kind, tracker in trackers.items():
            wall, work = time.perf_counter(), time.process_time()
            answers.append(tracker.update(frame))
            spent[kind].append((time.perf_counter() - wall, time.process_time() - work))
        overlaps.append(alike(*answers))
    return {"overlaps": overlaps, "spent": spent}


def tracker_rows(names: list[str], sequences: list[Any], count: int) -> Iterator[str]:
    """The table of trackers."""
    for name in names:
        found = [follow(name, sequence, count) for sequence in sequences]
        overlaps = [one for each in found for one in each["overlaps"]]
        cells = []
        for which in (0, 1):
            both = [
                1e3 * float(np.median([s[which] for each in found for s in each["spent"][kind]]))
                for kind in ("torch", "onnx")
            ]
            cells += [f"{both[0]:.1f}", f"{both[1]:.1f}", f"{both[0] / both[1]:.2f}"]
        told = f"{np.mean(overlaps):.4f} | {min(overlaps):.4f}"
        yield f"| {name} | {len(overlaps)} | {told} | {' | '.join(cells)} |"


def trackers_page(args: argparse.Namespace) -> Iterator[str]:
    """What trackers do by either runtime, line by line."""
    data = Davis2016(args.root)
    sequences = [data[name] for name in args.sequences.split(",")]
    yield from [
        "# Trackers by ONNX Runtime, beside torch\n",
        f"The first {args.frames} frames after the first of {args.sequences.replace(',', ', ')} "
        "(DAVIS-2016, 854x480), from the box of the first mask. Overlap of both answers with each "
        "other: mean and least; of masks, or of boxes where a tracker has no masks. Milliseconds a "
        "frame, medians over all frames, both by turns.\n",
        "| tracker | frames | IoU, mean | least | wall, torch | onnx | ratio "
        "| processor, torch | onnx | ratio |",
        f"| --- |{' ---: |' * 9}",
    ]
    yield from tracker_rows(args.trackers.split(","), sequences, args.frames)


def graphs_page(args: argparse.Namespace) -> Iterator[str]:
    """What graphs weigh, how near they are to torch, and how long they take, line by line."""
    yield from [
        "# Networks as ONNX graphs, beside torch\n",
        "Megabytes of each file; the largest difference from torch on random inputs of two sizes, "
        "in shares of the greatest value; least processor time in milliseconds at the sizes that "
        "trackers use, both by turns. Weights of rts50 and lwl_stage2 are generated.\n",
        "| network | graph | MB | difference | torch | onnx | ratio |",
        f"| --- | --- |{' ---: |' * 5}",
    ]
    with tempfile.TemporaryDirectory() as folder:
        for name in args.networks.split(","):
            for network, graph in graphs_of(network_of(name)):
                yield graph_row(name, network, graph, Path(folder), args.repeats)


def main() -> None:
    """Write the page."""
    from experiments.common import commit, machine

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("page", choices=("trackers", "graphs"))
    usual = ROOT.parent / "shared" / "data" / "davis2016"
    parser.add_argument("--root", type=Path, default=usual)
    parser.add_argument("--sequences", default="dog,cows")
    parser.add_argument("--frames", type=int, default=30, help="of each sequence")
    parser.add_argument("--trackers", default="nanomask,sftrack-fast,nanotrack,fear")
    parser.add_argument("--networks", default=",".join(NETWORKS))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    if args.page == "trackers" and not args.root.is_dir():
        raise SystemExit(f"{args.root} does not exist; give DAVIS-2016 by --root")
    torch.set_num_threads(args.threads)
    cv2.setNumThreads(args.threads)
    began = commit()
    made = (
        f"\nMade by `python benchmarks/onnx_runtime.py {' '.join(sys.argv[1:])}`, commit {began}, "
        f"{machine()}, seed 0; other programs ran on the same cores."
    )
    out = args.out or ROOT / "benchmarks" / "results" / f"onnx_{args.page}.md"
    lines: list[str] = []
    for line in {"trackers": trackers_page, "graphs": graphs_page}[args.page](args):
        lines.append(line)  # what was measured is there whatever comes after it
        out.write_text("\n".join([*lines, made]) + "\n", "utf-8")
        print(line, file=sys.stderr, flush=True)
    print(f"wrote {out}")


if __name__ == "__main__":
    main()
