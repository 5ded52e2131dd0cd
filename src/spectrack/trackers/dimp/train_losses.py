"""What DiMP is trained for: scores of places by every iterate of the filter, and scores of boxes.

Bhat et al., ICCV 2019, section 3.4; Danelljan et al., CVPR 2020, section 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from spectrack.trackers.dimp.network import DiMP
from spectrack.trackers.dimp.train_plans import DiMPPlan
from spectrack.training.box_scores import chosen_overlap, judge_proposals, proposal_loss
from spectrack.training.data.clips import Clip
from spectrack.training.data.discriminative import LearningSamples
from spectrack.training.data.samples import Sample, Source
from spectrack.training.data.target_maps import target_densities, target_labels
from spectrack.training.discriminative_losses import hinge_error, map_divergence

STRIDE = 16
LAYERS = ("layer2", "layer3")
JUDGED, TOGETHER = 48, 16
"""Samples of held-out clips, and how many of them are in memory together."""


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What a network says of a batch.

    Attributes:
        places_itshw: Scores of places in the frames to answer for, by every iterate of the filter.
        boxes_stp: Scores of the proposals in them.
    """

    places_itshw: list[Tensor]
    boxes_stp: Tensor


def answers(network: DiMP, batch: Sample, iterations: int) -> Answers:
    """Run a network over samples.

    Args:
        network: On the batch's device.
        batch: Of :class:`~spectrack.training.data.discriminative.LearningSamples`, stacked.
        iterations: Steps of the filter.
    """
    train, test = batch["train"].transpose(0, 1), batch["test"].transpose(0, 1)
    frames, sequences = train.shape[:2]
    pictures = torch.cat((train.flatten(0, 1), test.flatten(0, 1)))
    pixels = network.feature_extractor.normalise(pictures)
    layers = network.feature_extractor(pixels.contiguous(memory_format=torch.channels_last), LAYERS)
    count = frames * sequences
    features = network.classifier.features(layers["layer3"])
    learned = network.classifier.learn(
        features[:count].unflatten(0, (frames, sequences)),
        batch["train_boxes"].transpose(0, 1),
        iterations=iterations,
        keep=True,
    )
    seen = features[count:].unflatten(0, (-1, sequences))
    places = [network.classifier.scores(filters, seen) for filters in learned.iterates]
    reference = {name: layers[name][:sequences] for name in LAYERS}
    tests = {name: layers[name][count:] for name in LAYERS}
    return Answers(places, judge_proposals(network.bb_regressor, reference, tests, batch))


def dimp_loss(network: nn.Module, batch: Sample, plan: DiMPPlan) -> Tensor:
    """The loss of a batch, a mean over its samples.

    Args:
        network: On the batch's device.
        batch: As :func:`answers`.
        plan: What counts how much.
    """
    assert isinstance(network, DiMP)
    found = answers(network, batch, plan.iterations)
    truth = _truth(batch, plan)
    error = hinge_error if plan.objective == "hinge" else map_divergence
    places = plan.scores.of([error(scores, truth) for scores in found.places_itshw])
    return places + plan.boxes * proposal_loss(found.boxes_stp, batch, plan.answer)


def _truth(batch: Sample, plan: DiMPPlan) -> Tensor:
    """What scores of places should be, or their density, (T, S, h, w)."""
    look = plan.pairs
    size_wh, boxes = (look.size, look.size), batch["test_boxes"].transpose(0, 1)
    make = target_labels if plan.objective == "hinge" else target_densities
    return make(boxes, size_wh, STRIDE, look.sigma)


def samples(sources: Sequence[Source], plan: DiMPPlan) -> LearningSamples:
    """What is learned from."""
    return LearningSamples(sources, plan.samples, plan.pairs, fewest=plan.fewest)


@torch.no_grad()
def judged(network: DiMP, clips: Sequence[Clip], plan: DiMPPlan) -> dict[str, float]:
    """How well a network does on fixed samples of clips.

    Args:
        network: In evaluation mode.
        clips: Held out.
        plan: What samples look like.

    Returns:
        ``hits``: share of frames where the highest score lies within a cell of the target's middle;
        ``first``: the same by the initial filter; ``chosen``: mean IoU of the three proposals with
        the highest scores; ``drawn``: that of all proposals.
    """
    data = LearningSamples([Source(clips)], JUDGED, plan.pairs, seed=plan.train.seed, fewest=1)
    device = next(network.parameters()).device
    hits: list[Tensor] = []
    first: list[Tensor] = []
    chosen: list[Tensor] = []
    drawn: list[Tensor] = []
    for start in range(0, JUDGED, TOGETHER):
        many = [data[i] for i in range(start, min(start + TOGETHER, JUDGED))]
        batch = {name: torch.stack([one[name] for one in many]).to(device) for name in many[0]}
        found, truth = answers(network, batch, plan.iterations), _truth(batch, plan)
        hits.append(_hits(found.places_itshw[-1], truth))
        first.append(_hits(found.places_itshw[0], truth))
        chosen.append(chosen_overlap(found.boxes_stp, batch["overlaps"]).flatten())
        drawn.append(batch["overlaps"].flatten())
    parts = {"hits": hits, "first": first, "chosen": chosen, "drawn": drawn}
    return {name: float(torch.cat(values).mean()) for name, values in parts.items()}


def _hits(scores_tshw: Tensor, truth_tshw: Tensor) -> Tensor:
    """Whether the highest score lies within a cell of the highest label, (T * S,) of 0 and 1."""
    columns = truth_tshw.shape[-1]
    found, true = scores_tshw.flatten(2).argmax(2), truth_tshw.flatten(2).argmax(2)
    rows, across = found // columns - true // columns, found % columns - true % columns
    return ((rows.abs() <= 1) & (across.abs() <= 1)).float().flatten()
