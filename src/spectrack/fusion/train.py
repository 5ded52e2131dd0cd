"""Training recipes: each a function that says all that decides its result.

``fusion`` learns SFSeg++ (paper, sections 3.3-3.4): the weights of the channels, their bias and
the exponent of their agreement. First at single pixels, where the columns of a whole data set fit
in memory and a run takes seconds; then, if asked, on through the iterations of the filter on
sub-videos of 5 frames, as the paper trains.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from spectrack.errors import InputError
from spectrack.fusion.train_columns import ColumnBatch, FrameColumns, collate, column_loss
from spectrack.fusion.train_videos import (
    FusionVideo,
    SubVideo,
    even_weights,
    sub_videos,
    video_columns,
)
from spectrack.fusion.weights import save_mixing
from spectrack.spectral.guided.stream import GUIDED_PRESETS
from spectrack.spectral.guided.window import guided_differentiable
from spectrack.spectral.mixing.learned import LearnedMixing, Pairwise
from spectrack.spectral.mixing.settings import MixingSettings
from spectrack.spectral.sfseg.differentiable import sfseg_differentiable
from spectrack.spectral.sfseg.settings import MIXED
from spectrack.storage import Progress
from spectrack.training.loop.settings import TrainSettings
from spectrack.training.loop.trainer import TrainResult, train
from spectrack.training.losses import focal_dice

Through = Literal["mixing", "colour", "paper"]

GAMMA = 0.75
"""Exponent of Focal-Dice (section 5.1.6)."""

STEEPNESS = 12.0
"""Soft-binarisation of the filtered mask before the loss."""

MIXING_TRAINING = TrainSettings(
    epochs=30,
    batch_size=32,
    learning_rate=0.1,
    weight_decay=1e-3,
    schedule="plateau",
    schedule_patience=3,
    log_every=10,
    device="cpu",
)
"""Settings of the first stage. On a CPU, where a run goes on with the same bits."""

THROUGH_TRAINING = TrainSettings(
    epochs=5,
    batch_size=1,
    accumulate=8,
    learning_rate=0.05,
    weight_decay=1e-3,
    schedule="step",
    schedule_every=2,
    device="cpu",
)
"""Settings of the second stage, through the filter."""


@dataclass(frozen=True)
class FusionRun:
    """What learning to fuse came to.

    Attributes:
        mixing: The learned numbers.
        stages: Result of each stage.
        file: Where they were written.
    """

    mixing: MixingSettings
    stages: tuple[TrainResult, ...]
    file: Path


def fusion(
    videos: Sequence[FusionVideo],
    names: Sequence[str],
    folder: Path,
    *,
    through: Through = "mixing",
    agreement: bool = True,
    pairwise: Pairwise = "shared",
    seed: int = 0,
    windows: int = 6,
    height: int = 240,
    first: TrainSettings = MIXING_TRAINING,
    second: TrainSettings = THROUGH_TRAINING,
    about: dict[str, Any] | None = None,
    columns: Sequence[Sequence[FrameColumns]] | None = None,
    progress: Progress | None = None,
    reading: Progress | None = None,
) -> FusionRun:
    """Learn how to mix the masks of several methods.

    A run that was stopped goes on when called again with the same arguments; on a CPU it ends with
    the same bits.

    Args:
        videos: Annotated videos with the masks of every method.
        names: Of the channels, in the order of the masks.
        folder: Of the run; holds ``weights.safetensors`` at the end, and a run folder a stage.
        through: "mixing" stops after the first stage; "colour" goes on through the guided filter,
            "paper" through the paper's own (Eq. 10-11).
        agreement: Whether weights follow agreement; without it Eq. 9 as the paper has it.
        pairwise: "apart" gives F_m weights of its own; they matter to the paper's filter only.
        seed: Of the order of frames and of the pixels drawn.
        windows: Sub-videos a video in the second stage.
        height: Height of the sub-videos, pixels.
        first: Training of the first stage.
        second: Training of the second stage.
        about: More to write beside the weights.
        columns: Those of the videos by :func:`read_columns`, where they are at hand.
        progress: Called with the steps done and in all, for each stage anew.
        reading: Called with the videos read and in all, for each stage anew.

    Raises:
        InputError: If there are no videos, they do not fit, the folder holds another run, or the
            loss is no longer finite.
    """
    if through not in get_args(Through):
        raise InputError(f"through is {through!r}; give one of {', '.join(get_args(Through))}")
    if not videos:
        raise InputError("there are no videos to train on; give at least one")
    model = LearnedMixing.even(tuple(names), 3.0 if agreement else 0.0, pairwise)
    reach = model.start.reach
    extra = {
        "channels": list(names),
        "videos": [video.name for video in videos],
        "seed": seed,
        **(about or {}),
    }
    if columns is None:
        columns = read_columns(videos, seed, reach, reading)
    first = replace(first, seed=seed)
    stages = [learn_mixing(model, columns, folder / "mixing", first, extra, progress)]
    training = [asdict(first)]
    del columns
    if through != "mixing":
        guided = GUIDED_PRESETS["colour"] if through == "colour" else None
        cut = partial(sub_videos, reach=reach, count=windows, height=height, guided=guided)
        found = [sub for subs in _read(videos, cut, reading) for sub in subs]
        second = replace(second, seed=seed)
        more = {**extra, "through": through, "windows": windows, "height": height}
        stages.append(learn_through(model, found, folder / through, second, more, progress))
        training.append(asdict(second))
    mixing = model.settings()
    file = folder / "weights.safetensors"
    save_mixing(file, mixing, {**extra, "through": through, "training": training})
    return FusionRun(mixing, tuple(stages), file)


def read_columns(
    videos: Sequence[FusionVideo],
    seed: int = 0,
    reach: int = 3,
    reading: Progress | None = None,
) -> list[list[FrameColumns]]:
    """What the first stage of :func:`fusion` learns from: the columns of every video.

    Args:
        videos: Annotated videos with the masks of every method.
        seed: Of the pixels drawn where channels are soft.
        reach: Frames on each side over which agreement is averaged.
        reading: Called with the videos read and in all.
    """
    return _read(videos, partial(video_columns, reach=reach, seed=seed), reading)


def learn_mixing(
    model: LearnedMixing,
    columns: Sequence[Sequence[FrameColumns]],
    folder: Path,
    settings: TrainSettings = MIXING_TRAINING,
    extra: dict[str, Any] | None = None,
    progress: Progress | None = None,
) -> TrainResult:
    """Learn at single pixels: the first stage of :func:`fusion`.

    Args:
        model: Changed in place.
        columns: Of every frame of every video; each video counts the same.
        folder: Of the run.
        settings: How to train.
        extra: More that decides the outcome.
        progress: Called with the steps done and in all.
    """
    return train(
        model,
        even_weights(columns),
        _column_loss,
        settings,
        folder,
        extra={"gamma": GAMMA, **_start(model), **(extra or {})},
        collate=collate,
        progress=progress,
    )


def learn_through(
    model: LearnedMixing,
    subs: Sequence[SubVideo],
    folder: Path,
    settings: TrainSettings = THROUGH_TRAINING,
    extra: dict[str, Any] | None = None,
    progress: Progress | None = None,
) -> TrainResult:
    """Learn through the iterations of a filter: the second stage of :func:`fusion`.

    Args:
        model: Changed in place.
        subs: With links for the guided filter, without for the paper's.
        folder: Of the run.
        settings: How to train; batches of one.
        extra: More that decides the outcome.
        progress: Called with the steps done and in all.
    """
    return train(
        model,
        subs,
        window_loss,
        settings,
        folder,
        extra={"gamma": GAMMA, "steepness": STEEPNESS, **_start(model), **(extra or {})},
        collate=_only,
        progress=progress,
    )


def _start(model: LearnedMixing) -> dict[str, Any]:
    """Where learning starts, and what is learned: a run that goes on must have begun the same."""
    learned = [name for name, p in model.named_parameters() if p.requires_grad]
    return {"start": asdict(model.settings()), "learned": learned}


def _read(
    videos: Sequence[FusionVideo],
    one: Callable[[FusionVideo], list[Any]],
    reading: Progress | None,
) -> list[list[Any]]:
    found = []
    for number, video in enumerate(videos):
        found.append(one(video))
        if reading is not None:
            reading(number + 1, len(videos))
    return found


def _column_loss(model: nn.Module, batch: ColumnBatch) -> Tensor:
    assert isinstance(model, LearnedMixing)
    return column_loss(model, batch, GAMMA)


def _only(batch: list[SubVideo]) -> SubVideo:
    """Sub-videos pass one by one: their sizes differ."""
    if len(batch) != 1:
        raise InputError(f"batch_size is {len(batch)}; give 1 through the filter, and accumulate")
    return batch[0]


def window_loss(model: nn.Module, sub: SubVideo) -> Tensor:
    """Focal-Dice (Eq. 12) of a sub-video after mixing, filter and soft-binarisation."""
    assert isinstance(model, LearnedMixing)
    maps_tchw = sub.channels_tchw.to(torch.float32) / 255
    soft_thw, pairwise_thw = model(maps_tchw, sub.agreement_tc, sub.present_tc)
    if sub.window is None:
        filtered_thw = sfseg_differentiable(soft_thw, pairwise_thw, MIXED)
        # The last sigmoid leaves values in [0.5, 0.73]; its argument lies in [0, 1].
        filtered_thw = torch.logit(filtered_thw.clamp(max=0.9))
    else:
        filtered_thw = guided_differentiable(soft_thw, sub.window)
    filtered_thw = torch.sigmoid(STEEPNESS * (filtered_thw - 0.5))
    return focal_dice(filtered_thw, sub.truth_thw, GAMMA, reduction="mean")
