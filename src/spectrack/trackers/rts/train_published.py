"""The published training of RTS on the videos that are there (Paul et al., ECCV 2022, section 4).

It starts from the weights of LWL; the instance branch starts from nothing.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from spectrack.datasets.base import Dataset
from spectrack.errors import InputError
from spectrack.storage import Progress
from spectrack.trackers.rts.network import RTS
from spectrack.trackers.rts.train import EPOCH_SAMPLES, PAPER_REFINEMENTS, RTS_TRAINING, learn_rts
from spectrack.trackers.rts.train_losses import LossWeights
from spectrack.training.data.clips import split_clips
from spectrack.training.data.samples import SampleSettings, Source, TrackingSamples
from spectrack.training.loop.settings import TrainSettings
from spectrack.weights.described import make_network, save_described
from spectrack.weights.load import load_weights

RTS50: dict[str, Any] = {"kind": "rts", "backbone": {"block": "bottleneck", "caffe": True}}
OWN_PARTS = ("classifier.", "clf_encoder.")
"""What RTS has and LWL has not."""


def start_from_lwl(network: RTS, weights: str | Path) -> None:
    """Take over all that RTS shares with LWL.

    Args:
        network: Changed in place, unless there is an error.
        weights: Of LWL, or of RTS; a name of the table or a file.

    Raises:
        InputError: If they cannot be read, or lack a part that both have.
    """
    lacking = load_weights(network, weights, strict=False).missing
    foreign = next((name for name in lacking if not name.startswith(OWN_PARTS)), None)
    if foreign is not None:
        raise InputError(f"weights {weights} lack {foreign}; give weights of LWL or RTS")


def rts_published(
    videos: Dataset,
    folder: Path,
    start: str | Path,
    *,
    network: dict[str, Any] | None = None,
    samples: int = EPOCH_SAMPLES,
    look: SampleSettings | None = None,
    training: TrainSettings = RTS_TRAINING,
    paper: bool = False,
    held_out: int = 3,
    judged: int = 48,
    about: dict[str, Any] | None = None,
    progress: Progress | None = None,
) -> Path:
    """Train RTS as published.

    The published training has YouTube-VOS, DAVIS-2017, GOT-10k and LaSOT in the ratio 6:1:6:6;
    here are the videos given.

    Args:
        videos: With true masks.
        folder: Of the run; ``rts.safetensors`` in it is for the tracker.
        start: Weights of LWL.
        network: The published one where left out, see
            :func:`~spectrack.weights.described.make_network`.
        samples: In an epoch.
        look: What samples look like; as published where left out.
        training: How to train.
        paper: Follow the paper where the published program differs: each test frame is segmented
            with the filter refined on those before it, and the instance loss is a mean.
        held_out: Videos, the last ones, that nothing is learned from.
        judged: Samples of them.
        about: More to write into the file.
        progress: Called with the steps done and in all.

    Returns:
        The file of weights.

    Raises:
        InputError: If there is too little data, the weights do not fit, or as
            :func:`spectrack.training.loop.trainer.train`.
    """
    described, settings = network or RTS50, look or SampleSettings()
    torch.manual_seed(training.seed)
    model = make_network(described)
    assert isinstance(model, RTS)
    start_from_lwl(model, start)
    seen, unseen = split_clips(videos, held_out)
    result = learn_rts(
        model,
        TrackingSamples([Source(seen)], samples, settings),
        folder / "training",
        training,
        weights=LossWeights(average=paper),
        refinements=PAPER_REFINEMENTS if paper else 0,
        held_out=TrackingSamples([Source(unseen)], judged, settings, seed=training.seed),
        extra={"samples": asdict(settings), "network": described, "start": str(start)},
        progress=progress,
    )
    load_weights(model, folder / "training" / "best.safetensors")
    notes = {"samples": asdict(settings), "J": result.best, "seed": training.seed}
    file = folder / "rts.safetensors"
    save_described(file, model, described, {**notes, **(about or {})})
    return file
