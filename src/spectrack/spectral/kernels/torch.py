"""The spectral step in torch: every device, frame by frame, in buffers made once.

A frame is multiplied by the maps of its affinity, filtered along width and height, and kept in a
ring of as many frames as the kernel is long; the middle of the ring then gives the result of that
frame. So each frame is filtered once, and the memory beside the video is a few frames.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spectrack.spectral.gaussian import kernel_taps
from spectrack.spectral.kernels.planes import make_planes
from spectrack.spectral.settings import Activation, SFSegSettings


class TorchStage:
    """One step of power iteration over a stream of frames.

    ``push`` takes frame t, ``pull`` gives the raw result of frame ``t - kernel[0] // 2``. Taps are
    relative to the middle one, which saves a product in each filter; ``S^p`` makes up for it and
    must come from :func:`unary_map`.

    Args:
        size_hw: Height and width of the frames.
        channels: Number of pairwise feature channels, 0 for none.
        settings: The recipe.
        like: Any tensor of the device and floating type to use.
    """

    def __init__(
        self, size_hw: tuple[int, int], channels: int, settings: SFSegSettings, like: Tensor
    ) -> None:
        height, width = size_hw

        def made(*shape: int) -> Tensor:
            return torch.zeros(shape, dtype=like.dtype, device=like.device)

        self.planes = make_planes(settings, channels, made(height, width))
        halves = [t[len(t) // 2 :] for t in kernel_taps(settings.kernel)]
        self.taps = [(half / half[0]).tolist() for half in halves]
        reach_t, reach_y, reach_x = (len(t) - 1 for t in self.taps)
        self.slots = 2 * reach_t + 1
        count = self.planes.count
        # Zero margins around the frame stand for the outside, so no border is a special case.
        self.wide = made(count, height, width + 2 * reach_x)
        self.tall = made(count, height + 2 * reach_y, width)
        self.ring = made(self.slots, count, height, width)
        self.sums = made(count, height, width)
        self.spare = made(count, height, width)
        self.at = 0

    def reset(self) -> None:
        """Forget all frames."""
        self.ring.zero_()
        self.at = 0

    def push(
        self,
        x_hw: Tensor | None,
        unary_hw: Tensor | None = None,
        feature_chw: Tensor | None = None,
    ) -> None:
        """Take in the next frame; ``x_hw`` None stands for an empty frame after the end."""
        slot = self.at % self.slots
        self.at += 1
        if x_hw is None or unary_hw is None:
            self.ring[slot].zero_()
            return
        height, width = x_hw.shape
        _, reach_y, reach_x = (len(t) - 1 for t in self.taps)
        feature = x_hw[None] if feature_chw is None else feature_chw
        inner = self.wide[:, :, reach_x : reach_x + width]
        self.planes.enter(x_hw, unary_hw, feature, inner)
        inner = self.tall[:, reach_y : reach_y + height]
        self._fold([self.wide.narrow(2, k, width) for k in range(2 * reach_x + 1)], 2, inner)
        rows = [self.tall.narrow(1, k, height) for k in range(2 * reach_y + 1)]
        self._fold(rows, 1, self.ring[slot])

    def pull(self, unary_hw: Tensor, feature_chw: Tensor | None, out_hw: Tensor) -> None:
        """Write the raw result of the frame in the middle of the ring, whose maps are given."""
        frames = [self.ring[(self.at + k) % self.slots] for k in range(self.slots)]
        sums = frames[0]
        if self.slots > 1:
            self._fold(frames, 0, self.sums)
            sums = self.sums
        feature = unary_hw[None] if feature_chw is None else feature_chw
        self.planes.leave(sums, unary_hw, feature, out_hw)

    def _fold(self, shifted: list[Tensor], axis: int, out: Tensor) -> None:
        """The symmetric sum of all shifts of a volume, the middle one weighing 1."""
        middle = len(shifted) // 2
        if middle == 0:
            out.copy_(shifted[0])
        total = shifted[middle]
        for k in range(1, middle + 1):
            torch.add(shifted[middle - k], shifted[middle + k], out=self.spare)
            torch.add(total, self.spare, alpha=self.taps[axis][k], out=out)
            total = out


def unary_map(soft: Tensor, settings: SFSegSettings) -> Tensor:
    """``S^p`` times the root of the kernel's middle weight, a new tensor."""
    weight = math.prod(float(t[len(t) // 2]) for t in kernel_taps(settings.kernel))
    unary = soft * (1 - 2 * settings.floor) + settings.floor
    return unary.pow_(settings.p).mul_(math.sqrt(weight))


class TorchFilter:
    """A whole video under filtering with torch (see ``kernels.VolumeFilter``)."""

    def __init__(
        self, soft_thw: Tensor, feature_cthw: Tensor | None, settings: SFSegSettings
    ) -> None:
        self.settings = settings
        self.stored = soft_thw
        self.feature = feature_cthw
        self.unary = unary_map(soft_thw, settings)
        # Two buffers take turns; the input itself is only read.
        self.buffers: list[Tensor] = []
        self.steps = 0
        channels = 0 if feature_cthw is None else len(feature_cthw)
        height, width = soft_thw.shape[1:]
        self.stage = TorchStage((height, width), channels, settings, soft_thw)
        self.current = torch.empty_like(soft_thw[0])

    def step(self, activation: Activation, first: int, last: int) -> NDArray[np.float64]:
        """See ``kernels.VolumeFilter.step``."""
        if len(self.buffers) < 2:
            self.buffers.append(torch.empty_like(self.stored))
        source, target = self.stored, self.buffers[self.steps % 2]
        frames, reach = len(source), self.stage.slots // 2
        stats = torch.empty(frames, 3, dtype=torch.float64, device=source.device)
        self.stage.reset()
        for t in range(frames + reach):
            if t < frames:
                _activate(source[t], activation, t, self.current)
                if not first <= t < last:
                    target[t].copy_(self.current)
                self.stage.push(self.current, self.unary[t], self._feature(t))
            else:
                self.stage.push(None)
            done = t - reach
            if done < 0:
                continue
            if first <= done < last:
                self.stage.pull(self.unary[done], self._feature(done), target[done])
            low, high = torch.aminmax(target[done])
            norm = torch.linalg.vector_norm(target[done])
            stats[done, 0], stats[done, 1], stats[done, 2] = low, high, norm.double() ** 2
        self.stored = target
        self.steps += 1
        return stats.cpu().numpy()

    def _feature(self, t: int) -> Tensor | None:
        return None if self.feature is None else self.feature[:, t]

    def finish(self, activation: Activation) -> Tensor:
        """See ``kernels.VolumeFilter.finish``."""
        out = self.stored if self.steps else torch.empty_like(self.stored)
        for t in range(len(out)):
            _activate(self.stored[t], activation, t, out[t])
        return out


class ArrayStage:
    """A :class:`TorchStage` on the CPU for NumPy arrays (see ``kernels.Stage``)."""

    def __init__(self, size_hw: tuple[int, int], channels: int, settings: SFSegSettings) -> None:
        self.settings = settings
        self.stage = TorchStage(size_hw, channels, settings, torch.zeros(1))
        self.current = torch.zeros(size_hw)

    def unary(self, soft_hw: NDArray[np.float32]) -> NDArray[np.float32]:
        """See ``kernels.Stage.unary``."""
        return unary_map(torch.from_numpy(soft_hw), self.settings).numpy()

    def push(
        self,
        stored_hw: NDArray[np.float32] | None,
        unary_hw: NDArray[np.float32] | None,
        feature_chw: NDArray[np.float32] | None,
        activation: Activation,
    ) -> None:
        """See ``kernels.Stage.push``."""
        if stored_hw is None:
            self.stage.push(None)
            return
        _activate(torch.from_numpy(stored_hw), activation, 0, self.current)
        feature = None if feature_chw is None else torch.from_numpy(feature_chw)
        self.stage.push(self.current, torch.from_numpy(unary_hw), feature)

    def pull(
        self, unary_hw: NDArray[np.float32], feature_chw: NDArray[np.float32] | None
    ) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """See ``kernels.Stage.pull``."""
        out = torch.empty_like(self.current)
        feature = None if feature_chw is None else torch.from_numpy(feature_chw)
        self.stage.pull(torch.from_numpy(unary_hw), feature, out)
        low, high = torch.aminmax(out)
        norm = float(torch.linalg.vector_norm(out))
        return out.numpy(), np.array([[float(low), float(high), norm**2]])


def _activate(stored_hw: Tensor, activation: Activation, t: int, out_hw: Tensor) -> None:
    torch.mul(stored_hw, float(activation.scale[t]), out=out_hw)
    out_hw.add_(float(activation.offset[t]))
    if activation.sigmoid != "none":
        out_hw.sigmoid_()
