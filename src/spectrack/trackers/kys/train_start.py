"""What KYS's training starts from: DiMP's network, or KYS's own to learn on from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from spectrack.datasets.base import VideoSequence
from spectrack.errors import InputError
from spectrack.storage import Progress
from spectrack.trackers.kys.network import KYS
from spectrack.trackers.kys.train import learn_kys
from spectrack.trackers.kys.train_runs import RunSamples, RunSettings
from spectrack.training.data.clips import VideoClip
from spectrack.training.data.samples import Source
from spectrack.training.loop.settings import TrainSettings
from spectrack.weights.described import description_of, make_network, save_described
from spectrack.weights.files import WeightFile, read_weights
from spectrack.weights.load import find_weights, load_weights
from spectrack.weights.matching import compare, shapes_of

KYS50: dict[str, Any] = {
    "kind": "kys",
    "backbone": {"block": "bottleneck", "classes": 1000},
}
"""The published network, for a file to say."""

PARTS = {
    "feature_extractor.": "backbone_feature_extractor.",
    "classifier.": "dimp_classifier.",
    "bb_regressor.": "bb_regressor.",
}
"""Where parts of DiMP lie in KYS, by how their names begin."""

SIZES = ("backbone", "features", "blocks", "iou_maps", "filter_size")
"""What DiMP's description has in common with that of KYS."""


def start_from(weights: str | Path, seed: int) -> tuple[KYS, dict[str, Any], RunSettings]:
    """A network whose predictor knows nothing, or which is KYS already.

    Args:
        weights: Of DiMP (not PrDiMP, whose scores are others) or KYS: a name, or a file.
        seed: Of what the predictor begins with.

    Returns:
        The network, how to make it, and samples as its training saw them.

    Raises:
        InputError: If they are of another network.
    """
    file = read_weights(find_weights(weights))
    told = description_of(file)
    described = dict(told or KYS50)
    if described.get("kind") == "dimp" and described.get("learner", "dimp") == "dimp":
        described = {"kind": "kys"} | {k: described[k] for k in SIZES if k in described}
    torch.manual_seed(seed)
    network = make_network(described, file if told else None)
    tensors = {_renamed(name): tensor for name, tensor in file.tensors.items()}
    differences = compare(shapes_of(network.state_dict()), shapes_of(tensors))
    whole = not differences.missing
    fresh = all(name.startswith("predictor.") for name in differences.missing)
    if not isinstance(network, KYS) or differences.extra or differences.reshaped or not fresh:
        raise InputError(
            f"weights {weights} are neither of DiMP nor of KYS ({differences.text()}); give those "
            "of DiMP-50, of a DiMP that was learned here, or of KYS"
        )
    predictor = {} if whole else network.predictor.state_dict(prefix="predictor.")
    network.load_state_dict({**predictor, **tensors})
    return network, described, _look(file)


def _renamed(name: str) -> str:
    for begin, there in PARTS.items():
        if name.startswith(begin):
            return there + name.removeprefix(begin)
    return name


def _look(file: WeightFile) -> RunSettings:
    """Samples as the file says that its training saw them; as published where it does not."""
    told = file.about.get("samples")
    samples: Mapping[str, Any] = told if isinstance(told, Mapping) else {}
    size, search = samples.get("size_wh"), samples.get("search")
    look = RunSettings()
    if isinstance(size, list | tuple) and size and isinstance(size[0], int):
        look = replace(look, size=size[0])
    return replace(look, search=float(search)) if isinstance(search, int | float) else look


def learn_on_videos(
    videos: Sequence[VideoSequence],
    held_out: Sequence[VideoSequence],
    folder: Path,
    start: str | Path,
    training: TrainSettings,
    *,
    samples: int,
    frames: int,
    judged: int = 12,
    begin: Callable[[], None] = lambda: None,
    about: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> tuple[Path, dict[str, float]]:
    """Train KYS's predictor on videos, judged by others.

    Args:
        videos: What is learned from, with masks.
        held_out: What neither the predictor nor the network that it is built on learned from.
        folder: Of the run; ``kys.safetensors`` in it is for the tracker.
        start: See :func:`start_from`.
        training: How to train.
        samples: In an epoch.
        frames: Of a run after its first one.
        judged: Samples of the videos held out.
        begin: Called when all that was given is known to be good, before anything is written.
        about: More to write into the file.
        progress: Called with the steps done and in all.

    Returns:
        The file of weights, and how often the target was hit, see
        :func:`~spectrack.trackers.kys.train.judge`.

    Raises:
        InputError: If videos or weights cannot be used, or as
            :func:`spectrack.training.loop.trainer.train`.
    """
    if not videos or not held_out:
        raise InputError(
            f"{len(videos)} videos were given to learn from, and {len(held_out)} that are held "
            "out; give six or more, of which every sixth is held out"
        )
    network, described, look = start_from(start, training.seed)
    look = replace(look, frames=frames)
    seen, unseen = ([Source([VideoClip(v) for v in part])] for part in (videos, held_out))
    data = RunSamples(seen, samples, look)
    fixed = RunSamples(unseen, judged, look, seed=training.seed)
    apart = [video.name for video in held_out]
    begin()
    result = learn_kys(
        network,
        data,
        folder / "training",
        look.sigma,
        training,
        held_out=fixed,
        extra={"start": str(start), "frames": frames, "network": described, "held_out": apart},
        progress=progress,
    )
    load_weights(network, folder / "training" / "best.safetensors")
    shown = {"size_wh": [look.size] * 2, "search": look.search, "label": look.label}
    notes = {"samples": shown, "hits": result.best, "seed": training.seed, "start": str(start)}
    notes["held_out"] = apart
    file = folder / "kys.safetensors"
    save_described(file, network, described, {**notes, **(about or {})})
    return file, {"hits": float(result.best)}
