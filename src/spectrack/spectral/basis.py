"""The step written once for all affinities: ``y = sum_rs A_rs b_r . G*(b_s . x)``.

The maps ``b_r`` (a function of S and F at each pixel) and the small symmetric matrix A are all
that distinguishes Taylor from the cosine series, one channel from many.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrack.spectral.affinity import cosine_series
from spectrack.spectral.settings import SFSegSettings


class Basis:
    """Basis maps of one recipe.

    Attributes:
        mixing: (R, R) symmetric float64 matrix A.
        waves: Wave vectors of the cosine series, one a cosine, None for Taylor.
    """

    def __init__(self, settings: SFSegSettings, channels: int) -> None:
        self.channels = channels
        self.waves: list[tuple[float, ...]] | None = None
        if settings.alpha == 0 or channels == 0:
            self.channels, self.mixing = 0, np.ones((1, 1))
        elif settings.affinity == "taylor":
            alpha = settings.alpha
            self.mixing = np.diag([1.0, 0.0, *[2 * alpha] * channels])
            self.mixing[0, 1] = self.mixing[1, 0] = -alpha
        else:
            waves = cosine_series(settings.affinity, settings.alpha).waves(channels)
            weights = [w for w, wave in waves for _ in range(2 if any(wave) else 1)]
            self.mixing = np.diag(weights)
            self.waves = [wave for _, wave in waves]

    def __len__(self) -> int:
        return len(self.mixing)

    def write(self, unary_hw: Any, feature_chw: Any, out_rhw: Any, namespace: Any) -> None:
        """Fill ``out_rhw`` with the basis maps of one frame.

        Args:
            unary_hw: ``S^p``.
            feature_chw: (C, H, W); not read where the recipe has no pairwise term.
            out_rhw: (R, H, W), overwritten.
            namespace: ``numpy`` or ``torch``, whatever holds the arrays.
        """
        multiply = namespace.multiply
        if self.channels == 0:
            out_rhw[0] = unary_hw
        elif self.waves is None:
            out_rhw[0] = unary_hw
            multiply(feature_chw, unary_hw, out=out_rhw[2:])
            multiply(out_rhw[2], feature_chw[0], out=out_rhw[1])
            for channel in range(1, self.channels):
                out_rhw[1] += out_rhw[2 + channel] * feature_chw[channel]
        else:
            row = 0
            for wave in self.waves:
                if not any(wave):
                    out_rhw[row] = unary_hw
                    row += 1
                    continue
                angle = feature_chw[0] * wave[0]
                for channel in range(1, self.channels):
                    angle += feature_chw[channel] * wave[channel]
                namespace.cos(angle, out=out_rhw[row])
                namespace.sin(angle, out=out_rhw[row + 1])
                out_rhw[row : row + 2] *= unary_hw
                row += 2

    def terms(self) -> list[tuple[int, int, float]]:
        """Nonzero entries ``(r, s, A_rs)``."""
        return [(int(r), int(s), float(self.mixing[r, s])) for r, s in np.argwhere(self.mixing)]


def unary_power(soft: NDArray[np.float32], settings: SFSegSettings) -> NDArray[np.float32]:
    """``u = (floor + (1 - 2 floor) S)^p`` as a new float32 array."""
    mapped = soft * np.float32(1 - 2 * settings.floor) + np.float32(settings.floor)
    return np.power(mapped, np.float32(settings.p), out=mapped)
