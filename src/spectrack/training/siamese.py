"""Siamese trackers learn: how much of everything, which parts, and what it brought.

Every tracker of the family says what is its own in a :class:`Learner`: what pairs look like and
what should be answered, the loss, and which parameters learn. The rest is the same for all, and for
other trackers of boxes that learn from clips: these say how they make samples of clips.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

import numpy as np
import torch
from torch import Tensor, nn

from spectrack.datasets.base import VideoSequence
from spectrack.errors import InputError
from spectrack.storage import Progress
from spectrack.tracking.base import Tracker
from spectrack.training.data.clips import Clip, VideoClip
from spectrack.training.data.samples import Sample, Source
from spectrack.training.data.siamese_pairs import Pair, SiamesePairs
from spectrack.training.frozen import freeze_norms
from spectrack.training.held_out import box_overlaps
from spectrack.training.loop.order import Samples
from spectrack.training.loop.settings import TrainSettings
from spectrack.training.loop.trainer import TrainResult, train
from spectrack.training.siamese_schedule import WarmUp
from spectrack.weights.files import write_weights
from spectrack.weights.networks import load_network

N = TypeVar("N", bound=nn.Module)
BACKBONE = "backbone."
"""How names of a backbone's parameters begin."""
SECOND = 2
"""Number of the run that follows the first one."""


@dataclass(frozen=True, kw_only=True)
class SiamesePlan:
    """How much of everything.

    Attributes:
        train: How to train.
        pairs: What pairs look like; a dataclass of the tracker's own.
        samples: Pairs in an epoch.
        reach: Frames between the two of a pair at most.
        negative: Chance of a pair of two targets.
        backbone: Whether the backbone learns, too.
        frozen_epochs: First epochs in which the backbone does not learn, even so; the optimiser is
            made anew after them.
        always_frozen: Beginnings of names that do not learn even where the backbone does.
        fixed_norms: Whether all normalisations use their stored statistics, not only those of parts
            that do not learn.
        warm_up: How the rate goes, in place of the training's own schedule.
        blend: How far the weights that are written lie from the start towards the learned ones, 1
            for these themselves. Between the two is often better than either (Wortsman et al.,
            Robust Fine-Tuning of Zero-Shot Models, CVPR 2022).
    """

    train: TrainSettings
    pairs: Any
    samples: int = 1600
    reach: int = 100
    negative: float = 0.2
    backbone: bool = False
    frozen_epochs: int = 0
    always_frozen: tuple[str, ...] = ()
    fixed_norms: bool = False
    warm_up: WarmUp | None = None
    blend: float = 1.0

    def asked(self) -> dict[str, Any]:
        """What decides the outcome, but for the settings of the training."""
        return {key: value for key, value in asdict(self).items() if key != "train"}

    def from_nothing(self) -> SiamesePlan:
        """The same for a network that has learned nothing yet: all of it learns from the start.

        Its backbone learns as fast as the rest; a lower rate is for one that knows something.
        """
        rates = tuple((name, rate) for name, rate in self.train.rates if name != BACKBONE)
        return replace(
            self,
            train=replace(self.train, rates=rates),
            backbone=True,
            frozen_epochs=0,
            always_frozen=(),
            fixed_norms=False,
            blend=1.0,
        )

    def stages(self) -> list[tuple[TrainSettings, bool]]:
        """Settings of one run after the other, and whether the backbone learns in it.

        A second run has a seed of its own: samples and their order follow from the seed and the
        epoch, counted anew in each run, so that it would see again what the first one saw.
        """
        training = self.train
        if self.warm_up is not None:
            rates = self.warm_up.rates(training.epochs)
            training = replace(training, schedule="given", schedule_rates=rates, learning_rate=1.0)
        first = min(self.frozen_epochs, training.epochs) if self.backbone else 0
        if not 0 < first < training.epochs:
            return [(training, self.backbone and not first)]
        parts = (
            (slice(None, first), training.seed, False),
            (slice(first, None), seed_after(training.seed), True),
        )
        rates = training.schedule_rates
        return [
            (
                replace(
                    training,
                    epochs=len(range(training.epochs)[part]),
                    schedule_rates=rates[part],
                    seed=seed,
                ),
                whole,
            )
            for part, seed, whole in parts
        ]


def seed_after(seed: int) -> int:
    """The seed of what follows a run: one of 2 ** 62, so that it is no other run's."""
    return int(np.random.SeedSequence((seed, SECOND)).generate_state(1, np.uint64)[0] >> 2)


P = TypeVar("P", bound=SiamesePlan)


def fewer(plan: P, epochs: int | None, samples: int | None, seed: int) -> P:
    """The plan with other counts where given, and a seed."""
    training = replace(plan.train, seed=seed)
    if epochs is not None:
        training = replace(training, epochs=epochs)
    return replace(plan, train=training, samples=samples or plan.samples)


@dataclass(frozen=True, kw_only=True)
class Learner(Generic[N]):
    """What is a tracker's own.

    Attributes:
        network: Class of its network.
        plan: How much of everything, if nothing else is asked.
        samples: What makes samples of pairs for a network, by a plan.
        data: What makes samples of clips by a plan, in place of such pairs.
        loss: Of a network for a batch of such samples; the mean over them.
        tracker: A network, on the CPU and in evaluation mode, to the tracker that it makes.
        small: How much of everything where little time is given; the plan where left out.
        make: A network that has learned nothing: a smaller one of the same form where asked, and of
            the form of another one where its backbone is to be taken over. None where it cannot
            learn from nothing.
        learns: Whether a parameter learns: its name, the plan, and whether the backbone does now.
        tell: What else a file of weights of the network says.
        judge: Figures of a network on clips that were held out, by a plan, after every epoch; none
            where left out.
    """

    network: type[N]
    plan: SiamesePlan
    samples: Callable[[N, Any], Callable[[Pair, np.random.Generator], Sample]] | None = None
    data: Callable[[Sequence[Source], Any], Samples] | None = None
    loss: Callable[[nn.Module, Sample], Tensor]
    tracker: Callable[[N], Tracker]
    small: SiamesePlan | None = None
    make: Callable[[bool, N | None], N] | None = None
    learns: Callable[[str, Any, bool], bool] = lambda name, plan, backbone: (
        backbone or not name.startswith(BACKBONE)
    )
    tell: Callable[[N], dict[str, Any]] = lambda network: {}
    judge: Callable[[N, Sequence[Clip], Any], dict[str, float]] | None = None


def described(
    kind: str, arguments: Callable[[Any], dict[str, Any]]
) -> Callable[[Any], dict[str, Any]]:
    """What a file says for its network to be made again, whatever its size.

    Args:
        kind: Of :data:`spectrack.weights.described.KINDS`.
        arguments: A network to the arguments that it was made with.
    """
    return lambda network: {"network": {"kind": kind, **arguments(network)}}


def learn(
    learner: Learner[N],
    network: N,
    sources: Sequence[Source],
    folder: Path,
    plan: SiamesePlan | None = None,
    *,
    extra: dict[str, Any] | None = None,
    progress: Progress | None = None,
    held_out: Sequence[Clip] = (),
) -> TrainResult:
    """Learn, or go on where a run stopped.

    Args:
        learner: What is the tracker's own.
        network: Changed in place; the last weights are in it at the end.
        sources: Clips to learn from.
        folder: Of the run; of two, where the backbone learns later than the rest.
        plan: How much of everything; the learner's where left out.
        extra: More that decides the outcome.
        progress: Called with the steps done and in all.
        held_out: Clips that the network is judged on after every epoch.

    Returns:
        What the last run came to.

    Raises:
        InputError: If there is nothing to learn from, or as
            :func:`spectrack.training.loop.trainer.train`.
    """
    plan = plan or learner.plan
    data = _samples(learner, network, sources, plan)
    # twice as fast on a CPU
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    stages = plan.stages()
    for number, (training, backbone) in enumerate(stages, 1):
        for name, parameter in network.named_parameters():
            allowed = not (backbone and name.startswith(plan.always_frozen))
            parameter.requires_grad_(allowed and learner.learns(name, plan, backbone))

        def loss(model: nn.Module, batch: Sample) -> Tensor:
            freeze_norms(model, learning=not plan.fixed_norms)
            return learner.loss(model, batch)

        def judge(model: nn.Module) -> dict[str, float]:
            assert learner.judge is not None
            return learner.judge(cast(N, model), held_out, plan)

        result = train(
            network,
            data,
            loss,
            training,
            folder if len(stages) == 1 else folder / f"stage{number}",
            validate=judge if learner.judge is not None and held_out else None,
            extra={**plan.asked(), **(extra or {})},
            progress=progress,
        )
    return result


def _samples(learner: Learner[N], network: N, sources: Sequence[Source], plan: Any) -> Samples:
    if learner.data is not None:
        return learner.data(sources, plan)
    assert learner.samples is not None, "a learner makes samples of pairs, or of clips"
    make = learner.samples(network, plan)
    return SiamesePairs(sources, plan.samples, make, reach=plan.reach, negative=plan.negative)


def begun(learner: Learner[N], start: str, backbone_of: str, small: bool) -> N:
    """A network to begin with.

    Args:
        learner: What is the tracker's own.
        start: Weights of all of it, by name or file; empty for a network that has learned nothing,
        backbone_of: but for its backbone, where such weights are given.
        small: Whether such a network is smaller than the published one.

    Raises:
        InputError: If weights cannot be used, or the network cannot learn from nothing.
    """
    if start:
        return load_network(start, learner.network).network
    if learner.make is None:
        raise InputError(
            f"{learner.network.__name__} cannot learn from nothing, as its normalisations are part "
            "of its convolutions; give --start WEIGHTS"
        )
    if not backbone_of:
        return learner.make(small, None)
    known = load_network(backbone_of, learner.network).network
    network = learner.make(False, known)
    network.get_submodule("backbone").load_state_dict(known.get_submodule("backbone").state_dict())
    return network


def learn_on(
    learner: Learner[N],
    network: N,
    sources: Sequence[Source],
    held_out: Sequence[VideoSequence],
    file: Path,
    plan: SiamesePlan,
    *,
    about: dict[str, Any],
    extra: dict[str, Any] | None = None,
    progress: Progress | None = None,
    watch: Progress | None = None,
) -> dict[str, dict[str, float]]:
    """Learn on, follow held-out sequences before and after, and write the weights.

    Args:
        learner: What is the tracker's own.
        network: What to start from, on the CPU; changed in place.
        sources: Clips to learn from.
        held_out: Sequences that nothing is learned from.
        file: Of the weights; the run goes to the folder ``learning`` beside it.
        plan: How much of everything.
        about: What to write into the file beside what came of it: data, terms.
        extra: More that decides the outcome.
        progress: Called with the steps done and in all.
        watch: Called with held-out sequences followed and in all, twice.

    Returns:
        Mean box IoU of every held-out sequence ``before`` and ``after``.

    Raises:
        InputError: If there is nothing to learn from, or as
            :func:`spectrack.training.loop.trainer.train`.
    """
    found = {"before": box_overlaps(_tracker(learner, network), held_out, watch)}
    start = {name: value.clone() for name, value in network.state_dict().items()}
    folder = file.parent / "learning"
    apart: list[Clip] = [] if learner.judge is None else [VideoClip(video) for video in held_out]
    learn(learner, network, sources, folder, plan, extra=extra, progress=progress, held_out=apart)
    network.load_state_dict(blended(start, network.cpu().state_dict(), plan.blend))
    found["after"] = box_overlaps(_tracker(learner, network), held_out, watch)
    tensors = {name: t.detach().cpu().clone() for name, t in network.state_dict().items()}
    write_weights(file, tensors, {**about, **learner.tell(network), "held_out": found})
    return found


def blended(
    start: Mapping[str, Tensor], end: Mapping[str, Tensor], share: float
) -> dict[str, Tensor]:
    """Weights between two of a network; those that are no fractions are the second ones.

    Args:
        start: Name to tensor.
        end: The same names.
        share: 0 for the start, 1 for the end.
    """
    fractions = {name: tensor.is_floating_point() for name, tensor in end.items()}
    return {
        name: torch.lerp(start[name], tensor, share) if fractions[name] else tensor
        for name, tensor in end.items()
    }


def _tracker(learner: Learner[N], network: N) -> Tracker:
    with torch.no_grad():
        return learner.tracker(network.cpu().eval())
