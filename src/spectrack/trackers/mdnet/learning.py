"""The layers that learn a target online, and how: mini-batches with hard negatives.

Nam and Han, CVPR 2016, sections 3.3 and 3.4: fc4, fc5 and a new fc6 learn from features of the last
convolution, which stays as it is. Of many background samples those that look most like the target
are learned from (section 3.4.1).
"""

from __future__ import annotations

import copy
from collections import deque

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from spectrack.trackers.mdnet.network import DROPOUT, TARGET, MDNet, binary_loss

BATCH_POSITIVES, BATCH_NEGATIVES = 32, 96
MINED = 1024
"""Negatives of which those are chosen that score highest."""
NEW_LAYER = 10.0
"""How many times faster fc6 learns."""
MOMENTUM, DECAY, CLIP = 0.9, 5e-4, 10.0
NEURONS = 0.01
"""Standard deviation of fresh weights of fully connected layers."""


class TargetClassifier(nn.Module):
    """fc4 and fc5 of a network, copied, and a new fc6.

    Args:
        network: Stays as it is.
        generator: Draws the weights of fc6.
    """

    def __init__(self, network: MDNet, generator: torch.Generator) -> None:
        super().__init__()
        self.fc4, self.fc5 = (_copied(layer) for layer in (network.fc4, network.fc5))
        # without numbers: its own would be drawn from everybody's generator
        device = self.fc4.weight.device
        self.fc6 = nn.utils.skip_init(nn.Linear, network.hidden, 2, device=device)
        with torch.no_grad():
            drawn = torch.randn(2, network.hidden, generator=generator) * NEURONS
            self.fc6.weight.copy_(drawn)
            self.fc6.bias.zero_()

    def forward(self, features_nc: Tensor, dropout: torch.Generator | None = None) -> Tensor:
        """Scores of background and target, (N, 2).

        Args:
            features_nc: Of the last convolution.
            dropout: Decides what is left out; nothing is where there is none.
        """
        hidden = self.fc4(features_nc).relu()
        hidden = self.fc5(_dropped(hidden, dropout)).relu()
        scores: Tensor = self.fc6(_dropped(hidden, dropout))
        return scores

    @torch.no_grad()
    def target_scores(self, features_nc: Tensor) -> Tensor:
        """How much each looks like the target, (N,); above 0 where it does."""
        return self(features_nc)[:, TARGET]


class OnlineLearning:
    """Steps of stochastic gradient descent; momentum is kept between calls.

    Args:
        classifier: Changed in place.
        rate: Learning rate of fc4 and fc5.
        rng: Draws mini-batches.
        dropout: Decides what is left out; nothing is where there is none.
    """

    def __init__(
        self,
        classifier: TargetClassifier,
        rate: float,
        rng: np.random.Generator,
        dropout: torch.Generator | None,
    ) -> None:
        self._classifier, self._rng, self._dropout = classifier, rng, dropout
        self._rates = {
            parameter: rate * (NEW_LAYER if name.startswith("fc6.") else 1)
            for name, parameter in classifier.named_parameters()
        }
        self._speeds = {parameter: torch.zeros_like(parameter) for parameter in self._rates}

    def learn(self, positives_nc: Tensor, negatives_nc: Tensor, iterations: int) -> None:
        """Some steps.

        Args:
            positives_nc: Features of the target, (N, C), N >= 1.
            negatives_nc: Features of background, maybe none.
            iterations: How many.
        """
        positive = passes(len(positives_nc), BATCH_POSITIVES * iterations, self._rng)
        negative = passes(len(negatives_nc), MINED * iterations, self._rng)
        for step in range(iterations):
            chosen = positive[step * BATCH_POSITIVES : (step + 1) * BATCH_POSITIVES]
            mined = negative[step * MINED : (step + 1) * MINED]
            hard = self.hardest(negatives_nc[torch.from_numpy(mined)])
            self.step(positives_nc[torch.from_numpy(chosen)], hard)

    def hardest(self, negatives_nc: Tensor) -> Tensor:
        """The negatives that look most like the target."""
        scores = self._classifier.target_scores(negatives_nc)
        best = scores.topk(min(BATCH_NEGATIVES, len(scores))).indices
        return negatives_nc[best]

    def step(self, positives_nc: Tensor, negatives_nc: Tensor) -> tuple[float, float]:
        """One step.

        Returns:
            The loss before it, and the norm of the gradients before clipping.
        """
        parameters = list(self._rates)
        with torch.enable_grad():
            scores = self._classifier(torch.cat([positives_nc, negatives_nc]), self._dropout)
            loss = binary_loss(scores[: len(positives_nc)], scores[len(positives_nc) :])
            gradients = torch.autograd.grad(loss, parameters)
        norm = torch.stack([g.square().sum() for g in gradients]).sum().sqrt()
        self._follow(dict(zip(parameters, gradients, strict=True)), (CLIP / norm).clamp(max=1))
        return loss.item(), norm.item()

    @torch.no_grad()
    def _follow(self, gradients: dict[nn.Parameter, Tensor], share: Tensor) -> None:
        """Written out: torch's own optimisers take seconds to be loaded, more than they work."""
        for parameter, gradient in gradients.items():
            speed = self._speeds[parameter]
            speed.mul_(MOMENTUM).add_(gradient * share).add_(parameter, alpha=DECAY)
            parameter.sub_(speed, alpha=self._rates[parameter])


class FeatureMemory:
    """Features of samples of the last frames; bounded.

    Args:
        frames: How many frames at most.
    """

    def __init__(self, frames: int) -> None:
        self._frames: deque[Tensor] = deque(maxlen=frames)

    def add(self, features_nc: Tensor) -> None:
        """Remember a frame; the oldest leaves where there is no more room."""
        self._frames.append(features_nc)

    def last(self, frames: int | None = None) -> Tensor:
        """All features of the last frames, or of all."""
        kept = list(self._frames)
        return torch.cat(kept if frames is None else kept[-frames:])


def passes(count: int, length: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Numbers below a count in random order, again and again, int64 (length,); none of none."""
    if not count:
        return np.empty(0, np.int64)
    orders = [rng.permutation(count) for _ in range(-(-length // count))]
    return np.concatenate(orders)[:length]


def _copied(layer: nn.Linear) -> nn.Linear:
    return copy.deepcopy(layer).requires_grad_(True)


def _dropped(values: Tensor, generator: torch.Generator | None) -> Tensor:
    if generator is None:
        return values
    kept = torch.rand(values.shape, generator=generator, device=generator.device) >= DROPOUT
    return values * kept.to(values.device) / (1 - DROPOUT)
