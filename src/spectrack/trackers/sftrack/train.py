"""SFTrack++ learned from end to end, in the three phases of the papers.

Phase 1, NN_feat2seg: stills set in motion, then real trackers' hypotheses on annotated videos, as
they are and as poor cameras see them.
Phase 2, the mixing: the tracker runs over the videos; one weight an input and
how it follows the target's size, a bias, an exponent.
Phase 3, NN_seg2box: from the fused masks of those runs and from spoilt true masks; then everything
together. Every part is kept in the folder of the run as soon as it is done, and a run that was
stopped goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from spectrack.datasets.base import Dataset, VideoSequence
from spectrack.datasets.synthetic.faded import Faded
from spectrack.datasets.synthetic.motion import MotionSettings
from spectrack.datasets.synthetic.stills import Stills
from spectrack.errors import InputError
from spectrack.fusion.train import MIXING_TRAINING, learn_mixing
from spectrack.spectral.mixing.learned import LearnedMixing
from spectrack.storage import Progress
from spectrack.trackers.sftrack.feat2seg import WIDTHS, Feat2Seg
from spectrack.trackers.sftrack.settings import SFTrackSettings
from spectrack.trackers.sftrack.train_feat2seg import (
    EXACT_TRAINING,
    MOTION_TRAINING,
    LossName,
    learn_feat2seg,
)
from spectrack.trackers.sftrack.train_feat2seg_data import Samples, still_samples, video_samples
from spectrack.trackers.sftrack.train_joint import JOINT_TRAINING, Joint, fine_tune
from spectrack.trackers.sftrack.train_runs import box_samples, learning_runs, mixing_columns
from spectrack.trackers.sftrack.train_seg2box import SEG2BOX_TRAINING, learn_seg2box, new_network
from spectrack.trackers.sftrack.weights import SFTrackWeights, save_sftrack
from spectrack.training.data.hypotheses import collect_hypotheses
from spectrack.training.loop.settings import TrainSettings

REACH = 5
"""Past frames over which an input's agreement with the others is averaged."""


BOX_TRAINING = replace(SEG2BOX_TRAINING, epochs=8, schedule_every=3)
"""Settings of NN_seg2box: real runs of the tracker need fewer epochs than spoilt masks alone."""


FEW_MIXING_EPOCHS = replace(MIXING_TRAINING, epochs=15)
"""Settings of the mixing: five numbers, learned from some 1,900 frames."""


FADES: dict[str, dict[str, Any]] = {
    "grey": {"side": 28, "grey": True, "quality": 60},
    "small": {"side": 24, "grey": False, "quality": 75},
}
"""How the videos are seen a second and a third time: arguments of ``Faded``."""


@dataclass(frozen=True, kw_only=True)
class SFTrackPlan:
    """How much of everything.

    Attributes:
        trackers: Whose hypotheses NN_feat2seg sees in phase 1.
        inputs: What the tracker fuses in phases 2 and 3.
        exact: Samples of stills with boxes close to the truth.
        motion: Samples of stills with hypotheses of every quality.
        loss: Of the masks.
        first: Training on the exact samples.
        second: Training on the others.
        mixing: Training of phase 2.
        boxes: Training of NN_seg2box.
        spoilt: Masks of stills that are spoilt for NN_seg2box.
        joint: Fine-tuning of everything.
        stride: Every so many frames of the runs are used for it.
        faded: Share of the hypotheses on faded videos (:data:`FADES`) that phase 1 learns from;
            phases 2 and 3 learn from runs over them, too. 0 leaves them out.
        seed: Of everything.
    """

    trackers: tuple[str, ...] = ("flow", "csrt", "kcf", "medianflow", "mosse")
    inputs: str = "flow,csrt,kcf"
    exact: int = 6000
    motion: int = 12000
    loss: LossName = "dice_bce"
    first: TrainSettings = EXACT_TRAINING
    second: TrainSettings = MOTION_TRAINING
    mixing: TrainSettings = FEW_MIXING_EPOCHS
    boxes: TrainSettings = BOX_TRAINING
    spoilt: int = 766
    joint: TrainSettings = JOINT_TRAINING
    stride: int = 3
    faded: float = 0.5
    seed: int = 0


def sftrack(
    stills: Stills,
    videos: Sequence[VideoSequence],
    held_out: Sequence[VideoSequence],
    folder: Path,
    plan: SFTrackPlan | None = None,
    *,
    about: dict[str, Any] | None = None,
    stage: Callable[[str, str], Progress] | None = None,
) -> Path:
    """Learn everything; see the module's text.

    Args:
        stills: Images with the mask of an object.
        videos: With true masks.
        held_out: Others, which nothing is learned from; J on what trackers say of them is noted
            after each epoch of phase 1.
        folder: Of the run; ``sftrack.safetensors`` in it is for the tracker.
        plan: How much of everything.
        about: More to write into the file: data, licence.
        stage: Called with the name of each stage and what it counts; gives what is called with
            how many are done and in all.

    Returns:
        The file of weights.

    Raises:
        InputError: If there are no stills, or as :func:`spectrack.training.loop.trainer.train`.
    """
    plan = plan or SFTrackPlan()
    if not len(stills):
        raise InputError("there are no stills to learn from; give a folder of stills with masks")
    tell = stage or (lambda name, unit: lambda done, total: None)
    seen = Dataset("to learn from", videos)
    network = _phase1(stills, seen, held_out, folder, plan, tell)
    names = SFTrackSettings(inputs=plan.inputs).names
    even = LearnedMixing.even(names).settings()
    seg2box = new_network(plan.seed)
    first = folder / "phase1.safetensors"
    start = SFTrackWeights(network, replace(even, reach=REACH), seg2box, {"widths": WIDTHS})
    save_sftrack(first, start)

    settings = SFTrackSettings.of_paper(inputs=plan.inputs, box_rule="tight")
    runs = [
        run
        for name, data in {"as they are": seen, **_faded(seen, plan)}.items()
        for run in learning_runs(
            data, first, settings, tell(f"running the tracker, {name}", "videos")
        )
    ]
    columns = mixing_columns(runs, REACH, plan.seed)
    model = LearnedMixing(replace(even, reach=REACH), learn_sizes=True)
    mixing = replace(plan.mixing, seed=plan.seed)
    learn_mixing(model, columns, folder / "mixing", mixing, {}, tell("mixing", "steps"))

    masks = [stills[i].mask_hw for i in range(0, len(stills), max(1, len(stills) // plan.spoilt))]
    given = box_samples(runs)
    boxes = replace(plan.boxes, seed=plan.seed)
    seg2box, _ = learn_seg2box(
        masks, folder / "boxes", boxes, given=given, progress=tell("boxes", "steps")
    )
    joint = Joint(network, model, seg2box)
    extra = {"plan": _described(plan)}
    fine_tune(
        joint,
        runs,
        folder / "joint",
        replace(plan.joint, seed=plan.seed),
        stride=plan.stride,
        extra=extra,
        progress=tell("fine-tuning", "steps"),
    )
    learned = SFTrackWeights(
        network.eval(),
        model.settings(),
        seg2box.eval(),
        {"widths": WIDTHS, "plan": _described(plan), **(about or {})},
    )
    file = folder / "sftrack.safetensors"
    save_sftrack(file, learned)
    return file


def _phase1(
    stills: Stills,
    videos: Dataset,
    apart: Sequence[VideoSequence],
    folder: Path,
    plan: SFTrackPlan,
    tell: Callable[[str, str], Progress],
) -> Feat2Seg:
    every = Dataset("all", [*videos.values(), *apart])
    hypotheses = collect_hypotheses(
        every, plan.trackers, folder / "hypotheses", progress=tell("running trackers", "videos")
    )
    data = folder / "samples"
    motion = MotionSettings()
    exact = still_samples(
        stills, plan.exact, 2 * plan.seed + 1, data / "exact", exact=True, settings=motion,
        progress=tell("stills, exact boxes", "samples"),
    )  # fmt: skip
    wide = still_samples(
        stills, plan.motion, 2 * plan.seed + 2, data / "motion", exact=False, settings=motion,
        progress=tell("stills, other hypotheses", "samples"),
    )  # fmt: skip
    seen, unseen = hypotheses[: len(videos)], hypotheses[len(videos) :]
    seed = 2 * plan.seed + 1
    real = [video_samples(seen, seed, data / "videos", progress=tell("videos", "samples"))]
    for name, poor in _faded(videos, plan).items():
        faded = collect_hypotheses(
            poor,
            plan.trackers,
            folder / f"hypotheses-{name}",
            progress=tell(f"running trackers, {name}", "videos"),
        )
        told = tell(f"videos, {name}", "samples")
        real.append(video_samples(faded, seed, data / name, share=plan.faded, progress=told))
    held_out = None
    if unseen:
        held_out = replace(video_samples(unseen, seed, data / "held-out"), augment=False)
    with torch.random.fork_rng([]):
        torch.manual_seed(plan.seed)
        network = Feat2Seg()
    stages: list[tuple[str, Sequence[Samples], TrainSettings]] = [
        ("exact", [exact], plan.first),
        ("motion", [wide, *real], plan.second),
    ]
    for name, samples, settings in stages:
        learn_feat2seg(
            network,
            samples,
            folder / name,
            replace(settings, seed=plan.seed),
            loss=plan.loss,
            held_out=held_out,
            progress=tell(f"feat2seg, {name}", "steps"),
        )
    return network


def _faded(videos: Dataset, plan: SFTrackPlan) -> dict[str, Dataset]:
    """The videos as poor cameras see them, by the name of the fault."""
    if not plan.faded:
        return {}
    return {name: Faded(videos, **how) for name, how in FADES.items()}


def _described(plan: SFTrackPlan) -> dict[str, Any]:
    return asdict(plan)
