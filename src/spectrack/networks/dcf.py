"""Discriminative filters: small convolutions learned on the spot, and the solver that learns them.

Axes: N frames, S sequences with a filter each, C feature maps, O maps that a filter gives, K its
height and width. A filter is applied with zero padding K // 2.

Residuals here are elementwise functions of the scores, and scores are linear in the filter. So
Gauss-Newton steepest descent (RTS supplement; Bhat et al., ECCV 2020, Eq. 7-8) has a closed form:
with slopes d = dr/ds the gradient is g = corr(x, d r) + reg^2 f, its image h = (d (x * g), reg g),
and the exact step |g|^2 / |h|^2. As the scores move by -step (x * g), which h needs anyway, one
iteration costs one convolution and one correlation, without automatic differentiation; where
gradients are wanted the closed form is differentiable itself. Newton steps on other objectives
(PrDiMP) have the same form with their own slope and curvature in the scores: :func:`minimise`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LEAST_CURVATURE = 1e-8
"""The step is |g|^2 over at least this."""

HALVES = (torch.float16, torch.bfloat16)

Residual = Callable[[Tensor], tuple[Tensor, Tensor]]
"""From scores (N, S, O, H, W) to residuals and their slopes dr/ds, both of that shape."""


@dataclass(frozen=True)
class Slope:
    """How an objective changes with the scores, at some scores.

    Attributes:
        loss: The objective, without the filter's regularisation.
        gradient: Of it (or of half of it, with the curvature) in the scores, (N, S, O, H, W).
        curvature: Along a change of the scores (N, S, O, H, W), for every sequence (S,).
    """

    loss: Tensor
    gradient: Tensor
    curvature: Callable[[Tensor], Tensor]


Objective = Callable[[Tensor], Slope]
"""From scores (N, S, O, H, W) to the slope there."""


class InstanceL2Norm(nn.Module):
    """Every image's maps are scaled to a fixed root mean square.

    Args:
        scale: The root mean square; 1 / sqrt(C K K) keeps scores of a unit filter near one.
    """

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, x_nchw: Tensor) -> Tensor:
        """(N, C, H, W) in and out: x scale sqrt(C H W / (sum x^2 + 1e-5)).

        Half precision becomes single: squares overflow it, and filters are learned in single.
        """
        x = x_nchw.float() if x_nchw.dtype in HALVES else x_nchw
        energy = x.square().sum((1, 2, 3), keepdim=True)
        return x * (self.scale * (x[0].numel() / (energy + 1e-5)).sqrt())


def feature_head(inputs: int, outputs: int, stride: int = 1, kernel: int = 3) -> nn.Sequential:
    """A 3x3 convolution and :class:`InstanceL2Norm` for a filter of the side ``kernel``.

    They are F and G of RTS (section 3.2 and 3.3) and the features of DiMP.
    """
    conv = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
    return nn.Sequential(conv, InstanceL2Norm((1 / (outputs * kernel**2)) ** 0.5))


def apply_filters(features_nschw: Tensor, filters_sockk: Tensor) -> Tensor:
    """Scores of filters on features.

    A filter has few outputs and many inputs, so the product with every tap comes first (one matrix
    product) and the taps' maps are shifted and added after; nothing large is unfolded.

    Args:
        features_nschw: (N, S, C, H, W).
        filters_sockk: (S, O, C, K, K).

    Returns:
        (N, S, O, H', W'), H' = H for odd K and H + 1 for even K.
    """
    frames, sequences, maps, height, width = features_nschw.shape
    _, outputs, _, kernel, _ = filters_sockk.shape
    padding = kernel // 2
    taps = filters_sockk.flip(3, 4).permute(0, 1, 3, 4, 2).reshape(sequences, -1, maps)
    products = taps @ features_nschw.flatten(3)
    grown = 2 * padding - kernel + 1
    size = (height + grown, width + grown)
    scores = F.fold(products.flatten(0, 1), size, kernel, padding=kernel - 1 - padding)
    return scores.view(frames, sequences, outputs, *size)


def correlate(features_nschw: Tensor, scores_nsohw: Tensor, kernel: int) -> Tensor:
    """Transpose of :func:`apply_filters`: scores back to filters, summed over frames.

    Args:
        features_nschw: (N, S, C, H, W).
        scores_nsohw: (N, S, O, H', W').
        kernel: K.

    Returns:
        (S, O, C, K, K).
    """
    frames, sequences, maps = features_nschw.shape[:3]
    outputs = scores_nsohw.shape[2]
    padding = kernel - 1 - kernel // 2
    shifted = F.unfold(scores_nsohw.flatten(0, 1), kernel, padding=padding)
    shifted = shifted.view(frames, sequences, outputs * kernel**2, -1)
    pixels = features_nschw.flatten(3)
    taps = torch.stack([_sum_of_products(shifted[:, s], pixels[:, s].mT) for s in range(sequences)])
    taps = taps.view(sequences, outputs, kernel, kernel, maps)
    return taps.permute(0, 1, 4, 2, 3).flip(3, 4)


def _sum_of_products(a_nij: Tensor, b_njk: Tensor) -> Tensor:
    return torch.addbmm(a_nij.new_zeros(()), a_nij, b_njk)


@dataclass(frozen=True)
class Descent:
    """What :func:`descend` or :func:`minimise` found.

    Attributes:
        filters: (S, O, C, K, K), the last iterate.
        iterates: All of them with the start, n + 1; only the last one unless asked for.
        losses: (n + 1,), of all sequences together; without gradient, for people.
    """

    filters: Tensor
    iterates: list[Tensor]
    losses: Tensor


def minimise(
    filters_sockk: Tensor,
    features_nschw: Tensor,
    objective: Objective,
    strength: Tensor | float,
    iterations: int,
    step: Tensor | float = 1.0,
    damping: float = 0.0,
    keep: bool = False,
) -> Descent:
    """Steepest descent with steps by the curvature along the gradient.

    The step is |g|^2 / (curvature + (strength + damping) |g|^2) for every sequence.

    Args:
        filters_sockk: Start.
        features_nschw: Features of the samples, single precision as :class:`InstanceL2Norm` gives
            them, also under ``torch.autocast``.
        objective: Of the scores.
        strength: What strength |f|^2 adds to it.
        iterations: Steps.
        step: Part of the step that is taken, one number.
        damping: Makes steps shorter.
        keep: Return every iterate.

    Returns:
        The last filter, and the way there; losses are the objective's sum over all sequences with
        the regularisation.
    """
    # Exact steps need exact products: mixed precision around the solver stops here.
    with torch.autocast(features_nschw.device.type, enabled=False):
        filters = filters_sockk.to(features_nschw.dtype)
        scores = apply_filters(features_nschw, filters)
        iterates, losses = [filters], []
        for _ in range(iterations):
            slope = objective(scores)
            losses.append(_with_regularisation(slope.loss, filters, strength))
            gradient = correlate(features_nschw, slope.gradient, filters.shape[-1])
            gradient = gradient + strength * filters
            change = apply_filters(features_nschw, gradient)
            size = gradient.square().sum((1, 2, 3, 4))
            curvature = slope.curvature(change) + (strength + damping) * size
            length = step * (size / curvature.clamp(min=LEAST_CURVATURE))
            filters = filters - length[:, None, None, None, None] * gradient
            scores = scores - length[:, None, None, None] * change
            iterates = [*iterates, filters] if keep else [filters]
        losses.append(_with_regularisation(objective(scores).loss, filters, strength))
        return Descent(filters, iterates, torch.stack(losses))


@torch.no_grad()
def _with_regularisation(loss: Tensor, filters: Tensor, strength: Tensor | float) -> Tensor:
    return (loss + strength * filters.square().sum()).sum()


def descend(
    filters_sockk: Tensor,
    features_nschw: Tensor,
    residual: Residual,
    regularisation: Tensor | float,
    iterations: int,
    keep: bool = False,
) -> Descent:
    """Gauss-Newton steepest descent with exact steps on sum r(s)^2 + regularisation^2 |f|^2.

    Args:
        filters_sockk: Start.
        features_nschw: As :func:`minimise` takes them.
        residual: From scores to residuals and slopes, see :func:`weighted_residual` and
            :func:`hinge_residual`.
        regularisation: Factor on the filter among the residuals; its square counts.
        iterations: Steps.
        keep: Return every iterate.

    Returns:
        The last filter, and the way there; losses are sums of squared residuals over their number.
    """
    objective, strength = least_squares(residual), regularisation**2
    found = minimise(filters_sockk, features_nschw, objective, strength, iterations, keep=keep)
    kernel, outputs = filters_sockk.shape[-1], filters_sockk.shape[1]
    frames, sequences, _, height, width = features_nschw.shape
    even = 1 - kernel % 2
    values = frames * sequences * outputs * (height + even) * (width + even)
    return replace(found, losses=found.losses / (values + filters_sockk.numel()))


def least_squares(residual: Residual) -> Objective:
    """Half of sum r(s)^2, with Gauss-Newton's curvature; its loss is the whole sum."""

    def objective(scores: Tensor) -> Slope:
        values, slopes = residual(scores)

        def curvature(change: Tensor) -> Tensor:
            return (slopes * change).square().sum((0, 2, 3, 4))

        return Slope(values.detach().square().sum(), slopes * values, curvature)

    return objective


def weighted_residual(labels: Tensor, weights: Tensor | None = None) -> Residual:
    """Few-shot segmentation, r = w (s - y) (LWL Eq. 3, RTS Eq. 1).

    Args:
        labels: (N, S, O, H, W), y.
        weights: w, broadcast over ``labels``; sqrt(1 / N) where left out.
    """
    factor = labels.new_tensor(1 / len(labels)).sqrt() if weights is None else weights

    def residual(scores: Tensor) -> tuple[Tensor, Tensor]:
        return factor * (scores - labels), factor

    return residual


def hinge_residual(
    labels: Tensor, weights: Tensor | None = None, threshold: float = 0.05, background: float = 0.1
) -> Residual:
    """Leaky hinge, r = q (act(s) - m y): scores below zero far from the target cost little.

    m = min(1, [y > threshold] + background); act(s) = s for s > 0, m s below.

    Args:
        labels: (N, S, 1, H, W), y: a Gaussian at the target.
        weights: (N,) or (N, S) sample weights, q^2; 1 / N where left out.
        threshold: Labels above are near the target.
        background: m away from it.
    """
    mask = ((labels > threshold).to(labels.dtype) + background).clamp(max=1)
    if weights is None:
        factor = labels.new_tensor(1 / len(labels)).sqrt()
    else:
        factor = weights.sqrt().reshape(len(labels), -1, 1, 1, 1)

    def residual(scores: Tensor) -> tuple[Tensor, Tensor]:
        slopes = (1 - mask) / 2 * scores.sign() + (1 + mask) / 2
        return factor * (slopes * scores - mask * labels), factor * slopes

    return residual
