"""Tables 2 and 3 of the paper on sequences that training has not seen, beside the paper's numbers.

    spectrack train pixelwise --data DATA --out RUN
    python experiments/pixelwise/pixelwise_tables.py --run RUN [--steps N] [--batch N] [--quick]

The ten DAVIS validation sequences from the mask of the first frame. The network that sees single
frames learns first, from the regions that the run's local network learned from, into
RUN/per-frame; one that was stopped goes on. What was measured is kept there, too.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from spectrack.errors import InputError
from spectrack.storage import write_json
from spectrack.trackers.pixelwise.network import Pixelwise
from spectrack.trackers.pixelwise.settings import NETWORKS, PixelwiseSettings
from spectrack.weights.files import read_weights
from spectrack.weights.networks import load_network

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # where experiments/ lies

from experiments.common import BLUE, GREEN, GREY, RED, Page, arguments, davis
from experiments.pixelwise.learned import add_training, learned
from experiments.pixelwise.lengths import LENGTHS, THRESHOLDS, System, overlaps, per_frame_of
from experiments.pixelwise.per_frame import PER_FRAME, PerFrame

PAPER_2 = {
    "near-true": (0.4690, 0.4405, 0.3962, 0.3342),
    "near-true per frame": (0.3785, 0.3582, 0.3157, 0.2304),
}
PAPER_3 = {
    0.4: {
        "two-stage": (0.3992, 0.3606, 0.3201, 0.2564),
        "one-stage": (0.380, 0.34601, 0.3046, 0.2419),
        "per frame": (0.2275, 0.2058, 0.1678, 0.1437),
    },
    0.7: {
        "two-stage": (0.2485, 0.2302, 0.202, 0.1854),
        "one-stage": (0.2080, 0.1926, 0.1679, 0.1518),
        "per frame": (0.1030, 0.093, 0.0711, 0.058),
    },
}
"""On VOT2016, ten-fold cross validation."""


def per_frame(options: argparse.Namespace, network: Pixelwise) -> PerFrame:
    """The network that sees single frames, with the run's extractor; it learns unless it has."""
    sizes = NETWORKS["small"]
    names = ("extractor", "side", "maps", "memory", "decoder", "skips")
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        made = PerFrame(**{name: sizes[name] for name in names})
    made.extractor.load_state_dict(network.local_segmentation.extractor.state_dict())
    return learned(made, PER_FRAME, options)


def measured(
    options: argparse.Namespace, systems: dict[str, System], lengths: Sequence[int]
) -> dict[str, dict[int, list[Any]]]:
    """Mean IoU of every sequence by system and length, at each threshold; kept as it comes."""
    file = options.run / ("tables-quick.json" if options.quick else "tables.json")
    held: dict[str, Any] = json.loads(file.read_text()) if file.is_file() else {}
    videos = davis(options, "val", ["dog"] if options.quick else None)
    for name, system in systems.items():
        for length in lengths:
            for video in videos.values():
                key = f"{name}/{length}/{video.name}"
                if key not in held:
                    held[key] = overlaps(system, video, length).mean(1).tolist()
                    write_json(file, held)
    return {
        name: {n: [held[f"{name}/{n}/{video}"] for video in videos] for n in lengths}
        for name in systems
    }


def curves(run: Path, history: dict[str, list[dict[str, float]]]) -> Figure:
    """Loss of the steps of every stage, and J of the other half in stage 1."""
    figure, axes = plt.subplots(1, 3, figsize=(9.5, 2.6))
    groups = {
        "local networks": ("1-local-1", "1-local-2", "5-local"),
        "global network": ("2-global-9", "2-global-5", "2-global-1", "4-global"),
    }
    for axis, (title, folders) in zip(axes, groups.items(), strict=False):
        for folder, colour in zip(folders, (BLUE, GREEN, RED, GREY), strict=False):
            log = run / folder / "log.jsonl"
            if log.is_file():
                lines = [json.loads(line) for line in log.open()]
                steps = [line for line in lines if line["kind"] == "step"]
                at, loss = [s["step"] for s in steps], [s["loss"] for s in steps]
                axis.plot(at, loss, color=colour, lw=0.9, label=folder)
        axis.set(xlabel="step", ylabel="loss", title=title, ylim=(0, None))
        axis.legend(fontsize=7)
    for name, colour in (("local 1", BLUE), ("local 2", GREEN)):
        epochs = history.get(name, [])
        axes[2].plot(
            [e["epoch"] for e in epochs], [e["J"] for e in epochs], "o-", ms=3, color=colour
        )
    axes[2].set(xlabel="epoch", ylabel="J", title="the half not learned from", ylim=(0, 1))
    figure.tight_layout()
    return figure


def rows_of(
    found: dict[str, dict[int, list[Any]]],
    paper: dict[str, tuple[float, ...]],
    labels: dict[str, str],
    threshold: int,
) -> list[list[str]]:
    """Ours, and the paper's below."""
    rows = []
    for name, numbers in paper.items():
        ours = [float(np.mean([v[threshold] for v in one])) for one in found[name].values()]
        rows.append([labels[name], *(f"{v:.3f}" for v in ours)])
        rows.append(["the paper's, on VOT2016", *(f"{v:.3f}" for v in numbers[: len(ours)])])
    return rows


def main(argv: Sequence[str] | None = None) -> None:
    options = arguments(__doc__, partial(add_training, steps=1000), argv)
    page = Page(
        "pixelwise/pixelwise", "Pixel-wise tracking: Tables 2 and 3", "pixelwise/pixelwise_tables"
    )
    file = options.run / "pixelwise.safetensors"
    if not file.is_file():
        raise InputError(
            f"{options.run} has no {file.name}; give the folder of a finished training"
        )
    network, about = load_network(str(file), Pixelwise).network, read_weights(file).about
    single = per_frame_of(network, per_frame(options, network)).eval()
    settings = PixelwiseSettings(device="cpu")
    mean = replace(settings, predictor="mean")
    systems = {
        "near-true": System("ConvLSTM", network, settings, near_true=True),
        "near-true per frame": System("per frame", single, settings, near_true=True),
        "two-stage": System("two-stage ConvLSTM", network, settings),
        "one-stage": System("one-stage ConvLSTM (Eq. 5)", network, mean),
        "per frame": System("per frame, fine-tuned (Eq. 5)", single, mean),
    }
    lengths = LENGTHS[:1] if options.quick else LENGTHS
    found = measured(options, systems, lengths)
    labels = {name: system.label for name, system in systems.items()}
    page.text(
        f"{about.get('command', '')}: learned from {about.get('data', '')}, the extractor from "
        f"`{about.get('start', '')}`. Mean IoU over the frames after the first, on the DAVIS "
        "validation sequences at hand, from the true mask of the first frame; shorter sequences "
        "are upsampled to a length, as in the paper. The paper's numbers are of VOT2016 in "
        "ten-fold cross validation, whose targets are smaller: they stand here for the order, not "
        "for the level."
    )
    page.picture(curves(options.run, about.get("history", {})), "The five stages of the training.")
    page.text("## Table 2: regions near the truth, threshold 0.4")
    headers = ["", *(str(n) for n in lengths)]
    page.table(headers, rows_of(found, PAPER_2, labels, 0))
    for row, threshold in enumerate(THRESHOLDS):
        page.text(f"## Table 3: everything together, threshold {threshold}")
        page.table(headers, rows_of(found, PAPER_3[threshold], labels, row))
    means = {
        name: {n: np.mean(v, axis=0).tolist() for n, v in one.items()}
        for name, one in found.items()
    }
    page.text(verdict(means, lengths))
    page.write(options, {"means": means, "training": about}, seed=about.get("seed", 0))


def verdict(means: dict[str, dict[int, list[float]]], lengths: Sequence[int]) -> str:
    """In which of the lengths the paper's order holds."""
    told = []
    for better, worse in (("two-stage", "one-stage"), ("one-stage", "per frame")):
        holds = [n for n in lengths if means[better][n][0] > means[worse][n][0]]
        told.append(f"{better} is above {worse} at {len(holds)} of {len(lengths)} lengths")
    return f"At threshold 0.4 {' and '.join(told)}."


if __name__ == "__main__":
    main()
