"""ATOM's online classifier: two layers learned by Gauss-Newton steps of conjugate gradients.

Danelljan et al., CVPR 2019, section 3.2; D3S uses the same filter (Lukezic et al., CVPR 2020,
section 3.1). A projection P (1x1, C -> M maps) and a filter f (K x K, M -> 1 map) give scores of
the features' own size, s = f * (P x), and an activation leaves negative scores almost alone. With
sample weights w and labels y the residuals are

    sqrt(w) (phi(s) - y),  sqrt(reg_f) f,  sqrt(reg_P) P.

Both layers are linear, so together they are one filter h = P^T f on the C maps, and the Jacobian
has a closed form in it. With d = sqrt(w) phi'(s),

    J (df, dP) = d ((P^T df + dP^T f) * x),
    J^T u = (P B, f B),  B = corr(x, d u).

A product with J costs one convolution by K K C taps and a product with J^T one correlation, whose
result B is small; projected features are needed for neither, and nothing is differentiated
automatically.

Axes: N samples, C and M maps, K the filter's side. With even K a filter looks a cell further up and
left than down and right, and maps keep their size.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from spectrack.networks.dcf import apply_filters, correlate

Rule = Literal["fletcher_reeves", "polak_ribiere"]
"""How a direction remembers the last one; equal as long as arithmetic is exact."""

Blocks = tuple[Tensor, ...]
"""A vector of unknowns: the layers, one after another."""

FLOOR = 0.05
"""No activated score is below minus this."""


def same_scores(features_nchw: Tensor, filter_ckk: Tensor) -> Tensor:
    """Scores of a filter, as large as the features: (N, C, H, W) and (C, K, K) -> (N, H, W)."""
    height, width = features_nchw.shape[2:]
    return apply_filters(features_nchw[:, None], filter_ckk[None, None])[:, 0, 0, :height, :width]


def same_correlation(features_nchw: Tensor, scores_nhw: Tensor, kernel: int) -> Tensor:
    """Transpose of :func:`same_scores`: (N, H, W) back to (C, K, K), summed over samples."""
    grown = 1 - kernel % 2
    scores = F.pad(scores_nhw, (0, grown, 0, grown))
    return correlate(features_nchw[:, None], scores[:, None, None], kernel)[0, 0]


def activate(scores: Tensor) -> tuple[Tensor, Tensor]:
    """Positive scores as they are, negative ones bent towards -FLOOR (PELU, section 3.2).

    Returns:
        phi(s) = s above zero and FLOOR (exp(s / FLOOR) - 1) below, and its slope.
    """
    slopes = (scores.clamp(max=0) / FLOOR).exp()
    return scores.clamp(min=0) + FLOOR * (slopes - 1), slopes


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """What the classifier learns from.

    Attributes:
        features_nchw: (N, C, H, W), single precision; projected ones to learn the filter alone.
        labels_nhw: (N, H, W), scores they should have.
        weights_n: (N,), of the samples, not negative.
    """

    features_nchw: Tensor
    labels_nhw: Tensor
    weights_n: Tensor

    def linearise(self, filter_ckk: Tensor) -> tuple[Tensor, Tensor]:
        """Residuals (N, H, W) of a filter on the features, and slopes d of the module's text."""
        values, slopes = activate(same_scores(self.features_nchw, filter_ckk))
        roots = self.weights_n.sqrt()[:, None, None]
        return roots * (values - self.labels_nhw), roots * slopes


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """The classifier after learning.

    Attributes:
        filter_mkk: (M, K, K).
        projection_mc: (M, C); as it was where only the filter was learned.
        losses: Sum of squared residuals before every Gauss-Newton step and, if they were asked
            for, after the last; without those, empty.
    """

    filter_mkk: Tensor
    projection_mc: Tensor
    losses: Tensor


def learn_both(
    samples: Samples,
    filter_mkk: Tensor,
    projection_mc: Tensor,
    filter_strength: float = 0.1,
    projection_strength: float = 1e-4,
    iterations: int = 6,
    steps: int = 10,
    rule: Rule = "fletcher_reeves",
    losses: bool = False,
) -> Learned:
    """Learn filter and projection together, as in the first frame.

    Args:
        samples: Features of C maps.
        filter_mkk: (M, K, K), start.
        projection_mc: (M, C), start.
        filter_strength: reg_f.
        projection_strength: reg_P.
        iterations: Gauss-Newton steps.
        steps: Of conjugate gradients in each; they are preconditioned by 1 / reg.
        rule: See ``Rule``.
        losses: Sum residuals up, for people.
    """
    features, kernel = samples.features_nchw, filter_mkk.shape[-1]
    strengths = (filter_strength, projection_strength)
    unknowns: Blocks = (filter_mkk, projection_mc)
    found: list[Tensor] = []
    with torch.autocast(features.device.type, enabled=False):
        for iteration in range(iterations + losses):
            f, p = unknowns
            residuals, slopes = samples.linearise(torch.einsum("mkl,mc->ckl", f, p))
            if losses:
                found.append(_loss(residuals, unknowns, strengths))
            if iteration == iterations:
                break

            def pull_back(u: Tensor, d: Tensor = slopes, f: Tensor = f, p: Tensor = p) -> Blocks:
                b = same_correlation(features, d * u, kernel)
                return torch.einsum("mc,ckl->mkl", p, b), torch.einsum("mkl,ckl->mc", f, b)

            def push(v: Blocks, d: Tensor = slopes, f: Tensor = f, p: Tensor = p) -> Tensor:
                change = torch.einsum("mkl,mc->ckl", v[0], p) + torch.einsum("mkl,mc->ckl", f, v[1])
                return d * same_scores(features, change)

            update = _least_squares(
                push, pull_back, residuals, unknowns, strengths, steps, rule, precondition=True
            )
            unknowns = tuple(old + new for old, new in zip(unknowns, update, strict=True))
    return Learned(unknowns[0], unknowns[1], _stack(found, features))


def learn_filter(
    samples: Samples,
    filter_mkk: Tensor,
    projection_mc: Tensor,
    filter_strength: float = 0.1,
    steps: int = 5,
    rule: Rule = "polak_ribiere",
    losses: bool = False,
) -> Learned:
    """Improve the filter by one Gauss-Newton step, as in later frames.

    Args:
        samples: Projected features of M maps.
        filter_mkk: (M, K, K), start.
        projection_mc: (M, C), handed on.
        filter_strength: reg_f.
        steps: Of conjugate gradients, without a preconditioner.
        rule: See ``Rule``.
        losses: Sum residuals up, for people.
    """
    features, kernel = samples.features_nchw, filter_mkk.shape[-1]
    strengths = (filter_strength,)
    found: list[Tensor] = []
    with torch.autocast(features.device.type, enabled=False):
        residuals, slopes = samples.linearise(filter_mkk)
        (update,) = _least_squares(
            lambda v: slopes * same_scores(features, v[0]),
            lambda u: (same_correlation(features, slopes * u, kernel),),
            residuals, (filter_mkk,), strengths, steps, rule, precondition=False,
        )  # fmt: skip
        learned = filter_mkk + update
        if losses:
            after = samples.linearise(learned)[0]
            found = [
                _loss(r, (f,), strengths) for r, f in ((residuals, filter_mkk), (after, learned))
            ]
    return Learned(learned, projection_mc, _stack(found, features))


def _least_squares(
    push: Callable[[Blocks], Tensor],
    pull_back: Callable[[Tensor], Blocks],
    residuals: Tensor,
    unknowns: Blocks,
    strengths: tuple[float, ...],
    steps: int,
    rule: Rule,
    precondition: bool,
) -> Blocks:
    """What to add to the unknowns: conjugate gradients on J^T J x = -J^T r, from x = 0."""

    def product(v: Blocks) -> Blocks:
        data = pull_back(push(v))
        return tuple(a + reg * b for a, reg, b in zip(data, strengths, v, strict=True))

    towards = tuple(
        -g - reg * u for g, reg, u in zip(pull_back(residuals), strengths, unknowns, strict=True)
    )
    scales = tuple(1 / reg for reg in strengths) if precondition else (1.0,) * len(strengths)
    return conjugate_gradients(product, towards, steps, scales, rule)


def conjugate_gradients(
    product: Callable[[Blocks], Blocks],
    right: Blocks,
    steps: int,
    scales: tuple[float, ...],
    rule: Rule,
) -> Blocks:
    """Solve A x = b, roughly.

    Nothing is asked of the numbers on the way, so that a GPU is not waited for; where b is met,
    steps are zero.

    Args:
        product: A x, with A symmetric and positive.
        right: b.
        steps: How many.
        scales: The preconditioner: a factor for each block.
        rule: See ``Rule``.

    Returns:
        x, starting from zero.
    """
    x = tuple(torch.zeros_like(block) for block in right)
    remainder, direction = right, x
    last_remainder, last = remainder, torch.ones_like(right[0].sum())
    tiny = torch.finfo(last.dtype).tiny
    for step in range(steps):
        scaled = tuple(s * r for s, r in zip(scales, remainder, strict=True))
        size = _dot(remainder, scaled)
        if step == 0:
            direction = scaled
        else:
            gain = size if rule == "fletcher_reeves" else size - _dot(last_remainder, scaled)
            memory = (gain / last.clamp(min=tiny)).clamp(min=0)
            direction = tuple(z + memory * d for z, d in zip(scaled, direction, strict=True))
        image = product(direction)
        length = size / _dot(direction, image).clamp(min=tiny)
        x = tuple(torch.add(a, length * d) for a, d in zip(x, direction, strict=True))
        last_remainder, last = remainder, size
        remainder = tuple(r - length * i for r, i in zip(remainder, image, strict=True))
    return x


def _dot(a: Blocks, b: Blocks) -> Tensor:
    return torch.stack([(x * y).sum() for x, y in zip(a, b, strict=True)]).sum()


def _loss(residuals: Tensor, unknowns: Blocks, strengths: tuple[float, ...]) -> Tensor:
    parts = [reg * u.square().sum() for reg, u in zip(strengths, unknowns, strict=True)]
    return residuals.square().sum() + torch.stack(parts).sum()


def _stack(losses: list[Tensor], like: Tensor) -> Tensor:
    return torch.stack(losses) if losses else like.new_zeros(0)
