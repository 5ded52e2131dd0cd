"""Figures 5 and 7 of the paper: what the global network is shown, and masks of eight videos.

    python experiments/pixelwise/pixelwise_pictures.py --run RUN [--sequence NAME] [--quick]

RUN is the folder of a finished `train pixelwise`; the videos are DAVIS validation sequences, which
it has not seen, from the true mask of the first frame.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from numpy.typing import NDArray

from spectrack.datasets.base import VideoSequence
from spectrack.structures import FrameHWC, HardHW
from spectrack.trackers.pixelwise.network import Pixelwise
from spectrack.trackers.pixelwise.region import transformed_anchor
from spectrack.trackers.pixelwise.settings import PixelwiseSettings
from spectrack.trackers.pixelwise.tracker import PixelwiseTracker, squeezed
from spectrack.weights.networks import load_network

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # where experiments/ lies

from experiments.common import Page, arguments, davis

EVERY = 4
"""Figure 5 shows every so many-th frame."""

RED = np.array([209, 73, 91])


def add(parser: argparse.ArgumentParser) -> None:
    """Arguments of this experiment."""
    parser.add_argument("--run", type=Path, required=True, help="folder of train pixelwise")
    parser.add_argument("--sequence", default="dog", help="of Figure 5")


@dataclass(frozen=True, eq=False)
class Moment:
    """A frame that was followed.

    Attributes:
        frame_hwc: The picture.
        given_mm: The map that the global network was shown before it.
        truth_mm: The true map of this frame.
        anchor_mm: The anchor where it was placed.
        mask_hw: The answer.
    """

    frame_hwc: FrameHWC
    given_mm: NDArray[np.float32]
    truth_mm: NDArray[np.float32]
    anchor_mm: NDArray[np.float32]
    mask_hw: HardHW


def moments(tracker: PixelwiseTracker, video: VideoSequence, times: Sequence[int]) -> list[Moment]:
    """Follow a video to the last of some frames, and keep those."""
    kept = []
    with video.frames() as frames:
        tracker.init(frames[0], video.target(give_mask=True))
        for t in range(1, max(times) + 1):
            given, frame = tracker.map_mm, frames[t]
            mask = tracker.update(frame).hard_mask()
            truth = video.truth_mask(t)
            if t not in times or mask is None or truth is None:
                continue
            side, (width, height) = given.shape[0], tracker.size_wh
            theta = torch.tensor([tracker.region.theta((width, height), tracker.settings.context)])
            anchor = transformed_anchor(theta, torch.tensor([width / height]), side)[0].numpy()
            shown = squeezed(truth.astype(np.float32), side)
            kept.append(Moment(frame, given, shown, anchor, mask))
    return kept


def observations(seen: Sequence[Moment]) -> Figure:
    """Figure 5: what is shown, what is true, and where the anchor lies."""
    figure, axes = plt.subplots(3, len(seen), figsize=(1.2 * len(seen), 3.7), squeeze=False)
    for column, one in enumerate(seen):
        for row, shown in enumerate((one.given_mm, one.truth_mm, one.anchor_mm)):
            axes[row, column].imshow(shown, cmap="gray", vmin=0, vmax=1)
            axes[row, column].set(xticks=[], yticks=[])
    for row, label in enumerate(("shown", "true", "anchor")):
        axes[row, 0].set_ylabel(label)
    figure.tight_layout(pad=0.3)
    return figure


def overlays(rows: dict[str, list[Moment]]) -> Figure:
    """Figure 7: masks over the pictures, a video a row."""
    columns = max(len(row) for row in rows.values())
    figure, axes = plt.subplots(
        len(rows), columns, figsize=(2 * columns, 1.2 * len(rows)), squeeze=False
    )
    for axis in axes.flat:
        axis.axis("off")
    for line, (name, row) in zip(axes, rows.items(), strict=True):
        for axis, one in zip(line, row, strict=False):
            picture = one.frame_hwc.copy()
            picture[one.mask_hw] = (0.5 * picture[one.mask_hw] + 0.5 * RED).astype(np.uint8)
            axis.imshow(picture[::2, ::2])
        line[0].set_title(name, size=7, loc="left", pad=2)
    figure.tight_layout(pad=0.3)
    return figure


def main(argv: Sequence[str] | None = None) -> None:
    options = arguments(__doc__, add, argv)
    page = Page("pixelwise/pixelwise_pictures", "Pixel-wise tracking: pictures")
    network = load_network(str(options.run / "pixelwise.safetensors"), Pixelwise).network
    tracker = PixelwiseTracker(PixelwiseSettings(device="cpu"), network)
    names = [options.sequence] if options.quick else None
    videos = davis(options, "val", names)
    one = videos[options.sequence]
    last = 9 if options.quick else min(33, len(one))
    page.picture(
        observations(moments(tracker, one, range(1, last, EVERY))),
        f"{options.sequence}, every fourth frame: the map the global network is shown, the true "
        "map of the next frame, and where the anchor is placed (the paper's Figure 5).",
    )
    rows = {}
    for name, video in list(videos.items())[:8]:
        end = 5 if options.quick else len(video) - 1
        rows[name] = moments(tracker, video, sorted({int(t) for t in np.linspace(1, end, 4)}))
    page.picture(overlays(rows), "Masks, from the second frame to the last (its Figure 7).")
    page.write(options, {"sequences": list(rows)}, seed=None)


if __name__ == "__main__":
    main()
