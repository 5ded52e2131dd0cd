"""What MDNet's shared layers are worth: a small network before and after it learned many videos.

    python experiments/studies/mdnet.py [--cycles 20] [--work DIR] [--quick]

The small network of ``spectrack train mdnet --small`` learns from nothing over the DAVIS training
sequences at 240p, but for every sixth. Those are followed from the true box of the first frame by
MDNet with the network as it was drawn at random, and as it is then. Learning and every run are kept
in ``--work``, so a study that was stopped goes on.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, replace
from pathlib import Path
from time import process_time
from typing import Any

import cv2
import torch

from spectrack.datasets.base import VideoSequence
from spectrack.trackers.mdnet.network import MDNet
from spectrack.trackers.mdnet.settings import MDNetSettings
from spectrack.trackers.mdnet.tracker import MDNetTracker
from spectrack.trackers.mdnet.train import SMALL, fresh_network, learn_domains, shared_layers
from spectrack.tracking.base import Tracker
from spectrack.tracking.table import make_tracker
from spectrack.training.data.clips import VideoClip
from spectrack.training.held_out import hold_out

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # where experiments/ lies

from experiments.common import ROOT, Page, arguments
from experiments.studies.box_trackers import follow, measures, sequences_of

SEED = 0
FRAMES = 40
"""Of every sequence, the first ones."""
HALF = MDNetSettings(
    candidates=128,
    first_positives=250,
    first_negatives=2500,
    positives=25,
    negatives=100,
    regressed=500,
    device="cpu",
)
"""Half as many boxes as published, to take half the time."""
NAMES = {
    "start": "MDNet, small, as drawn at random",
    "learned": "MDNet, small, after learning",
    "csrt": "CSRT",
}


def learned_network(options: argparse.Namespace, videos: list[VideoSequence]) -> dict[str, Any]:
    """The small network before and after, the losses, and seconds of the process that it took."""
    cycles = 1 if options.quick else options.cycles
    plan = replace(SMALL, train=replace(SMALL.train, epochs=cycles, seed=SEED, device="cpu"))
    network = fresh_network(plan, len(videos), SEED)
    start, begin = shared_layers(network, plan), process_time()
    folder = options.work / f"learning-{len(videos)}-{cycles}"
    result = learn_domains(network, [VideoClip(video) for video in videos], folder, plan)
    note = folder.with_suffix(".json")
    if not note.is_file():
        note.write_text(json.dumps({"seconds": process_time() - begin, "steps": result.steps}))
    return {
        "start": start,
        "learned": shared_layers(network, plan),
        "losses": [epoch["loss"] for epoch in result.history],
        **json.loads(note.read_text()),
    }


def tracker_of(name: str, network: MDNet | None) -> Tracker:
    """One of :data:`NAMES`."""
    return make_tracker(name) if network is None else MDNetTracker(HALF, network)


def runs_of(
    options: argparse.Namespace, name: str, network: MDNet | None, videos: list[VideoSequence]
) -> dict[str, dict[str, Any]]:
    """A run over every sequence, from ``--work`` or made now."""
    most = 6 if options.quick else FRAMES
    cycles = options.cycles if name == "learned" else 0
    runs = {}
    for video in videos:
        file = options.work / f"{name}-{cycles}-{most}" / f"{video.name}.json"
        if not file.is_file():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(follow(tracker_of(name, network), video, most)))
        runs[video.name] = json.loads(file.read_text())
    return runs


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cycles", type=int, default=20, help="over the videos")
    parser.add_argument("--only-start", action="store_true", help="only what needs no learning")
    parser.add_argument("--work", type=Path, default=ROOT / "scratch" / "mdnet")


def main() -> None:
    options = arguments(__doc__, add)
    page = Page("studies/mdnet", "MDNet: what learning over many videos is worth")
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    every = list(sequences_of("davis-train", options.root, None).values())
    videos, held_out = hold_out(every)
    if options.quick:
        videos, held_out = videos[:2], held_out[:1]
    if options.only_start:
        start = shared_layers(fresh_network(SMALL, len(videos), SEED), SMALL)
        for name, network in (("csrt", None), ("start", start)):
            runs_of(options, name, network, held_out)
        return
    made = learned_network(options, videos)
    found = {name: measures(runs_of(options, name, made.get(name), held_out)) for name in NAMES}
    _write(page, options, made, found, len(videos))


def _write(
    page: Page,
    options: argparse.Namespace,
    made: dict[str, Any],
    found: dict[str, dict[str, Any]],
    videos: int,
) -> None:
    losses = made["losses"]
    page.text(
        TEXT.format(
            videos=videos,
            frames=FRAMES,
            cycles=len(losses),
            steps=made["steps"],
            minutes=made["seconds"] / 60,
            first=losses[0],
            last=losses[-1],
        )
    )
    page.table(
        ["held-out sequences", "IoU", "IoU ≥ 0.5", "IoU < 0.1", "score's AUC", "frames/s"],
        [
            [
                NAMES[name],
                *(f"{f[k]:.3f}" for k in ("iou", "right", "lost")),
                f"{f['score']['auc']:.2f}",
                f"{f['speed']:.1f}",
            ]
            for name, f in found.items()
        ],
    )
    page.text("IoU by sequence:")
    page.table(
        ["sequence", *(NAMES[name] for name in found)],
        [
            [sequence, *(f"{f['sequences'][sequence]:.3f}" for f in found.values())]
            for sequence in found["start"]["sequences"]
        ],
    )
    gain = found["learned"]["iou"] - found["start"]["iou"]
    means = {name: found[name]["iou"] for name in ("start", "learned")}
    page.text(READING.format(gain=gain, sequences=len(found["start"]["sequences"]), **means))
    facts = {"losses": losses, "steps": made["steps"], "seconds": made["seconds"], "runs": found}
    page.write(options, facts | {"settings": asdict(HALF)}, seed=SEED)


TEXT = """
Not the published MDNet: that has sixteen times the work for a patch, began with the convolutions of
VGG-M, which had seen ImageNet, and learned from 58 sequences of VOT in 50 cycles. Here a small
network began with random numbers and learned from {videos} DAVIS training sequences at 240p, boxes
of their masks, in {cycles} cycles: {steps} steps, {minutes:.1f} minutes of processor time on one
thread. The loss of a cycle, a mean over its mini-batches, went from {first:.3f} to {last:.3f}; a
network that always answers how often patches are of the target would have 0.562.

The first {frames} frames of held-out sequences, every sixth of the training split, are followed
from the true box of the first one without starting again, with half the published numbers of boxes,
online learning and regression as published. IoU is the mean over the frames of a sequence but the
first, then over sequences. AUC is how often a box with an IoU of at least 0.5 has a higher score
than one below it. Frames a second are of processor time on one thread of a busy machine.
"""

READING = """
Learning over the videos changed the mean IoU by {gain:+.3f}, from {start:.3f} to {learned:.3f}.
That is over {sequences} sequences, with one seed, so hundredths say nothing. What follows
the target is mostly what is learned online: the classifier of the last layers and the
regression of boxes do well on random convolutions already. A score about 0.5 AUC does not
tell a tight box from a loose one; MDNet's says whether it takes the target for found.
"""

if __name__ == "__main__":
    main()
