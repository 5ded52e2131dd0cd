"""The spectral step on a GPU: one Triton kernel a step, a read and a write of every map.

Without a GPU, ``TRITON_INTERPRET=1`` in the environment runs the same programs with NumPy, slowly:
that is how they are tested.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spectrack.errors import InputError
from spectrack.spectral.sfseg.affinity import cosine_series
from spectrack.spectral.sfseg.gaussian import kernel_taps
from spectrack.spectral.sfseg.kernels.tiles import RUN, Tiles
from spectrack.spectral.sfseg.kernels.triton_step import step_kernel
from spectrack.spectral.sfseg.settings import Activation, SFSegSettings

WARPS = 8
PRECISION = {torch.float32: "tf32x3", torch.float16: "fp16", torch.bfloat16: "fp16"}
"""Of the products with the Gaussian, for each storage: three products of tensor cores are about as
exact as float32; half precision has no more digits than float16 to lose."""


class TritonFilter:
    """A whole video under filtering on a GPU (see ``kernels.VolumeFilter``).

    Maps are kept in the type of ``soft_thw``, sums are float32. In half precision the solution is
    kept near 1, whatever its norm is, so that float16 holds it.

    Args:
        soft_thw: S (T, H, W) in [0, 1]: float32, float16 or bfloat16.
        feature_cthw: The feature (1, T, H, W), of any floating type, or None.
        settings: The recipe.
        precision: Of the matrix products, see ``triton_step``; what suits the storage if None.

    Raises:
        InputError: If the kernel does not take this recipe or so many features.
    """

    def __init__(
        self,
        soft_thw: Tensor,
        feature_cthw: Tensor | None,
        settings: SFSegSettings,
        precision: str | None = None,
    ) -> None:
        channels = 0 if feature_cthw is None else len(feature_cthw)
        tiles = Tiles.of(settings, channels)
        if tiles is None:
            raise InputError(
                f"The triton kernel does not take {channels} features, a window of "
                f"{settings.kernel} and the affinity '{settings.affinity}'; use torch."
            )
        self.tiles, self.precision = tiles, precision or PRECISION[soft_thw.dtype]
        self.stored = soft_thw.contiguous()
        self.shape = tuple(soft_thw.shape)
        kind, device = soft_thw.dtype, soft_thw.device
        unary = soft_thw.float() * (1 - 2 * settings.floor) + settings.floor
        self.unary = unary.pow_(settings.p).to(kind)
        self.feature = self.unary
        if feature_cthw is not None and tiles.planes > 1:
            # Only differences count; about 0 there are more digits for them.
            values = feature_cthw[0].float()
            self.feature = (values - values.mean(dtype=torch.float64).float()).to(kind).contiguous()
        taps = kernel_taps(settings.kernel)
        self.taps = tuple(float(w) for w in taps[0][len(taps[0]) // 2 :])
        self.band_y = _band(taps[1], tiles.rows).to(device)
        self.band_x = _band(taps[2], tiles.cols).to(device)
        self.alpha, self.frequency = 0.0, 0.0
        self.weights: tuple[float, ...] = ()
        if tiles.planes > 1:
            self._choose_form(settings)
        # Two buffers take turns; the input itself is only read.
        self.buffers: list[Tensor] = []
        self.steps = 0
        self.gain = 1.0  # of what is stored, over the raw result
        self.high = self.stored.amax((1, 2)).double().cpu().numpy()  # of each frame stored
        self.link = float(unary.max()) ** 2  # no row of links has a larger sum

    def _choose_form(self, settings: SFSegSettings) -> None:
        if settings.affinity == "taylor":
            self.alpha = float(settings.alpha)
            return
        series = cosine_series(settings.affinity, settings.alpha)
        self.weights = tuple(float(w) for w in series.coefficients)
        self.frequency = float(series.frequency)

    def step(self, activation: Activation, first: int, last: int) -> NDArray[np.float64]:
        """See ``kernels.VolumeFilter.step``."""
        frames, height, width = self.shape
        if len(self.buffers) < 2:
            self.buffers.append(torch.empty_like(self.stored))
        target = self.buffers[self.steps % 2]
        down, right = self.tiles.across(height, width)
        given = self._of_stored(activation)
        gain = self._next_gain(given)
        parts = torch.empty(frames, down * right, 3, device=target.device)
        scale, offset = (
            torch.from_numpy(a.astype(np.float32)).to(target.device)
            for a in (given.scale, given.offset)
        )
        for still in (slice(0, min(first, frames)), slice(max(first, last), frames)):
            if still.start < still.stop:
                target[still] = self._activated(given, still) * gain
                parts[still] = _frame_stats(target[still].float())[:, None]
                parts[still, 1:, 2] = 0
        if last > first:
            step_kernel[(down * right, -(-(last - first) // RUN))](
                stored=self.stored, unary=self.unary, feature=self.feature, target=target,
                stats=parts, scale=scale, offset=offset, band_y=self.band_y, band_x=self.band_x,
                first=first, last=last, frames=frames, height=height, width=width, right=right,
                gain=gain, taps=self.taps,
                reach_y=self.tiles.reach[1], reach_x=self.tiles.reach[2],
                alpha=self.alpha, weights=self.weights, frequency=self.frequency,
                sigmoid=given.sigmoid != "none", rows=self.tiles.rows, cols=self.tiles.cols,
                run=RUN, precision=self.precision, num_warps=WARPS,
            )  # fmt: skip
        self.stored, self.gain = target, gain
        self.steps += 1
        sums = parts[..., 2].double().sum(1)
        low, high = parts[..., 0].amin(1).double(), parts[..., 1].amax(1).double()
        stats = torch.stack([low / gain, high / gain, sums / gain**2], dim=1).cpu().numpy()
        self.high = stats[:, 1] * gain
        return stats

    def hold(self, activation: Activation, known: Mapping[int, Tensor]) -> None:
        """See ``kernels.VolumeFilter.hold``."""
        held = self.finish(activation)
        for t, known_hw in known.items():
            held[t] = known_hw
        self.high = held.amax((1, 2)).double().cpu().numpy()
        self.stored, self.gain = held.to(self.stored.dtype), 1.0

    def finish(self, activation: Activation) -> Tensor:
        """See ``kernels.VolumeFilter.finish``."""
        return self._activated(self._of_stored(activation), slice(0, self.shape[0]))

    def _of_stored(self, activation: Activation) -> Activation:
        """The activation of what is stored, which is ``gain`` times the raw result."""
        return Activation(activation.scale / self.gain, activation.offset, activation.sigmoid)

    def _activated(self, given: Activation, frames: slice) -> Tensor:
        """The solution of some frames, a new float32 tensor."""
        lines = np.stack([given.scale[frames], given.offset[frames]]).astype(np.float32)
        scale, offset = torch.from_numpy(lines).to(self.stored.device)[..., None, None]
        out = (self.stored[frames] * scale).add_(offset)
        return out if given.sigmoid == "none" else out.sigmoid_()

    def _next_gain(self, activation: Activation) -> float:
        """What brings the next raw result near 1."""
        if self.stored.dtype == torch.float32:
            return 1.0
        high = float((activation.scale * self.high + activation.offset).max())
        largest = self.link * (high if activation.sigmoid == "none" else 1.0)
        return 1 / largest if largest > 0 else 1.0


def _frame_stats(frames_thw: Tensor) -> Tensor:
    flat = frames_thw.flatten(1)
    return torch.stack([flat.amin(1), flat.amax(1), flat.square().sum(1)], dim=1)


def _band(taps: NDArray[np.float64], size: int) -> Tensor:
    """The filter along an axis of ``size`` as a matrix, zero outside."""
    reach, matrix = len(taps) // 2, np.zeros((size, size), dtype=np.float32)
    for k in range(-reach, reach + 1):
        matrix += np.diag(np.full(size - abs(k), taps[reach + k], dtype=np.float32), k)
    return torch.from_numpy(matrix)
