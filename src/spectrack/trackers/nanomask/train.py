"""The recipe ``mask-in-box``: from a published backbone to a network that knows what objects are.

First frames alone, then moments of clips with a memory; some videos are held out of both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from spectrack.datasets.base import VideoSequence
from spectrack.datasets.synthetic.stills import Stills
from spectrack.networks.mask_in_box import MaskInBox
from spectrack.networks.mobilenet_v2 import MobileNetV2
from spectrack.storage import Progress
from spectrack.structures import HardHW
from spectrack.trackers.nanomask.train_mask_in_box import (
    FIRST_TRAINING,
    MEMORY_TRAINING,
    STEPS_AN_EPOCH,
    learn,
)
from spectrack.trackers.nanomask.train_samples import Moments, SampleSettings
from spectrack.training.loop.settings import TrainSettings
from spectrack.weights.files import write_weights


@dataclass(frozen=True, kw_only=True)
class MaskInBoxPlan:
    """How much of everything.

    Attributes:
        first: Training on first frames alone.
        memory: Training with a memory.
        alone: Share of first frames in the latter.
        side: Of the crops, pixels.
        first_shares: Of stills and videos in the former,
        memory_shares: and in the latter.
        steps: Of an epoch, in both.
        seed: Of everything.
    """

    first: TrainSettings = FIRST_TRAINING
    memory: TrainSettings = MEMORY_TRAINING
    alone: float = 0.35
    side: int = 256
    first_shares: tuple[float, float] = (1.0, 1.0)
    memory_shares: tuple[float, float] = (0.7, 1.3)
    steps: int = STEPS_AN_EPOCH
    seed: int = 0


def mask_in_box(
    stills: Stills,
    videos: Sequence[VideoSequence],
    held_out: Sequence[VideoSequence],
    backbone: MobileNetV2 | None,
    folder: Path,
    plan: MaskInBoxPlan | None = None,
    *,
    about: dict[str, Any] | None = None,
    stage: Callable[[str, str], Progress] | None = None,
) -> Path:
    """Learn everything; see the module's text.

    Args:
        stills: Images with the mask of an object.
        videos: With true masks; all are read into memory,
        held_out: and so are those whose first masks are judged after each epoch.
        backbone: Published, to start from; None starts from nothing.
        folder: Of the run; ``mask_in_box.safetensors`` in it is for the trackers.
        plan: How much of everything.
        about: More to write into the file: data, licence.
        stage: Called with the name of each stage and what it counts; gives what is called with how
            many are done and in all.

    Returns:
        The file of weights, half precision.

    Raises:
        InputError: As :func:`spectrack.training.loop.trainer.train`.
    """
    plan = plan or MaskInBoxPlan()
    tell = stage or (lambda name, unit: lambda done, total: None)
    pictures = [Moments([one.image_hwc], [one.mask_hw]) for one in stills]
    told, clips, every = tell("reading", "videos"), [], [*videos, *held_out]
    for number, video in enumerate(every):
        told(number, len(every))
        clips.append(moments_of(video))
    seen, unseen = clips[: len(videos)], clips[len(videos) :]
    with torch.random.fork_rng([]):
        torch.manual_seed(plan.seed)
        network = MaskInBox()
    if backbone is not None:
        network.backbone.load_state_dict(backbone.state_dict())
    stages = (
        ("first", plan.first, plan.first_shares, 1.0),
        ("memory", plan.memory, plan.memory_shares, plan.alone),
    )
    for name, settings, shares, alone in stages:
        learn(
            network,
            [pictures, seen],
            shares,
            unseen,
            folder / name,
            replace(settings, seed=plan.seed),
            SampleSettings(side=plan.side, alone=alone),
            steps=plan.steps,
            progress=tell(name, "steps"),
        )
    file = folder / "mask_in_box.safetensors"
    save_mask_in_box(file, network, {"plan": asdict(plan), **(about or {})})
    return file


def save_mask_in_box(file: Path, network: MaskInBox, about: dict[str, Any]) -> None:
    """Write the network in half precision."""
    halves = {
        name: tensor.detach().cpu().to(torch.float16).contiguous()
        for name, tensor in network.state_dict().items()
    }
    write_weights(file, halves, about)


def moments_of(video: Any) -> Moments:
    """A sequence in memory, without frames in which the object is out of sight."""
    frames, masks = [], []
    with video.frames() as read:
        for t, frame in enumerate(read):
            mask: HardHW | None = video.truth_mask(t)
            if mask is not None and np.count_nonzero(mask):
                frames.append(frame)
                masks.append(mask)
    return Moments(frames, masks)
