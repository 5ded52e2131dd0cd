"""One step of power iteration as 3-D filtering (SFSeg++ paper, Eq. 7-8), differentiable.

The step is ``y = u . K(u . x)`` with ``u = S^p`` and K the pairwise filter: the product with the
adjacency matrix of Eq. 2 without the matrix. K is written with alpha multiplied through (Eq. 5), so
that alpha = 0 is an ordinary case. K is symmetric, so the backward pass is the same filter applied
to the incoming gradient: no graph of products is kept, only the step's own inputs.

Everything here takes torch tensors of one floating type on one device. Videos are (T, H, W),
features (C, T, H, W). Outside the video everything is zero.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from spectrack.spectral.sfseg.affinity import CosineSeries

Taps = Sequence[Sequence[float]]
"""Weights along time, height and width, each symmetric and of odd length."""


def smooth(volume: Tensor, taps: Taps) -> Tensor:
    """G * volume: the separable filter over the last three axes, zero outside.

    Shift-and-add with each symmetric pair folded into one product; axes shorter than the kernel
    are fine.

    Args:
        volume: (..., T, H, W).
        taps: Weights along time, height and width.

    Returns:
        A new tensor of the same shape.
    """
    for axis, weights in zip((-3, -2, -1), taps, strict=True):
        middle = len(weights) // 2
        out = volume * float(weights[middle])
        length = volume.shape[axis]
        for shift in range(1, min(middle, length - 1) + 1):
            weight = float(weights[middle + shift])
            rest = length - shift
            out.narrow(axis, 0, rest).add_(volume.narrow(axis, shift, rest), alpha=weight)
            out.narrow(axis, shift, rest).add_(volume.narrow(axis, 0, rest), alpha=weight)
        volume = out
    return volume


def taylor_step(x: Tensor, unary: Tensor, feature: Tensor, taps: Taps, alpha: Any) -> Tensor:
    """Eq. 7 times alpha: ``u . [(1 - a|F|^2) . G*v - a G*(|F|^2 v) + 2a sum_c F_c . G*(F_c v)]``.

    ``v = u . x``. Equal to the product with Eq. 2's matrix; C + 2 convolutions for C channels. In
    float32 an offset common to all features costs digits: subtract the mean first (the result does
    not change).

    Args:
        x: (T, H, W) current solution.
        unary: (T, H, W) ``u = S^p``.
        feature: (C, T, H, W) pairwise features.
        taps: Kernel weights along time, height and width.
        alpha: Number, or a scalar tensor where its gradient is wanted.

    Returns:
        (T, H, W), not normalised. Gradients flow to x, unary, feature and alpha.
    """
    sharpness = torch.as_tensor(alpha, dtype=x.dtype, device=x.device)
    return _TaylorStep.apply(x, unary, feature, sharpness, taps)


def cosine_step(
    x: Tensor, unary: Tensor, feature: Tensor, taps: Taps, series: CosineSeries
) -> Tensor:
    """The step with the affinity ``prod_c series(f_i - f_j)`` in place of Taylor's.

    Args:
        x: (T, H, W) current solution.
        unary: (T, H, W) ``u = S^p``.
        feature: (C, T, H, W) pairwise features; differences within the range of the fit.
        taps: Kernel weights along time, height and width.
        series: From :func:`spectrack.spectral.sfseg.affinity.cosine_series`.

    Returns:
        (T, H, W), not normalised. Gradients flow to x, unary and feature.
    """
    return _CosineStep.apply(x, unary, feature, series, taps)


def unit_norm(x: Tensor) -> Tensor:
    """Eq. 8: x over the L2 norm of the whole volume; zeros stay zeros."""
    norm = torch.linalg.vector_norm(x)
    return x / torch.where(norm > 0, norm, torch.ones_like(norm))


def frame_range(x: Tensor, eps: float = 1e-4) -> Tensor:
    """The published normalisation: per frame L2 norm (+ eps), then minimum to 0, maximum to ~1.

    Args:
        x: (T, H, W).
        eps: Added to the norm and to the range, so that an empty frame stays at 0.
    """
    frames = x.flatten(1)
    frames = frames / (torch.linalg.vector_norm(frames, dim=1, keepdim=True) + eps)
    frames = frames - frames.amin(dim=1, keepdim=True)
    frames = frames / (frames.amax(dim=1, keepdim=True) + eps)
    return frames.view_as(x)


def _pairwise_taylor(v: Tensor, feature: Tensor, alpha: Tensor, taps: Taps) -> tuple[Tensor, ...]:
    """K(v) and the smoothed products it is made of: G*v, G*(F_c v), G*(|F|^2 v)."""
    squared = (feature * feature).sum(0)
    smooth_v = smooth(v, taps)
    smooth_fv = smooth(feature * v, taps)
    smooth_ffv = smooth(squared * v, taps)
    cross = (feature * smooth_fv).sum(0)
    out = smooth_v - alpha * (squared * smooth_v + smooth_ffv - 2 * cross)
    return out, smooth_v, smooth_fv, smooth_ffv


class _TaylorStep(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, unary: Tensor, feature: Tensor, alpha: Tensor, taps: Taps
    ) -> Tensor:
        ctx.save_for_backward(x, unary, feature, alpha)
        ctx.taps = taps
        return unary * _pairwise_taylor(unary * x, feature, alpha, taps)[0]

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, unary, feature, alpha = ctx.saved_tensors
        v, h = unary * x, unary * grad
        through_h, g_h, g_fh, _ = _pairwise_taylor(h, feature, alpha, ctx.taps)
        grad_x = unary * through_h
        if not any(ctx.needs_input_grad[1:4]):
            return grad_x, None, None, None, None
        through_v, g_v, g_fv, g_ffv = _pairwise_taylor(v, feature, alpha, ctx.taps)
        grad_unary = grad * through_v + x * through_h
        grad_feature = -2 * alpha * (h * (feature * g_v - g_fv) + v * (feature * g_h - g_fh))
        squared = (feature * feature).sum(0)
        grad_alpha = -(h * (squared * g_v - 2 * (feature * g_fv).sum(0) + g_ffv)).sum()
        return grad_x, grad_unary, grad_feature, grad_alpha, None


class _CosineStep(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, unary: Tensor, feature: Tensor, series: CosineSeries, taps: Taps
    ) -> Tensor:
        ctx.save_for_backward(x, unary, feature)
        ctx.series, ctx.taps = series, taps
        v = unary * x
        out = torch.zeros_like(v)
        for weight, _, cosine, sine in _phases(feature, series):
            out += weight * cosine * smooth(cosine * v, taps)
            if sine is not None:
                out += weight * sine * smooth(sine * v, taps)
        return unary * out

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, unary, feature = ctx.saved_tensors
        v, h = unary * x, unary * grad
        through_v, through_h = torch.zeros_like(v), torch.zeros_like(v)
        grad_feature = torch.zeros_like(feature)
        for weight, wave, cosine, sine in _phases(feature, ctx.series):
            cosine_v, cosine_h = smooth(cosine * v, ctx.taps), smooth(cosine * h, ctx.taps)
            through_v += weight * cosine * cosine_v
            through_h += weight * cosine * cosine_h
            if sine is None:
                continue
            sine_v, sine_h = smooth(sine * v, ctx.taps), smooth(sine * h, ctx.taps)
            through_v += weight * sine * sine_v
            through_h += weight * sine * sine_h
            turn = cosine * (h * sine_v + v * sine_h) - sine * (h * cosine_v + v * cosine_h)
            for channel, frequency in enumerate(wave):
                grad_feature[channel] += weight * frequency * turn
        return unary * through_h, grad * through_v + x * through_h, grad_feature, None, None


def _phases(
    feature: Tensor, series: CosineSeries
) -> Iterator[tuple[float, tuple[float, ...], Tensor, Tensor | None]]:
    """Weight, wave vector, cosine and sine (None for the zero wave) of every wave."""
    for weight, wave in series.waves(len(feature)):
        if not any(wave):
            yield weight, wave, torch.ones_like(feature[0]), None
            continue
        angle = torch.zeros_like(feature[0])
        for channel, frequency in enumerate(wave):
            angle += frequency * feature[channel]
        yield weight, wave, torch.cos(angle), torch.sin(angle)
