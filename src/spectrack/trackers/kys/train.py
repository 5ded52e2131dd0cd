"""KYS learns to know surroundings: its predictor over runs of frames, the rest as it is.

Bhat et al., ECCV 2020, section 3.5 and 4. The published training starts from DiMP-50, whose
backbone, classifier and IoU-Net stay; the pieces are the same for smaller networks.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from spectrack.networks.cost_volume import cost_volume
from spectrack.networks.dimp_learners import STRIDE
from spectrack.storage import Progress
from spectrack.trackers.kys.alignment import to_cells
from spectrack.trackers.kys.network import KYS
from spectrack.trackers.kys.predictor import Response
from spectrack.trackers.kys.train_losses import Jitter, LossWeights, kys_loss, raise_distractors
from spectrack.trackers.kys.train_runs import RunSamples
from spectrack.training.data.samples import Sample
from spectrack.training.data.target_maps import target_labels
from spectrack.training.loop.settings import TrainSettings
from spectrack.training.loop.trainer import TrainResult, train

FILTER_STEPS = 5
"""Of DiMP's learner in training."""

KYS_TRAINING = TrainSettings(
    epochs=40,
    optimizer="adam",
    learning_rate=1e-2,
    weight_decay=0.0,
    schedule="step",
    schedule_every=15,
    schedule_factor=0.2,
    checkpoint_every=100,
    log_every=20,
)
"""Settings of the published training, but for its batch, which is not known. It draws from GOT-10k,
TrackingNet (sets 0 to 4) and LaSOT, 0.3 : 0.3 : 0.25."""


@dataclass(frozen=True)
class Followed:
    """A batch of runs, followed.

    Attributes:
        states: What each frame began with, T of (N, STATE, h, w).
        responses: T.
        scores_tnhw: Appearance scores of those frames on the grid of the cells, as the predictor
            saw them.
        labels_tnhw: (T + 1, N, h, w), with the frame before them.
    """

    states: list[Tensor]
    responses: list[Response]
    scores_tnhw: Tensor
    labels_tnhw: Tensor


def freeze_rest(network: KYS) -> None:
    """Leave all but the predictor as it is."""
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name.startswith("predictor."))


def follow(network: KYS, batch: Sample, sigma: float, jitter: Jitter | None = None) -> Followed:
    """Learn DiMP's filters of a batch, and follow its runs with the predictor.

    Args:
        network: Gradients flow into the predictor alone.
        batch: Samples of :class:`~spectrack.trackers.kys.train_runs.RunSamples`, stacked.
        sigma: Standard deviation of labels, in cells.
        jitter: Of appearance scores; they stay as they are where None.
    """
    classifier, predictor = network.dimp_classifier, network.responses
    train_boxes, run_boxes = (batch[f"{k}_boxes"].transpose(0, 1) for k in ("train", "run"))
    with torch.no_grad():
        known = _layer3(network, batch["train"])
        seen = _layer3(network, batch["run"])
        features = classifier.features(known.flatten(0, 1)).unflatten(0, known.shape[:2])
        found = classifier.learn(features, train_boxes, iterations=FILTER_STEPS).filters
        features = classifier.features(seen.flatten(0, 1)).unflatten(0, seen.shape[:2])
        scores = _cells(classifier.scores(found, features))
        size = batch["run"].shape[-2:]
        kernel = classifier.filter_size
        labels = target_labels(run_boxes, (size[1], size[0]), STRIDE, sigma, kernel)
        labels = _cells(labels.to(scores.device))
        if jitter is not None:
            chance = torch.Generator().manual_seed(int(batch["draw"][0]))
            raised = raise_distractors(scores.flatten(0, 1), labels.flatten(0, 1), chance, jitter)
            scores = raised.view_as(scores)
    states, responses = [predictor.first_state(labels[0][:, None])], []
    for t in range(1, len(seen)):
        volume = cost_volume(seen[t], seen[t - 1])
        responses.append(predictor(volume, scores[t][:, None], states[-1]))
        states.append(responses[-1].state)
    return Followed(states[:-1], responses, scores[1:], labels)


def _layer3(network: KYS, images_nkchw: Tensor) -> Tensor:
    """Of pictures (N, K, 3, H, W), uint8, as (K, N, C, h, w)."""
    flat = network.normalise(images_nkchw.transpose(0, 1).flatten(0, 1))
    maps = network.backbone_feature_extractor(flat, ("layer3",))["layer3"]
    return maps.unflatten(0, images_nkchw.shape[:2][::-1])


def _cells(maps_tnhw: Tensor) -> Tensor:
    return to_cells(maps_tnhw.flatten(0, 1)[:, None])[:, 0].unflatten(0, maps_tnhw.shape[:2])


def learn_kys(
    network: KYS,
    data: RunSamples,
    folder: Path,
    sigma: float,
    settings: TrainSettings = KYS_TRAINING,
    *,
    weights: LossWeights | None = None,
    jitter: Jitter | None = None,
    held_out: RunSamples | None = None,
    extra: dict[str, Any] | None = None,
    progress: Progress | None = None,
) -> TrainResult:
    """Train the predictor, or go on where a run stopped.

    Args:
        network: Changed in place; its other parts come from DiMP and stay.
        data: What to learn from.
        folder: Of the run.
        sigma: Standard deviation of labels, in cells.
        settings: How to train.
        weights: Of the parts of the loss.
        jitter: Of appearance scores; the published one where left out.
        held_out: Fixed samples that are judged after each epoch, see :func:`judge`.
        extra: More that decides the outcome.
        progress: Called with the steps done and in all.
    """
    freeze_rest(network)
    jitter = jitter or Jitter()

    def loss(model: nn.Module, batch: Sample) -> Tensor:
        assert isinstance(model, KYS)
        for part in (model.backbone_feature_extractor, model.dimp_classifier, model.bb_regressor):
            part.eval()  # normalisations keep their numbers
        found = follow(model, batch, sigma, jitter)
        visible = found.labels_tnhw.new_ones(found.labels_tnhw.shape[:2])
        return kys_loss(
            model.responses, found.states, found.responses, found.labels_tnhw, visible, weights
        )

    def validate(model: nn.Module) -> dict[str, float]:
        assert isinstance(model, KYS)
        assert held_out is not None
        return judge(model, held_out, sigma)

    return train(
        network,
        data,
        loss,
        settings,
        folder,
        validate=None if held_out is None else validate,
        monitor="loss" if held_out is None else "hits",
        best="min" if held_out is None else "max",
        extra=extra,
        progress=progress,
    )


@torch.no_grad()
def judge(network: KYS, samples: RunSamples, sigma: float) -> dict[str, float]:
    """How often the highest score lies within a cell of the target, on fixed samples.

    Args:
        network: In evaluation mode.
        samples: With a seed, so that they are the same every time.
        sigma: Standard deviation of labels, in cells.

    Returns:
        ``hits``: share of frames, by the predictor; ``alone``: by appearance alone. Distractors
        are raised alike for both.
    """
    device = next(network.parameters()).device
    hits: dict[str, list[Tensor]] = {"hits": [], "alone": []}
    for index in range(len(samples)):
        batch = {name: value[None].to(device) for name, value in samples[index].items()}
        found = follow(network, batch, sigma, Jitter())
        labels = found.labels_tnhw[1:, 0]
        fused = torch.stack([response.score[0, 0] for response in found.responses])
        for name, scores in (("hits", fused), ("alone", found.scores_tnhw[:, 0])):
            hits[name].append((_apart(scores, labels) <= 1).float())
    return {name: float(torch.cat(values).mean()) for name, values in hits.items()}


def _apart(scores_thw: Tensor, labels_thw: Tensor) -> Tensor:
    """Cells between the maxima of scores and labels, along the axis where they are more, (T,)."""
    width = labels_thw.shape[-1]
    found, true = scores_thw.flatten(1).argmax(1), labels_thw.flatten(1).argmax(1)
    rows, columns = found // width - true // width, found % width - true % width
    return torch.maximum(rows.abs(), columns.abs())
