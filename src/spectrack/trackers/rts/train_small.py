"""A small RTS learned from nothing on a CPU: stills set in motion, and annotated videos.

No backbone comes from elsewhere, so all of it is learned and its normalisations, too. First small
pictures, where most is learned in little time, then pictures of the size that the tracker uses.
Frames of stills are made once and kept until the end; crops are drawn anew in every epoch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from spectrack.datasets.base import Dataset
from spectrack.datasets.synthetic.stills import Stills
from spectrack.storage import Progress
from spectrack.trackers.rts.network import RTS
from spectrack.trackers.rts.train import judge, learn_rts
from spectrack.trackers.rts.train_losses import LossWeights
from spectrack.training.data.clips import remove_clips, split_clips, still_clips
from spectrack.training.data.samples import SampleSettings, Source, TrackingSamples
from spectrack.training.loop.settings import TrainSettings
from spectrack.weights.described import make_network, save_described
from spectrack.weights.load import load_weights

NETWORK: dict[str, Any] = {
    "kind": "rts",
    "backbone": {
        "block": "basic",
        "depths": [1, 2, 2, 2],
        "widths": [32, 64, 128, 192],
        "stem": 32,
    },
    "features": 128,
    "encoding": 16,
    "decoder_maps": 24,
}
"""3.8 million numbers; the published network has some 50 million."""

SAMPLES = SampleSettings(
    size_wh=(320, 192),
    search=4.0,
    label=0.36,
    train_scale=0.15,
    test_scale=0.3,
    train_shift=(1.5, 1.5),
    test_shift=(3.0, 2.5),
    together=True,
)
"""Samples of the last stage. Targets fill more of the crop than in the published training, as a
quarter of its pixels are there."""

LOSS = LossWeights(mask=10.0, iterate=20.0, pixels=10.0)

TRAINING = TrainSettings(
    epochs=6,
    batch_size=4,
    learning_rate=1e-3,
    weight_decay=1e-4,
    schedule="step",
    schedule_every=1,
    schedule_factor=0.85,
    clip=10.0,
    amp="auto",
    checkpoint_every=100,
    log_every=20,
)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One part of the training.

    Attributes:
        name: Of its folder.
        size_wh: Of the network's input.
        samples: In an epoch.
        train: How to train.
    """

    name: str
    size_wh: tuple[int, int]
    samples: int
    train: TrainSettings


STAGES = (
    Stage(name="small", size_wh=(224, 128), samples=1000, train=TRAINING),
    Stage(
        name="full",
        size_wh=(320, 192),
        samples=900,
        train=replace(TRAINING, epochs=4, learning_rate=4e-4, schedule_factor=0.5),
    ),
)


@dataclass(frozen=True, kw_only=True)
class SmallPlan:
    """How much of everything.

    Attributes:
        network: See :func:`~spectrack.weights.described.make_network`.
        stages: One after the other.
        samples: What samples look like, but for their size.
        clips: Made of stills.
        videos: Share of samples from videos.
        held_out: Videos, the last ones, that nothing is learned from.
        judged: Samples of them.
        weights: Of the parts of the loss.
        seed: Of everything.
    """

    network: dict[str, Any]
    stages: tuple[Stage, ...] = STAGES
    samples: SampleSettings = SAMPLES
    clips: int = 2297
    videos: float = 0.4
    held_out: int = 3
    judged: int = 48
    weights: LossWeights = LOSS
    seed: int = 0


def rts_small(
    stills: Stills,
    videos: Dataset,
    folder: Path,
    plan: SmallPlan | None = None,
    *,
    about: dict[str, Any] | None = None,
    stage: Callable[[str, str], Progress] | None = None,
) -> Path:
    """Learn a small RTS; see the module's text.

    A run that was stopped goes on when called again with the same arguments.

    Args:
        stills: Images with the mask of an object.
        videos: With true masks.
        folder: Of the run; ``rts.safetensors`` in it is for the tracker.
        plan: How much of everything.
        about: More to write into the file: data, terms.
        stage: Called with the name of each stage and what it counts; gives what is called with
            how many are done and in all.

    Returns:
        The file of weights.

    Raises:
        InputError: If there is too little data, or as
            :func:`spectrack.training.loop.trainer.train`.
    """
    plan = plan or SmallPlan(network=NETWORK)
    tell = stage or (lambda name, unit: lambda done, total: None)
    seen, held = split_clips(videos, plan.held_out)
    stored = folder / "stills"
    made = still_clips(
        stills, plan.clips, plan.seed, stored, progress=tell("moving stills", "clips")
    )
    sources = [Source(made, 1 - plan.videos), Source(seen, plan.videos)]
    torch.manual_seed(plan.seed)
    network = make_network(plan.network)
    assert isinstance(network, RTS)
    scores: dict[str, Any] = {}
    for number, one in enumerate(plan.stages):
        look = replace(plan.samples, size_wh=one.size_wh)
        # Clips of stills are short: two frames in sight are enough.
        data = TrackingSamples(sources, one.samples, look, fewest=1)
        held_out = TrackingSamples([Source(held)], plan.judged, look, seed=plan.seed, fewest=1)
        start = judge(network.eval(), held_out)
        result = learn_rts(
            network,
            data,
            folder / one.name,
            replace(one.train, seed=plan.seed + number),
            weights=plan.weights,
            frozen=False,
            held_out=held_out,
            extra={"samples": asdict(look), "network": plan.network},
            progress=tell(f"learning, {one.name} pictures", "steps"),
        )
        load_weights(network, folder / one.name / "best.safetensors")
        by_epoch = [{k: round(h[k], 4) for k in ("loss", "J", "hits")} for h in result.history]
        scores[one.name] = {"start": start, "epochs": by_epoch, "seconds": round(result.seconds)}
    file = folder / "rts.safetensors"
    notes = {"samples": asdict(plan.samples), "held_out": scores, "seed": plan.seed}
    save_described(file, network, plan.network, {**notes, **(about or {})})
    remove_clips(stored)
    return file
