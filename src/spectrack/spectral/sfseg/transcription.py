"""The published procedure written down plainly, frame by frame: what the kernels are timed against.

For every frame a window of ``4m + 1`` frames (m half the kernel) is filtered by three dense 3-D
convolutions without temporal padding; one of the ``2m + 1`` frames that come out is kept. The first
and last ``2m`` frames are only normalised. Slow, and the same result as the ``published`` preset.
"""

from __future__ import annotations

from time import perf_counter

import torch
from torch import Tensor
from torch.nn.functional import conv3d

from spectrack.spectral.sfseg.gaussian import kernel_taps
from spectrack.spectral.sfseg.settings import NORM_EPS, SFSegSettings


class Transcription:
    """Runs the published procedure and keeps the time of its two parts.

    Attributes:
        window_s: Seconds that each window took.
        normalise_s: Seconds that the normalisation and the sigmoid of each frame took.
    """

    def __init__(self, settings: SFSegSettings) -> None:
        self.settings = settings
        self.window_s: list[float] = []
        self.normalise_s: list[float] = []

    def run(self, soft_thw: Tensor, feature_thw: Tensor, iterations: int | None = None) -> Tensor:
        """The filtered (T, H, W), of the type of the input; the recipe's iterations or others."""
        settings = self.settings
        time, height, width = (torch.as_tensor(t) for t in kernel_taps(settings.kernel))
        dense = time[:, None, None] * height[None, :, None] * width[None, None, :]
        self.weights = dense[None, None].to(soft_thw.dtype)
        guard = 2 * (settings.kernel[0] // 2)
        current = soft_thw
        for _ in range(settings.iterations if iterations is None else iterations):
            new = current.clone()
            for t in range(guard, len(new) - guard):
                begin = perf_counter()
                window = slice(t - guard, t + guard + 1)
                new[t] = self._window(soft_thw[window], feature_thw[window], current[window])
                self.window_s.append(perf_counter() - begin)
            for t in range(len(new)):
                begin = perf_counter()
                frame = new[t] / (new[t].norm() + NORM_EPS)
                frame = frame - frame.min()
                new[t] = torch.sigmoid(frame / (frame.max() + NORM_EPS))
                self.normalise_s.append(perf_counter() - begin)
            current = new
        return current

    def _window(self, soft: Tensor, feature: Tensor, current: Tensor) -> Tensor:
        """Algorithm 1, lines 7-10, alpha multiplied through; the middle frame of what comes out."""
        alpha, reach = self.settings.alpha, self.settings.kernel[0] // 2
        middle = slice(reach, len(soft) - reach)
        unary = soft**self.settings.p
        first = (1 - alpha * feature[middle] ** 2) * self._smooth(unary * current)
        second = -alpha * self._smooth(feature**2 * unary * current)
        third = 2 * alpha * feature[middle] * self._smooth(feature * unary * current)
        return (unary[middle] * (first + second + third))[reach]

    def _smooth(self, volume: Tensor) -> Tensor:
        _, height, width = self.settings.kernel
        padding = (0, height // 2, width // 2)
        return conv3d(volume[None, None], self.weights, padding=padding)[0, 0]
