"""What trackers that learn a filter online are trained to answer: scores of places, and of boxes.

Scores of places: the hinge of DiMP (Bhat et al., ICCV 2019, section 3.4) and the Kullback-Leibler
divergence of PrDiMP (Danelljan et al., CVPR 2020, section 3.3), of every iterate of the filter.
Scores of boxes: the error of ATOM's predicted IoU, or PrDiMP's divergence over sampled boxes
(section 3.2). All compute in single precision at least, also under autocast.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from spectrack.errors import InputError

NEAR = 0.05
"""Where a label is at least so large, the score must meet it; elsewhere it must not exceed 0."""


def hinge_error(
    scores: Tensor, labels: Tensor, near: float = NEAR, counted: Tensor | None = None
) -> Tensor:
    """Mean squared error of scores; away from the target only scores above 0 are wrong.

    Args:
        scores: (..., H, W).
        labels: Same shape, Gaussians at the target.
        near: See :data:`NEAR`.
        counted: Bool (...), which maps count (KYS leaves out targets that are half hidden); all
            where left out.

    Returns:
        Scalar; 0 where no map counts.

    Raises:
        InputError: The shapes differ.
    """
    _check(scores, labels)
    scores, labels = scores.float(), labels.float()
    errors = torch.where(labels >= near, scores - labels, scores.relu()).square()
    if counted is None:
        return errors.mean()
    share = counted.to(errors.dtype)[..., None, None].expand_as(errors)
    return (errors * share).sum() / share.sum().clamp_min(1)


def map_divergence(scores: Tensor, densities: Tensor) -> Tensor:
    """Kullback-Leibler divergence of scores of places, less what no score can change.

    -log of what the softmax of the scores gives the truth: log sum exp s - sum p s.

    Args:
        scores: (..., H, W).
        densities: Same shape or one that expands to it, p: where the target is; each map sums to 1.

    Returns:
        Scalar, the mean over maps.
    """
    scores = scores.float()
    whole = torch.logsumexp(scores.flatten(-2), -1)
    return (whole - (scores * densities).sum((-2, -1))).mean()


def box_divergence(scores: Tensor, sampled: Tensor, true: Tensor) -> Tensor:
    """The same for scores of boxes, with integrals by drawn boxes (PrDiMP, Eq. 8).

    Args:
        scores: (..., M), s of M boxes.
        sampled: Same shape, above 0: density q that they were drawn from.
        true: Same shape: density p of the truth at them.

    Returns:
        Scalar, the mean over sets of log mean (exp s / q) - mean (s p / q).
    """
    _check(scores, sampled)
    _check(scores, true)
    scores, sampled = scores.float(), sampled.float()
    whole = _log_mean(scores - sampled.log())
    return (whole - (scores * true.float() / sampled).mean(-1)).mean()


def box_likelihood(true: Tensor, others: Tensor, sampled: Tensor) -> Tensor:
    """-log of the density that scores give the true box (maximum likelihood).

    Args:
        true: (...), score of the true box.
        others: (..., M), scores of drawn boxes.
        sampled: Same shape, above 0: the density that they were drawn from.

    Returns:
        Scalar, the mean over sets.
    """
    _check(others, sampled)
    return (_log_mean(others.float() - sampled.float().log()) - true.float()).mean()


def overlap_error(scores: Tensor, overlaps: Tensor) -> Tensor:
    """Mean squared error of a predicted IoU that is told as 2 IoU - 1 (ATOM, section 3.1).

    Args:
        scores: Any shape.
        overlaps: Same shape, IoU in [0, 1].
    """
    _check(scores, overlaps)
    return (scores.float() - (2 * overlaps.float() - 1)).square().mean()


@dataclass(frozen=True, slots=True, kw_only=True)
class IterateWeights:
    """How much the scores of a filter's iterates count in a loss.

    Attributes:
        last: The learned filter.
        first: The initial one, before any step.
        between: The mean over the others.
    """

    last: float = 100.0
    first: float = 100.0
    between: float = 400.0

    def of(self, errors: list[Tensor]) -> Tensor:
        """The weighted sum.

        Args:
            errors: Scalar of every iterate, the initial one first.

        Raises:
            InputError: If there are fewer than two.
        """
        if len(errors) < 2:
            raise InputError(
                f"{len(errors)} iterates of a filter were given; give the initial one and more"
            )
        total = self.last * errors[-1] + self.first * errors[0]
        if between := errors[1:-1]:
            total = total + self.between * torch.stack(between).mean()
        return total


def _log_mean(values: Tensor) -> Tensor:
    """Logarithm of the mean of the exponentials over the last axis."""
    return torch.logsumexp(values - torch.log(values.new_tensor(values.shape[-1])), -1)


def _check(first: Tensor, second: Tensor) -> None:
    if first.shape != second.shape:
        raise InputError(
            f"scores have shape {tuple(first.shape)} and what they are held against "
            f"{tuple(second.shape)}; give both of one shape"
        )
