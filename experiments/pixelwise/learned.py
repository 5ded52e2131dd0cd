"""Local networks that learn for an experiment, all from the same samples and for as long."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from spectrack.datasets.davis import Davis2016
from spectrack.datasets.synthetic.stills import Stills
from spectrack.trackers.pixelwise.local_segmentation import LocalSegmentation
from spectrack.trackers.pixelwise.train_footage import footage_of_video
from spectrack.trackers.pixelwise.train_networks import learn_local
from spectrack.trackers.pixelwise.train_plan import LOCAL, small_plan
from spectrack.trackers.pixelwise.train_regions import LocalSamples
from spectrack.training.held_out import hold_out

Network = TypeVar("Network", bound=LocalSegmentation)

QUICK_STEPS = 2


def add_training(parser: argparse.ArgumentParser, steps: int) -> None:
    """Arguments that say how long they learn."""
    parser.add_argument("--run", type=Path, required=True, help="folder of what is learned")
    parser.add_argument("--steps", type=int, default=steps, help="of a training, in hundreds")
    parser.add_argument("--batch", type=int, default=LOCAL.batch_size, help="samples of a step")


def learned(
    network: Network, name: str, options: argparse.Namespace, *, noise: bool = False
) -> Network:
    """A network after its training on DAVIS training sequences and stills, in evaluation mode.

    Args:
        network: Changed in place.
        name: Of its folder in that of the run; a training that was stopped goes on there, and a
            finished one is read.
        options: See :func:`add_training`; ``root`` is DAVIS, with ``stills`` beside it.
        noise: Put a frame of another video into every clip.
    """
    quick: bool = options.quick
    steps = QUICK_STEPS if quick else options.steps
    settings = replace(LOCAL, epochs=max(steps // 100, 1), batch_size=options.batch)
    plan = small_plan()
    regions = replace(plan.regions, noise=noise, side=network.side)
    videos = hold_out(list(Davis2016(options.root, "train", "240p").values()))[0]
    footage = [footage_of_video(video) for video in videos[: 2 if quick else None]]
    stills = Stills(options.root.parent / "stills")
    samples = LocalSamples(footage, min(steps, 100) * options.batch, regions, stills)
    folder = options.run / (f"{name}-quick" if quick else name)
    learn_local(network, samples, folder, settings, loss=plan.local_loss, extra={"network": name})
    return network.eval()
