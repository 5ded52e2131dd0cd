"""Figures 3 and 4 of the paper: what a frame of another video in every clip does to the memory.

    python experiments/pixelwise/pixelwise_noise.py --run RUN [--steps N] [--batch N] [--quick]

Three local networks learn from the same DAVIS training sequences and stills for as long: with noise
frames, without, and one that sees single frames and is fine-tuned on the first. Each then segments
the same clips of DAVIS validation, 31 frames near the truth, and clips in which one frame shows
another video. They are kept in RUN, so that one that
was stopped goes on; the last one is that of ``pixelwise_tables.py`` where it is there.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from spectrack.datasets.davis import Davis2016
from spectrack.trackers.pixelwise.local_segmentation import LocalSegmentation
from spectrack.trackers.pixelwise.settings import NETWORKS
from spectrack.trackers.pixelwise.train_footage import footage_of_video
from spectrack.trackers.pixelwise.train_regions import LocalSamples, RegionSettings
from spectrack.weights.files import read_weights
from spectrack.weights.load import find_weights

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # where experiments/ lies

from experiments.common import BLUE, GREEN, GREY, Page, arguments
from experiments.pixelwise.learned import add_training, learned
from experiments.pixelwise.per_frame import PER_FRAME, PerFrame

LABELS = {"noise": "with noise frames", "plain": "without", "single": "single frames, fine-tuned"}
FOLDERS = {"noise": "noise", "plain": "no-noise", "single": PER_FRAME}
"""In that of the run; the last one is that of ``pixelwise_tables.py``."""
COLOURS = {"noise": BLUE, "plain": GREEN, "single": GREY}
BINS = 200
"""Of probabilities, for the ROC."""


def add(parser: argparse.ArgumentParser) -> None:
    """Arguments of this experiment."""
    add_training(parser, steps=800)
    parser.add_argument("--clips", type=int, default=60, help="that are segmented")
    parser.add_argument("--start", default="mask_in_box", help="weights of the extractor")


def networks(options: argparse.Namespace, sizes: dict[str, Any]) -> dict[str, LocalSegmentation]:
    """The three networks, learned."""
    names = ("extractor", "side", "maps", "memory", "decoder", "skips", "width")
    given = {name: sizes[name] for name in names if name in sizes}
    made: dict[str, LocalSegmentation] = {}
    for label, name in FOLDERS.items():
        with torch.random.fork_rng([]):
            torch.manual_seed(0)
            network = (PerFrame if label == "single" else LocalSegmentation)(**given)
        if "width" not in sizes:
            network.extractor.take(read_weights(find_weights(options.start)).tensors)
        made[label] = learned(network, name, options, noise=label == "noise")
    return made


@torch.inference_mode()
def segmented(network: LocalSegmentation, samples: LocalSamples) -> tuple[Any, Any, Any, float]:
    """Histograms of probabilities on the target and off it, IoU of every frame, and false alarms.

    Returns:
        int64 (BINS,) twice; float64 (samples, frames), not a number where there is no target; and
        the share of pixels taken for it in such frames, not a number without any.
    """
    on, off, overlaps = np.zeros(BINS, np.int64), np.zeros(BINS, np.int64), []
    alarms: list[float] = []
    for number in range(len(samples)):
        sample = samples[number]
        soft = _run(network, sample)
        truth = sample["masks"][1:].numpy() > 0
        level = np.minimum((soft * BINS).astype(int), BINS - 1)
        on += np.bincount(level[truth], minlength=BINS)
        off += np.bincount(level[~truth], minlength=BINS)
        both, either = (
            f((soft >= 0.5), truth).sum((1, 2)) for f in (np.logical_and, np.logical_or)
        )
        seen = truth.any((1, 2))
        overlaps.append(np.where(seen, both / np.maximum(either, 1), np.nan))
        alarms += (soft[~seen] >= 0.5).mean((1, 2)).tolist()
    return on, off, np.array(overlaps), float(np.mean(alarms)) if alarms else float("nan")


def _run(network: LocalSegmentation, sample: dict[str, Tensor]) -> NDArray[np.float32]:
    images = sample["images"][:, None]
    memory = network.start(images[0], sample["masks"][None, :1].float())
    return network.unroll(images[1:], memory)[0][:, 0].sigmoid().numpy()


def roc(on: NDArray[np.int64], off: NDArray[np.int64]) -> tuple[NDArray[Any], NDArray[Any], float]:
    """False and true positive rates from the highest threshold down, and the area below."""
    hits = np.concatenate([[0.0], np.cumsum(on[::-1]) / max(on.sum(), 1)])
    alarms = np.concatenate([[0.0], np.cumsum(off[::-1]) / max(off.sum(), 1)])
    area = float(((hits[1:] + hits[:-1]) / 2 * np.diff(alarms)).sum())
    return alarms, hits, area


def curves(found: dict[str, tuple[Any, Any, Any, float]]) -> Figure:
    """Figure 4: ROC, and IoU frame by frame."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3))
    for name, (on, off, overlaps, _) in found.items():
        alarms, hits, area = roc(on, off)
        left.plot(alarms, hits, color=COLOURS[name], label=f"{LABELS[name]}, {area:.3f}")
        frames = np.arange(1, overlaps.shape[1] + 1)
        right.plot(frames, np.nanmean(overlaps, 0), color=COLOURS[name])
    left.set(xlabel="false positives", ylabel="true positives", xlim=(0, 0.4), ylim=(0.5, 1))
    left.legend(title="area below", fontsize=7)
    right.set(xlabel="frame", ylabel="mean IoU (Eq. 3)", ylim=(0, 1))
    figure.tight_layout()
    return figure


@torch.inference_mode()
def memories(made: dict[str, LocalSegmentation], sample: dict[str, Tensor]) -> Figure:
    """Figure 3: masks and memory cells over a clip that has a frame of another video in it."""
    names = [name for name in ("plain", "noise") if name in made]
    shown = np.linspace(1, len(sample["images"]) - 1, 8).round().astype(int)
    gone = int(np.flatnonzero(~(sample["masks"].numpy() > 0).any((1, 2)))[0])
    shown[np.abs(shown - gone).argmin()] = gone
    figure, axes = plt.subplots(3 * len(names), len(shown), figsize=(8, 3.1 * len(names)))
    for block, name in enumerate(names):
        network, images = made[name], sample["images"][:, None]
        memory = network.start(images[0], sample["masks"][None, :1].float())
        for t in range(1, len(images)):
            logits, memory = network(images[t], memory)
            if t not in shown:
                continue
            column = int(np.flatnonzero(shown == t)[0])
            picture = images[t, 0].permute(1, 2, 0).numpy().copy()
            hard = logits[0].numpy() > 0
            picture[hard] = picture[hard] // 2 + np.array([105, 36, 47], np.uint8)
            axes[3 * block, column].imshow(picture)
            axes[3 * block, column].set_title("other video" if t == gone else f"frame {t}", size=7)
            for row, state in enumerate(memory, 1):
                axes[3 * block + row, column].imshow(_tiles(state.cell[0].numpy()), cmap="gray")
        rows = (LABELS[name], "memory 1", "memory 2")
        for row, label in enumerate(rows):
            axes[3 * block + row, 0].set_ylabel(label, size=7)
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
    figure.tight_layout(pad=0.3)
    return figure


def _tiles(cells_chw: NDArray[np.float32]) -> NDArray[np.float32]:
    """The sixteen cells that differ most from place to place, four by four, each in its range."""
    most = np.argsort(-cells_chw.std((1, 2)))[:16]
    low, high = (f(cells_chw[most], axis=(1, 2), keepdims=True) for f in (np.min, np.max))
    shown = np.pad((cells_chw[most] - low) / np.maximum(high - low, 1e-6), ((0, 0), (1, 1), (1, 1)))
    count = int(len(most) ** 0.5)
    rows = [np.hstack(list(shown[r * count : (r + 1) * count])) for r in range(count)]
    return np.vstack(rows)


def main(argv: Sequence[str] | None = None) -> None:
    options = arguments(__doc__, add, argv)
    page = Page("pixelwise/pixelwise_noise", "Pixel-wise tracking: noise frames")
    sizes = NETWORKS["small"]
    made = networks(options, sizes)
    names = ["dog", "cows"] if options.quick else None  # two, for a frame of another video
    videos = Davis2016(options.root, "val", "480p", names).values()
    footage = [footage_of_video(video) for video in videos]
    frames = 4 if options.quick else 31
    regions = RegionSettings(side=sizes["side"], frames=frames)
    clips = 2 if options.quick else options.clips
    samples = LocalSamples(footage, clips, regions.fixed(), seed=0)
    disturbed = LocalSamples(footage, clips, replace(regions.fixed(), noise=True), seed=0)
    found = {name: segmented(network, samples) for name, network in made.items()}
    strange = {name: segmented(network, disturbed) for name, network in made.items()}
    page.text(
        f"Local networks of the small form, {options.steps} steps of {options.batch} "
        f"samples each; {clips} clips of "
        f"{frames} frames of the DAVIS validation sequences, in regions that lie where the mask "
        "was five frames before. The paper does this with 1200 clips of VOT2016."
    )
    page.picture(curves(found), "ROC over pixels, and IoU frame by frame (the paper's Figure 4).")
    rows = [
        [
            LABELS[name],
            f"{roc(on, off)[2]:.3f}",
            f"{np.nanmean(o):.3f}",
            f"{np.nanmean(o[:, -1]):.3f}",
            f"{np.nanmean(strange[name][2]):.3f}",
            f"{100 * strange[name][3]:.2f} %",
        ]
        for name, (on, off, o, _) in found.items()
    ]
    headers = ["area below the ROC", "mean IoU", "IoU of the last frame"]
    headers += ["mean IoU, one frame of another video", "of that frame taken for the target"]
    page.table(["", *headers], rows)
    noisy = LocalSamples(footage, 1, replace(regions.fixed(), noise=True), seed=1)[0]
    page.picture(
        memories(made, noisy),
        "Masks and memory cells (the paper's Figure 3): of each layer the sixteen that differ "
        "most from place to place, each in its own range.",
    )
    facts = {
        name: {
            "auc": roc(on, off)[2],
            "iou": np.nanmean(o, 0).tolist(),
            "disturbed_iou": np.nanmean(strange[name][2], 0).tolist(),
            "false_alarms": strange[name][3],
        }
        for name, (on, off, o, _) in found.items()
    }
    page.write(options, facts, seed=0)


if __name__ == "__main__":
    main()
