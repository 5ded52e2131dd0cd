"""Siamese trackers learn on from weights: how much of everything, and what it brought."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn

from spectrack.datasets.base import VideoSequence
from spectrack.storage import Progress
from spectrack.tracking.base import Tracker
from spectrack.training.data.samples import Source
from spectrack.training.held_out import box_overlaps
from spectrack.training.loop.settings import TrainSettings
from spectrack.training.loop.trainer import TrainResult
from spectrack.weights.files import write_weights

N = TypeVar("N", bound=nn.Module)


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
    blend: float = 1.0

    def asked(self) -> dict[str, Any]:
        """What decides the outcome, but for the settings of the training."""
        return {key: value for key, value in asdict(self).items() if key != "train"}


P = TypeVar("P", bound=SiamesePlan)


def fewer(plan: P, epochs: int | None, samples: int | None, seed: int) -> P:
    """The plan with other counts where given, and a seed."""
    training = replace(plan.train, seed=seed)
    if epochs is not None:
        training = replace(training, epochs=epochs)
    return replace(plan, train=training, samples=samples or plan.samples)


class Learn(Protocol):
    """Changes a network in place; at the end it holds the last weights."""

    def __call__(
        self,
        network: Any,
        sources: Sequence[Source],
        folder: Path,
        plan: Any,
        *,
        extra: dict[str, Any] | None,
        progress: Progress | None,
    ) -> TrainResult:
        """Learn on, or go on where a run stopped."""


@dataclass(frozen=True, kw_only=True)
class Learner(Generic[N]):
    """What is a tracker's own.

    Attributes:
        network: Class of its network.
        plan: How much of everything, if nothing else is asked.
        learn: See :class:`Learn`.
        tracker: A network, on the CPU and in evaluation mode, to the tracker that it makes.
        tell: What else a file of weights of the network says.
    """

    network: type[N]
    plan: SiamesePlan
    learn: Learn
    tracker: Callable[[N], Tracker]
    tell: Callable[[N], dict[str, Any]] = lambda network: {}


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
    learner.learn(network, sources, folder, plan, extra=extra, progress=progress)
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
