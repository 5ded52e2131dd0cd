"""Learning SFSeg++ sequence by sequence, and applying it: what Tables 4, 6 and 7 share.

For every sequence the weights are learned on all the others and applied to it. Sequences and folds
are worked on two at a time, in processes of one thread each. Runs and scores are kept in a folder,
so an experiment that was stopped goes on.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from experiments.sfsegpp.channels import (
    CHANNELS,
    Clip,
    Noise,
    disturbed,
    flows,
    fusion_video,
    load_clip,
)
from spectrack.flow.estimators import FlowPair
from spectrack.fusion.train import learn_mixing, learn_through
from spectrack.fusion.train_columns import FrameColumns
from spectrack.fusion.train_videos import SubVideo, sub_videos, video_columns
from spectrack.metrics.consistency import tcont
from spectrack.metrics.regions import jaccard_t
from spectrack.refinement.presets import PRESETS
from spectrack.spectral.guided.stream import GUIDED_PRESETS, guided
from spectrack.spectral.mixing.learned import LearnedMixing
from spectrack.spectral.mixing.mixing import MixStream
from spectrack.spectral.mixing.settings import MixingSettings
from spectrack.spectral.sfseg.filter import sfseg
from spectrack.spectral.sfseg.settings import MIXED

Soft = NDArray[np.float32]

WINDOWS = 3
HEIGHT = 240


@dataclass(frozen=True)
class Learner:
    """A way to learn the mixing.

    Attributes:
        through: "mixing" learns at pixels; "colour" and "paper" go on through that filter.
        agreement: Whether weights follow agreement; Eq. 9 has no such thing.
        pairwise: Whether the paper's F_m has weights of its own.
    """

    through: str = "mixing"
    agreement: bool = True
    pairwise: str = "shared"

    @property
    def folder(self) -> str:
        """Name of its runs."""
        return f"{self.through}-{self.pairwise}-{'agreement' if self.agreement else 'plain'}"


@dataclass(frozen=True)
class Learned:
    """What a run came to.

    Attributes:
        mixing: The numbers.
        seconds: Time of its stages, data being read already.
        memory_mib: Largest memory of the process.
    """

    mixing: MixingSettings
    seconds: float
    memory_mib: float


@dataclass(frozen=True)
class Fold:
    """What one run learns from: all sequences but one, or a whole split."""

    out: str | None
    names: tuple[str, ...]


def leave_one_out(names: Sequence[str]) -> list[Fold]:
    """A fold a sequence, learned on all the others."""
    return [Fold(out, tuple(n for n in names if n != out)) for out in names]


def pool() -> ProcessPoolExecutor:
    """Two processes of one thread each."""
    os.environ["NUMBA_NUM_THREADS"] = "1"  # read when a process begins
    return ProcessPoolExecutor(2, mp_context=get_context("spawn"), initializer=_begin)


def _begin() -> None:
    cv2.setNumThreads(1)
    torch.set_num_threads(1)


def noisy_clip(
    root: Path, methods: Sequence[str], split: str, noise: Noise, most: int | None, name: str
) -> Clip:
    """One sequence with noise on its channels."""
    return disturbed(load_clip(root, name, methods, split, most), noise)


def columns_of(
    clip_of: Callable[[str], Clip], methods: Sequence[str], name: str
) -> list[FrameColumns]:
    """Columns of one sequence."""
    return video_columns(fusion_video(clip_of(name)), MixingSettings.robust(methods).reach)


@cache
def subs_of(
    root: Path, methods: tuple[str, ...], guided_filter: bool, most: int | None, name: str
) -> list[SubVideo]:
    """Sub-videos of one sequence; each process makes its own, once."""
    clip = load_clip(root, name, methods, most=most)
    recipe = GUIDED_PRESETS["colour"] if guided_filter else None
    reach = MixingSettings.robust(methods).reach
    return sub_videos(fusion_video(clip), reach, WINDOWS, HEIGHT, recipe)


def learn(
    workers: Executor,
    root: Path,
    methods: Sequence[str],
    folds: Sequence[Fold],
    learners: Iterable[Learner],
    folder: Path,
    *,
    split: str = "val",
    noise: Noise = None,
    most: int | None = None,
    clip_of: Callable[[str], Clip] | None = None,
) -> dict[Learner, dict[str | None, Learned]]:
    """Learn every fold with every learner.

    Args:
        workers: From :func:`pool`.
        root: Folder of DAVIS-2016.
        methods: The channels.
        folds: What to learn from.
        learners: How.
        folder: Where the runs are kept.
        split: That the sequences belong to.
        noise: On the channels, or None.
        most: Only so many frames of a sequence.
        clip_of: Where the columns come from, for learners of mixing alone; the published masks
            with that noise where left out.

    Returns:
        By learner and by the sequence left out.
    """
    names = sorted({name for fold in folds for name in fold.names})
    clip_of = clip_of or partial(noisy_clip, root, tuple(methods), split, noise, most)
    read = partial(columns_of, clip_of, tuple(methods))
    columns = dict(zip(names, workers.map(read, names), strict=True))
    jobs = [(learner, fold) for learner in learners for fold in folds]
    given = [[columns[name] for name in fold.names] for _, fold in jobs]
    one = partial(_learn_fold, root, tuple(methods), folder, most)
    found = list(workers.map(one, jobs, given))
    results: dict[Learner, dict[str | None, Learned]] = {}
    for (learner, fold), run in zip(jobs, found, strict=True):
        results.setdefault(learner, {})[fold.out] = run
    return results


def _learn_fold(
    root: Path,
    methods: tuple[str, ...],
    folder: Path,
    most: int | None,
    job: tuple[Learner, Fold],
    columns: list[list[FrameColumns]],
) -> Learned:
    learner, fold = job
    place = folder / (fold.out or "all")
    start = 3.0 if learner.agreement else 0.0
    model = LearnedMixing.even(methods, start, learner.pairwise)  # type: ignore[arg-type]
    first = Learner("mixing", learner.agreement, learner.pairwise)
    stages = [learn_mixing(model, columns, place / first.folder)]
    if learner.through != "mixing":
        filtered = learner.through == "colour"
        subs = [sub for n in fold.names for sub in subs_of(root, methods, filtered, most, n)]
        stages.append(learn_through(model, subs, place / learner.folder))
    memory = max(stage.peak_memory_mib for stage in stages)
    return Learned(model.settings(), sum(stage.seconds for stage in stages), memory)


class Applied:
    """One sequence, its flow, and what any mixing makes of it.

    Args:
        clip: Its masks and truth.
        frames: uint8 RGB (H, W, 3).
        flow: Between them.
    """

    def __init__(self, clip: Clip, frames: list[NDArray[np.uint8]], flow: list[FlowPair]) -> None:
        self.clip, self.frames, self.flow = clip, frames, flow

    @classmethod
    def load(cls, root: Path, name: str, most: int | None = None) -> Applied:
        """Read a sequence and find its flow.

        Args:
            root: Folder of DAVIS-2016.
            name: Of the sequence.
            most: Only so many frames.
        """
        clip = load_clip(root, name, CHANNELS, most=most)
        frames = clip.frames()[:most]
        return cls(clip, frames, flows(frames))

    def under(self, noise: Noise) -> Applied:
        """The same with noise on its channels."""
        return Applied(disturbed(self.clip, noise), self.frames, self.flow)

    def only(self, methods: Sequence[str]) -> Applied:
        """The same with some of the channels."""
        which = [CHANNELS.index(method) for method in methods]
        maps, present = self.clip.channels_tchw[:, which], self.clip.present_tc[:, which]
        clip = replace(self.clip, channels_tchw=maps, present_tc=present)
        return Applied(clip, self.frames, self.flow)

    def mixed(self, mixing: MixingSettings) -> tuple[Soft, Soft, NDArray[np.float32]]:
        """S_m and F_m, (T, H, W), and the weights of every frame, (T, C)."""
        video = fusion_video(self.clip)
        height, width = self.clip.truth_thw.shape[1:]
        stream = MixStream(mixing, (width, height))
        out = [m for t in range(video.length) for m in stream.push(*video.masks(t))]
        out += stream.flush()
        soft_thw = np.stack([m.soft_hw for m in out])
        shared = out[0].pairwise_hw is out[0].soft_hw
        pairwise_thw = soft_thw if shared else np.stack([m.pairwise_hw for m in out])
        return soft_thw, pairwise_thw, np.stack([m.weights_c for m in out])

    def mean(self) -> Soft:
        """Mean of the channels that are there, (T, H, W)."""
        clip = self.clip
        pairs = zip(clip.channels_tchw, clip.present_tc, strict=True)
        return np.stack([maps[seen].mean(axis=0, dtype=np.float32) / 255 for maps, seen in pairs])

    def filtered(self, soft_thw: Soft, preset: str = "colour") -> Soft:
        """Through the guided filter, with the preset's guide where it has one."""
        pairs = [(pair.forward_hw2, pair.backward_hw2) for pair in self.flow]
        guide, guide_thw = PRESETS[preset].make_guide(), None
        if guide is not None:
            seen = zip(self.frames, soft_thw, strict=True)
            guide_thw = np.stack([guide(frame_hwc, soft_hw) for frame_hwc, soft_hw in seen])
        settings = GUIDED_PRESETS[preset]
        return guided(self.frames, soft_thw, pairs, settings, guide_thw=guide_thw)

    def paper(self, soft_thw: Soft, pairwise_thw: Soft) -> Soft:
        """Through Eq. 10-11; hard, as the filter's own threshold has it."""
        smooth_thw = sfseg(soft_thw, pairwise_thw, MIXED)
        return (smooth_thw >= MIXED.threshold).astype(np.float32)

    def score(self, soft_thw: Soft, consistency: bool = True) -> dict[str, list[float]]:
        """J, and TCONT with the truth, of every frame but the first and the last."""
        truth = self.clip.truth_thw
        found = {"J": jaccard_t(soft_thw >= 0.5, truth)[self.clip.scored].tolist()}
        if consistency:
            forward = [pair.forward_hw2 for pair in self.flow]
            backward = [pair.backward_hw2 for pair in self.flow]
            found["TCONT"] = tcont(soft_thw, forward, backward, truth).tolist()
        return found


Scores = dict[str, dict[str, list[float]]]


def kept(folder: Path, name: str, key: Mapping[str, Any], make: Callable[[], Any]) -> Any:
    """What ``make`` gives, from the folder where an earlier try with the same key left it."""
    digest = hashlib.sha256(json.dumps(key, sort_keys=True, default=str).encode()).hexdigest()[:12]
    file = folder / f"{name}-{digest}.json"
    if file.is_file():
        return json.loads(file.read_text())
    result = make()
    folder.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    part.write_text(json.dumps(result))
    part.replace(file)
    return result


def mean_over(scores: Mapping[str, Scores], variant: str, what: str = "J") -> float:
    """Mean over frames, then sequences, in percent."""
    return 100 * float(np.mean([np.mean(s[variant][what]) for s in scores.values()]))
