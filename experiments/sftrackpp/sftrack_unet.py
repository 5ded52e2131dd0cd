"""A U-Net ensemble of the size of NN_feat2seg: all inputs' maps in one crop, one mask out.

    python experiments/sftrackpp/sftrack_unet.py --weights FILE --hypotheses DIR --unet FILE
        [--root DAVIS]

What SFTrack++ is compared with: the same data, the same inputs, the same kind of network, but fused
inside the network. It begins from the weights of NN_feat2seg, whose one hypothesis map is shared
out over the inputs' maps, and learns from what the inputs said on the 27 training sequences that
NN_feat2seg learned from, too. J on the other three is noted after each epoch.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from spectrack.datasets.davis import Davis2016
from spectrack.networks.unet import UNet
from spectrack.structures import Box, FrameHWC
from spectrack.trackers.sftrack.crop import OUTSIDE, SIDE, Crop
from spectrack.trackers.sftrack.feat2seg import FOLD, INPUTS, WIDTHS
from spectrack.trackers.sftrack.input_maps import UNKNOWN, colours_of, learn_colours
from spectrack.trackers.sftrack.train_feat2seg import MOTION_TRAINING, learn_feat2seg
from spectrack.trackers.sftrack.train_feat2seg_data import Samples
from spectrack.trackers.sftrack.weights import load_sftrack
from spectrack.tracking.appearance import ColourModel, colour_index
from spectrack.tracking.explanation import Hypothesis
from spectrack.training.data.hypotheses import Hypotheses, collect_hypotheses

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # where experiments/ lies

from experiments.common import ROOT, arguments

NAMES = ("flow", "csrt", "kcf")
"""Inputs of every ensemble."""
ASKED = ("flow", "csrt", "kcf", "medianflow", "mosse")
"""Trackers whose hypotheses are kept on disk: those that NN_feat2seg learned from."""
HELD_OUT = 3
SETTINGS = replace(MOTION_TRAINING, epochs=2, learning_rate=5e-4)


class EnsembleNet(nn.Module):
    """RGB, a map an input and the colour probability to the logits of one mask, on folded pixels.

    Args:
        inputs: How many inputs.
        widths: As in :class:`spectrack.trackers.sftrack.feat2seg.Feat2Seg`.
    """

    def __init__(self, inputs: int = len(NAMES), widths: Sequence[int] = WIDTHS) -> None:
        super().__init__()
        self.unet = UNet((INPUTS - 1 + inputs) * FOLD**2, widths, FOLD**2)

    def forward(self, maps_nchw: Tensor) -> Tensor:
        """(N, 4 + inputs, H, W) in [0, 1] to (N, 1, H, W)."""
        folded = F.pixel_unshuffle(2 * maps_nchw - 1, FOLD)
        return F.pixel_shuffle(self.unet(folded), FOLD)


def shared_out(tensors: dict[str, Tensor], inputs: int) -> dict[str, Tensor]:
    """Weights of NN_feat2seg for the ensemble: it answers as if shown the mean of its maps."""
    first = "unet.down.0.convolutions.0.weight"
    rgb, hypothesis, colour = tensors[first].split([3 * FOLD**2, FOLD**2, FOLD**2], dim=1)
    shared = [hypothesis / inputs] * inputs
    return {**tensors, first: torch.cat([rgb, *shared, colour], dim=1)}


def median_box(boxes: Sequence[Box]) -> Box:
    """Edge by edge the median of boxes."""
    x1, y1, x2, y2 = np.median([box.xyxy for box in boxes], axis=0).tolist()
    return Box.from_xyxy(x1, y1, x2, y2)


def ensemble_maps(
    frame_hwc: FrameHWC,
    crop: Crop,
    said: Sequence[Hypothesis | None],
    colours: ColourModel | None,
) -> NDArray[np.uint8]:
    """What the ensemble sees, uint8 (4 + inputs, SIDE, SIDE); an input that says nothing is 0."""
    view = crop.cut(frame_hwc, OUTSIDE)
    out = np.zeros((INPUTS - 1 + len(said), SIDE, SIDE), dtype=np.uint8)
    out[:3] = view.transpose(2, 0, 1)
    for plane, one in zip(out[3:], said, strict=False):
        if one is not None:
            soft = one.soft_hw
            plane[...] = np.rint(255 * crop.box_map(one.box)) if soft is None else crop.cut(soft)
    known = UNKNOWN if colours is None else colours.probability_hw(colour_index(view))
    out[-1] = np.rint(255 * np.asarray(known))
    return out


def samples_of(said: Sequence[Hypotheses], seed: int) -> Samples:
    """One sample a frame in which an input said something; colours as NN_feat2seg learned them."""
    maps, truths = [], []
    for number, one in enumerate(said):
        columns = [one.trackers.index(name) for name in NAMES]
        with one.video.frames() as frames:
            images = list(frames)
        masks = [one.video.truth_mask(t) for t in range(len(images))]
        for t in range(len(images)):
            rng = np.random.default_rng((seed, number, t))
            boxes = [one.box(t, k) for k in columns]
            there = [box for box in boxes if box is not None]
            start, truth = int(one.starts_t[t]), masks[t]
            if t == start or not there or truth is None:
                continue
            colours, first = None, masks[start]
            if first is not None and first.any() and rng.random() < 0.85:
                colours = colours_of(images[start], first)
                for recent in range(max(start + 1, t - 4), t):
                    learn_colours(colours, images[recent], masks[recent], 0.3)
            hypotheses = [
                None if box is None else Hypothesis(box, one.mask(t, k))
                for box, k in zip(boxes, columns, strict=True)
            ]
            crop = Crop.around(median_box(there))
            maps.append(ensemble_maps(images[t], crop, hypotheses, colours))
            truths.append(crop.cut(truth.astype(np.uint8) * np.uint8(255)))
    return Samples(np.stack(maps), np.stack(truths))


def train_unet(
    root: Path, weights: Path | None, hypotheses: Path, out: Path, seed: int = 0
) -> list[dict[str, float]]:
    """Train the ensemble that belongs to weights of SFTrack++ and keep it in a file.

    Args:
        root: Of DAVIS-2016.
        weights: Of SFTrack++; the shipped ones for None.
        hypotheses: Folder of what trackers said on the training sequences; filled where empty.
        out: File of the ensemble.
        seed: Of the samples' order and colours.

    Returns:
        Loss and held-out J of each epoch.
    """
    said = collect_hypotheses(Davis2016(root, "train", "240p"), ASKED, hypotheses)
    start = load_sftrack(weights).feat2seg.state_dict()
    model = EnsembleNet()
    model.load_state_dict(shared_out(start, len(NAMES)))
    held_out = replace(samples_of(said[-HELD_OUT:], seed), augment=False)
    result = learn_feat2seg(
        model,
        [samples_of(said[:-HELD_OUT], seed)],
        out.with_suffix(".run"),
        replace(SETTINGS, seed=seed),
        held_out=held_out,
        progress=lambda done, total: print("unet", done, total, flush=True),
    )
    part = out.with_suffix(".part")
    save_file(model.state_dict(), part)
    part.replace(out)
    return result.history


def load_unet(path: Path) -> EnsembleNet:
    """Read what :func:`train_unet` wrote."""
    model = EnsembleNet()
    model.load_state_dict(load_file(path))
    return model.eval()


def add_files(parser: argparse.ArgumentParser) -> None:
    """Arguments of this experiment."""
    kept = ROOT / "scratch" / "sftrack"
    parser.add_argument("--weights", type=Path, help="of SFTrack++; the shipped ones if left out")
    parser.add_argument("--hypotheses", type=Path, default=kept / "hypotheses")
    parser.add_argument("--unet", type=Path, default=kept / "unet.safetensors", help="to write")


def main(argv: Sequence[str] | None = None) -> None:
    options = arguments(__doc__, add_files, argv)
    options.unet.parent.mkdir(parents=True, exist_ok=True)
    for epoch in train_unet(options.root, options.weights, options.hypotheses, options.unet):
        print({name: round(float(value), 4) for name, value in epoch.items()})


if __name__ == "__main__":
    main()
