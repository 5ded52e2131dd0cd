"""The whole recipe as a differentiable function of S and F (SFSeg++ paper, section 3.4)."""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor

from spectrack.errors import InputError
from spectrack.spectral.sfseg.affinity import cosine_series
from spectrack.spectral.sfseg.gaussian import kernel_taps
from spectrack.spectral.sfseg.power import cosine_step, frame_range, taylor_step, unit_norm
from spectrack.spectral.sfseg.settings import SFSegSettings


def sfseg_differentiable(
    soft_thw: Tensor,
    feature: Tensor | None,
    settings: SFSegSettings,
    fixed: Collection[int] = (),
) -> Tensor:
    """What :func:`spectrack.spectral.sfseg.filter.sfseg` computes, with gradients to S and F.

    Args:
        soft_thw: (T, H, W) of any floating type, values in [0, 1].
        feature: (T, H, W) or (C, T, H, W) of the same type, or None.
        settings: The recipe. With p between 0 and 1 and no floor the gradient at S = 0 is
            infinite: set a floor.
        fixed: Frames whose values are known; see there.

    Returns:
        (T, H, W) tensor of the type given.

    Raises:
        InputError: The shapes do not match.
    """
    if soft_thw.ndim != 3:
        raise InputError(
            f"The soft mask has shape {tuple(soft_thw.shape)}; give (time, height, width)."
        )
    taps = [t.tolist() for t in kernel_taps(settings.kernel)]
    x = settings.floor + (1 - 2 * settings.floor) * soft_thw.clamp(0, 1)
    unary = x**settings.p
    if feature is None:
        pairwise = torch.zeros_like(soft_thw)[None]
    else:
        pairwise = feature if feature.ndim == 4 else feature[None]
    if pairwise.shape[1:] != soft_thw.shape:
        raise InputError(
            f"The features have shape {tuple(pairwise.shape)}, the soft mask "
            f"{tuple(soft_thw.shape)}; give the same time, height and width."
        )
    alpha = 0.0 if feature is None else settings.alpha
    series = None if settings.affinity == "taylor" else cosine_series(settings.affinity, alpha)
    known = torch.zeros(len(x), 1, 1, dtype=torch.bool, device=x.device)
    known[list(fixed)] = True
    held_thw = soft_thw.clamp(0, 1)
    x = torch.where(known, held_thw, x)
    guard = settings.guard()
    first, last = guard, max(guard, len(x) - guard)
    for iteration in range(settings.iterations):
        if series is None:
            # Moving all features by a constant changes nothing but saves digits.
            centred = pairwise - pairwise.detach().mean()
            raw = taylor_step(x, unary, centred, taps, alpha)
        else:
            raw = cosine_step(x, unary, pairwise, taps, series)
        x = torch.cat([x[:first], raw[first:last], x[last:]]) if guard else raw
        x = _normalise(x, settings, iteration, bool(fixed))
        if iteration >= settings.continuous_iterations:
            x = torch.sigmoid(settings.steepness * (x - settings.midpoint))
        x = torch.where(known, held_thw, x)
    return x


def _normalise(x: Tensor, settings: SFSegSettings, iteration: int, held: bool) -> Tensor:
    if settings.normalisation == "frame":
        return frame_range(x)
    relative = iteration >= min(settings.continuous_iterations, settings.iterations - 1)
    if not (relative or held):
        return unit_norm(x)
    largest = x.amax()
    return torch.where(largest > 0, x / torch.where(largest > 0, largest, 1.0), 0.0 * x)
