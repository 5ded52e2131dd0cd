"""Section 5.1.9 of the SFSeg++ paper: what a frame costs.

    python experiments/sfsegpp/time_per_frame.py [--quick]

Times SFSeg (5 iterations), the guided filter `colour`, optical flow, and DenseCRF on the pond clip
at 480 x 854, one process, two threads, everything loaded and compiled before. They take turns, and
the shortest round counts, so that a busy moment of the machine does not favour anyone.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from matplotlib.figure import Figure

from spectrack.datasets.synthetic.scene import make_clip
from spectrack.errors import InputError
from spectrack.flow.estimators import DISFlow
from spectrack.flow.local import flow_pair, quick_flow
from spectrack.spectral.guided.stream import guided
from spectrack.spectral.sfseg.filter import sfseg
from spectrack.spectral.sfseg.settings import PRESETS

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # where experiments/ lies

from experiments.common import BLUE, GREY, Page, arguments, plt
from experiments.sfsegpp.damage import damaged
from experiments.sfsegpp.densecrf import densecrf

PAPER_MS = {"SFSeg, 5 iterations": 50.0, "DenseCRF": 800.0}
"""10 ms an iteration, and DenseCRF, on a GTX Titan X."""
SFSEG = "SFSeg, 5 iterations"


def works(frames: int, size_wh: tuple[int, int]) -> dict[str, tuple[Callable[[], object], int]]:
    """What is timed, and how many frames a call handles."""
    clip = make_clip(frames, size_wh, seed=2)
    pictures = list(clip.frames_thwc)
    soft = damaged(clip).astype(np.float32)
    flow, smooth_flow = quick_flow(), DISFlow()
    both = [flow_pair(flow, pictures[t], pictures[t + 1]) for t in range(frames - 1)]
    pairs = [(pair.forward_hw2, pair.backward_hw2) for pair in both]
    motion = np.stack([np.hypot(*np.moveaxis(p, -1, 0)) for p, _ in [*pairs, pairs[-1]]])
    motion = np.minimum(motion / np.percentile(motion, 99), 1).astype(np.float32)
    known: dict[str, tuple[Callable[[], object], int]] = {
        SFSEG: (lambda: sfseg(soft, motion, PRESETS["paper"], "numba"), frames),
        "SFSeg, 5 iterations, torch": (
            lambda: sfseg(soft, motion, PRESETS["paper"], "torch"),
            frames,
        ),
        "guided default, 12 steps": (lambda: guided(pictures, soft, pairs), frames),
        "flow for default, both ways": (lambda: flow_pair(flow, pictures[0], pictures[1]), 1),
        "flow for SFSeg, both ways": (
            lambda: flow_pair(smooth_flow, pictures[0], pictures[1]),
            1,
        ),
    }
    try:
        densecrf(pictures[0][:8, :8], soft[0, :8, :8])
        known["DenseCRF"] = (lambda: densecrf(pictures[0], soft[0]), 1)
    except InputError as error:
        print(error)
    return known


def plot(milliseconds: dict[str, float]) -> Figure:
    figure, axes = plt.subplots(figsize=(6.4, 2.4))
    names = list(milliseconds)[::-1]
    values = [milliseconds[n] for n in names]
    axes.barh(names, values, color=[GREY if n == "DenseCRF" else BLUE for n in names])
    axes.bar_label(axes.containers[0], [f" {v:.3g}" for v in values])
    axes.set(xscale="log", xlabel="milliseconds a frame", xlim=(1, 2 * max(values)))
    return figure


def main(argv: Sequence[str] | None = None) -> None:
    options = arguments(__doc__, argv=argv)
    torch.set_num_threads(2)
    page = Page("sfsegpp/time_per_frame", "Section 5.1.9: time a frame")
    frames, rounds = (8, 2) if options.quick else (24, 5)
    timed = works(frames, (854, 480))
    best: dict[str, float] = {}
    for number in range(rounds + 1):  # the first is not counted: it compiles
        for name, (work, handled) in timed.items():
            begin = perf_counter()
            work()
            spent = 1e3 * (perf_counter() - begin) / handled
            if number:
                best[name] = min(best.get(name, np.inf), spent)
    last = best.get("DenseCRF")
    rows = []
    for name, spent in best.items():
        ratio = "-" if last is None else f"{last / spent:.1f}"
        quoted = PAPER_MS.get(name)
        paper = "-" if quoted is None else f"{quoted:.0f}"
        rows.append([name, f"{spent:.1f}", f"{spent / best[SFSEG]:.2f}", ratio, paper])
    page.text(
        f"480 x 854 pixels, {frames} frames of the pond clip in memory, one mask, two threads; the "
        f"shortest of {rounds} rounds in which all take turns. Recipe `paper` for SFSeg (kernel "
        "3x7x7, preparation included); flow on whole frames, where `spectrack refine` finds it "
        "around the mask only. DenseCRF runs the settings of its authors' example."
    )
    page.text(
        "The paper, on a GTX Titan X: 10 ms an iteration of SFSeg, 800 ms for DenseCRF: a ratio of "
        "80 to one iteration, 16 to five. "
        + (
            "DenseCRF was not installed here."
            if last is None
            else f"Here, on the processor: {last / best[SFSEG]:.0f} to five iterations."
        )
    )
    page.table(
        ["step", "ms a frame", "times SFSeg", "DenseCRF takes so many times", "paper, ms"], rows
    )
    page.picture(plot(best), "Milliseconds a frame, log.")
    page.write(options, {"milliseconds": best, "frames": frames}, seed=2)


if __name__ == "__main__":
    main()
