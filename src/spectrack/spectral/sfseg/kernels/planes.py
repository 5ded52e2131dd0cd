"""The maps that are filtered, for the torch kernel: any affinity, any number of channels.

``enter`` writes the products to be filtered of one frame, ``leave`` makes the raw result of a frame
from the filtered ones. ``S^p`` is given to both, the features only where they are needed.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from spectrack.spectral.sfseg.affinity import cosine_series
from spectrack.spectral.sfseg.settings import SFSegSettings


class Planes(Protocol):
    """R maps of an affinity."""

    count: int

    def enter(self, x_hw: Tensor, unary_hw: Tensor, feature_chw: Tensor, out_rhw: Tensor) -> None:
        """Fill ``out_rhw`` with the products of one frame."""
        ...

    def leave(
        self, planes_rhw: Tensor, unary_hw: Tensor, feature_chw: Tensor, out_hw: Tensor
    ) -> None:
        """Write the raw result of one frame."""
        ...


def make_planes(settings: SFSegSettings, channels: int, frame: Tensor) -> Planes:
    """The planes of a recipe, for frames like ``frame`` (H, W)."""
    if channels == 0 or settings.alpha == 0:
        return PlainPlanes()
    if settings.affinity == "taylor":
        return TaylorPlanes(settings.alpha, channels, frame)
    return CosinePlanes(settings, channels, frame)


class PlainPlanes:
    """No pairwise term: ``u . G*(u . x)``."""

    count = 1

    def enter(self, x_hw: Tensor, unary_hw: Tensor, feature_chw: Tensor, out_rhw: Tensor) -> None:
        """See ``Planes``."""
        torch.mul(x_hw, unary_hw, out=out_rhw[0])

    def leave(
        self, planes_rhw: Tensor, unary_hw: Tensor, feature_chw: Tensor, out_hw: Tensor
    ) -> None:
        """See ``Planes``."""
        torch.mul(planes_rhw[0], unary_hw, out=out_hw)


class TaylorPlanes:
    """Eq. 7: planes ``v, |F|^2 v, F_c v`` with ``v = u . x``."""

    def __init__(self, alpha: float, channels: int, frame: Tensor) -> None:
        self.alpha = alpha
        self.count = channels + 2
        self.spare = torch.empty_like(frame)

    def enter(self, x_hw: Tensor, unary_hw: Tensor, feature_chw: Tensor, out_rhw: Tensor) -> None:
        """See ``Planes``."""
        torch.mul(x_hw, unary_hw, out=out_rhw[0])
        torch.mul(feature_chw, out_rhw[0], out=out_rhw[2:])
        torch.mul(feature_chw[0], out_rhw[2], out=out_rhw[1])
        for channel in range(1, len(feature_chw)):
            out_rhw[1].addcmul_(feature_chw[channel], out_rhw[2 + channel])

    def leave(
        self, planes_rhw: Tensor, unary_hw: Tensor, feature_chw: Tensor, out_hw: Tensor
    ) -> None:
        """``u . (v - alpha (sum_c F_c . (F_c . v - 2 F_c v) + |F|^2 v))``, all but u filtered."""
        total = planes_rhw[1]
        for channel, feature in enumerate(feature_chw):
            torch.mul(feature, planes_rhw[0], out=self.spare)
            self.spare.sub_(planes_rhw[2 + channel], alpha=2)
            torch.addcmul(total, feature, self.spare, out=out_hw)
            total = out_hw
        torch.add(planes_rhw[0], out_hw, alpha=-self.alpha, out=out_hw)
        out_hw.mul_(unary_hw)


class CosinePlanes:
    """A cosine series: planes ``cos . v, sin . v`` for each wave."""

    def __init__(self, settings: SFSegSettings, channels: int, frame: Tensor) -> None:
        self.waves = cosine_series(settings.affinity, settings.alpha).waves(channels)
        self.weights = [w for w, wave in self.waves for _ in range(2 if any(wave) else 1)]
        self.count = len(self.weights)
        self.maps = torch.empty(self.count, *frame.shape, dtype=frame.dtype, device=frame.device)

    def enter(self, x_hw: Tensor, unary_hw: Tensor, feature_chw: Tensor, out_rhw: Tensor) -> None:
        """See ``Planes``."""
        self._turn(feature_chw, unary_hw)
        torch.mul(self.maps, x_hw, out=out_rhw)

    def leave(
        self, planes_rhw: Tensor, unary_hw: Tensor, feature_chw: Tensor, out_hw: Tensor
    ) -> None:
        """See ``Planes``."""
        self._turn(feature_chw, unary_hw)
        out_hw.zero_()
        for weight, plane, one in zip(self.weights, planes_rhw, self.maps, strict=True):
            out_hw.addcmul_(plane, one, value=weight)

    def _turn(self, feature_chw: Tensor, unary_hw: Tensor) -> None:
        """Cosine and sine of every wave, times ``u``."""
        row = 0
        for _, wave in self.waves:
            if not any(wave):
                self.maps[row].copy_(unary_hw)
                row += 1
                continue
            angle, sine = self.maps[row], self.maps[row + 1]
            torch.mul(feature_chw[0], wave[0], out=angle)
            for channel in range(1, len(wave)):
                angle.add_(feature_chw[channel], alpha=wave[channel])
            torch.sin(angle, out=sine)
            angle.cos_()
            self.maps[row : row + 2].mul_(unary_hw)
            row += 2
