"""The spectral step in torch: every device, frame by frame, in buffers made once.

A frame is multiplied by its basis maps, filtered along width and height, and kept in a ring of as
many frames as the kernel is long; the middle of the ring then gives the result of that frame. So
each frame is filtered once, and the memory beside the video is a few frames.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spectrack.spectral.basis import Basis, unary_power
from spectrack.spectral.gaussian import kernel_taps
from spectrack.spectral.settings import Activation, SFSegSettings


class TorchStage:
    """One step of power iteration over a stream of frames.

    ``push`` takes frame t, ``pull`` gives the raw result of frame ``t - kernel[0] // 2``.

    Args:
        size_hw: Height and width of the frames.
        channels: Number of pairwise feature channels, 0 for none.
        settings: The recipe.
        like: Any tensor of the device and floating type to use.
    """

    def __init__(
        self, size_hw: tuple[int, int], channels: int, settings: SFSegSettings, like: Tensor
    ) -> None:
        self.basis = Basis(settings, channels)
        self.terms = self.basis.terms()
        self.taps = [t[len(t) // 2 :].tolist() for t in kernel_taps(settings.kernel)]
        height, width = size_hw
        reach_t, reach_y, reach_x = (len(t) - 1 for t in self.taps)
        self.slots = 2 * reach_t + 1
        count = len(self.basis)

        def plane(*shape: int) -> Tensor:
            return torch.zeros(shape, dtype=like.dtype, device=like.device)

        # Zero margins around the frame stand for the outside, so no border is a special case.
        self.wide = plane(count, height, width + 2 * reach_x)
        self.tall = plane(count, height + 2 * reach_y, width)
        self.ring = plane(self.slots, count, height, width)
        self.maps = plane(self.slots, count, height, width)
        self.sums = plane(count, height, width)
        self.spare = plane(count, height, width)
        self.temporal = torch.tensor(
            self.taps[0][:0:-1] + self.taps[0], dtype=like.dtype, device=like.device
        )
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
        self.basis.write(unary_hw, feature_chw, self.maps[slot], torch)
        _, reach_y, reach_x = (len(t) - 1 for t in self.taps)
        inner = self.wide[:, :, reach_x : reach_x + x_hw.shape[1]]
        torch.mul(self.maps[slot], x_hw, out=inner)
        inner = self.tall[:, reach_y : reach_y + x_hw.shape[0]]
        self._fold(self.wide, 2, self.taps[2], inner)
        self._fold(self.tall, 1, self.taps[1], self.ring[slot])

    def pull(self, out_hw: Tensor) -> None:
        """Write the raw result of the frame in the middle of the ring."""
        reach = self.slots // 2
        middle = (self.at - 1 - reach) % self.slots
        order = [(slot - middle + reach) % self.slots for slot in range(self.slots)]
        weights = self.temporal[order]
        flat = self.ring.view(self.slots, -1)
        torch.mv(flat.t(), weights, out=self.sums.view(-1))
        maps = self.maps[middle]
        for number, (r, s, weight) in enumerate(self.terms):
            torch.mul(maps[r], self.sums[s], out=self.spare[0])
            if number:
                out_hw.add_(self.spare[0], alpha=weight)
            else:
                torch.mul(self.spare[0], weight, out=out_hw)

    def _fold(self, padded: Tensor, axis: int, half: list[float], out: Tensor) -> None:
        length, reach = out.shape[axis], len(half) - 1
        torch.mul(padded.narrow(axis, reach, length), half[0], out=out)
        for shift in range(1, reach + 1):
            before = padded.narrow(axis, reach - shift, length)
            after = padded.narrow(axis, reach + shift, length)
            torch.add(before, after, out=self.spare)
            out.add_(self.spare, alpha=half[shift])


class TorchFilter:
    """A whole video under filtering with torch (see ``kernels.VolumeFilter``)."""

    def __init__(
        self, soft_thw: Tensor, feature_cthw: Tensor | None, settings: SFSegSettings
    ) -> None:
        self.settings = settings
        self.stored = soft_thw
        self.feature = feature_cthw
        self.unary = soft_thw * (1 - 2 * settings.floor) + settings.floor
        torch.pow(self.unary, settings.p, out=self.unary)
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
                feature = None if self.feature is None else self.feature[:, t]
                self.stage.push(self.current, self.unary[t], feature)
            else:
                self.stage.push(None)
            done = t - reach
            if done < 0:
                continue
            if first <= done < last:
                self.stage.pull(target[done])
            low, high = torch.aminmax(target[done])
            norm = torch.linalg.vector_norm(target[done])
            stats[done, 0], stats[done, 1], stats[done, 2] = low, high, norm.double() ** 2
        self.stored = target
        self.steps += 1
        return stats.cpu().numpy()

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
        return unary_power(soft_hw, self.settings)

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
        self.stage.pull(out)
        low, high = torch.aminmax(out)
        norm = float(torch.linalg.vector_norm(out))
        return out.numpy(), np.array([[float(low), float(high), norm**2]])


def _activate(stored_hw: Tensor, activation: Activation, t: int, out_hw: Tensor) -> None:
    torch.mul(stored_hw, float(activation.scale[t]), out=out_hw)
    out_hw.add_(float(activation.offset[t]))
    if activation.sigmoid != "none":
        out_hw.sigmoid_()
