"""The spectral step in torch: every device, frame by frame, in buffers made once.

A frame is multiplied by the maps of its affinity, filtered along width and height, and kept in a
ring of as many frames as the kernel is long; the middle of the ring then gives the result of that
frame. So each frame is filtered once, and the memory beside the video is a few frames.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spectrack.spectral.sfseg.gaussian import kernel_taps
from spectrack.spectral.sfseg.kernels.planes import make_planes
from spectrack.spectral.sfseg.kernels.threads import run_parallel
from spectrack.spectral.sfseg.settings import Activation, SFSegSettings

_STRIP_VALUES = 64_000  # of a plane; with all planes and a few frames this stays in the cache
_LOCAL = threading.local()


class TorchStage:
    """One step of power iteration over a stream of frames.

    ``push`` takes frame t, ``pull`` gives the raw result of frame ``t - kernel[0] // 2``. Taps are
    relative to the middle one, which saves a product in each filter; ``S^p`` makes up for it and
    must come from :func:`unary_map`.

    Args:
        size_hw: Height and width of the results.
        channels: Number of pairwise feature channels, 0 for none.
        settings: The recipe.
        like: Any tensor of the device and floating type to use.
        halo: Rows that the frames have above and below the results, for a strip of a frame.
    """

    def __init__(
        self,
        size_hw: tuple[int, int],
        channels: int,
        settings: SFSegSettings,
        like: Tensor,
        halo: tuple[int, int] = (0, 0),
    ) -> None:
        height, width = size_hw
        rows = height + sum(halo)

        def made(*shape: int) -> Tensor:
            return torch.zeros(shape, dtype=like.dtype, device=like.device)

        self.enter = make_planes(settings, channels, made(rows, width))
        self.leave = make_planes(settings, channels, made(height, width))
        halves = [t[len(t) // 2 :] for t in kernel_taps(settings.kernel)]
        self.taps = [(half / half[0]).tolist() for half in halves]
        reach_t, reach_y, reach_x = (len(t) - 1 for t in self.taps)
        self.slots = 2 * reach_t + 1
        count = self.enter.count
        # Zero margins around the frame stand for the outside, so no border is a special case.
        wide = made(count, rows, width + 2 * reach_x)
        self.into_wide = wide.narrow(2, reach_x, width)
        self.wide_shifts = [wide.narrow(2, k, width) for k in range(2 * reach_x + 1)]
        tall = made(count, height + 2 * reach_y, width)
        self.into_tall = tall.narrow(1, reach_y - halo[0], rows)
        self.tall_shifts = [tall.narrow(1, k, height) for k in range(2 * reach_y + 1)]
        self.ring = made(self.slots, count, height, width).unbind()
        self.sums = made(count, height, width)
        self.spare = made(count, rows, width)
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
        feature = x_hw[None] if feature_chw is None else feature_chw
        self.enter.enter(x_hw, unary_hw, feature, self.into_wide)
        self._fold(self.wide_shifts, 2, self.into_tall)
        self._fold(self.tall_shifts, 1, self.ring[slot])

    def pull(self, unary_hw: Tensor, feature_chw: Tensor | None, out_hw: Tensor) -> None:
        """Write the raw result of the frame in the middle of the ring, whose maps are given."""
        frames = [self.ring[(self.at + k) % self.slots] for k in range(self.slots)]
        sums = frames[0]
        if self.slots > 1:
            self._fold(frames, 0, self.sums)
            sums = self.sums
        feature = unary_hw[None] if feature_chw is None else feature_chw
        self.leave.leave(sums, unary_hw, feature, out_hw)

    def _fold(self, shifted: list[Tensor], axis: int, out: Tensor) -> None:
        """The symmetric sum of all shifts of a volume, the middle one weighing 1."""
        middle = len(shifted) // 2
        spare = self.spare[:, : out.shape[1]]
        if middle == 0:
            out.copy_(shifted[0])
        total = shifted[middle]
        for k in range(1, middle + 1):
            torch.add(shifted[middle - k], shifted[middle + k], out=spare)
            torch.add(total, spare, alpha=self.taps[axis][k], out=out)
            total = out


def unary_map(soft: Tensor, settings: SFSegSettings) -> Tensor:
    """``S^p`` times the root of the kernel's middle weight, a new tensor."""
    weight = math.prod(float(t[len(t) // 2]) for t in kernel_taps(settings.kernel))
    unary = soft * (1 - 2 * settings.floor) + settings.floor
    return unary.pow_(settings.p).mul_(math.sqrt(weight))


@dataclass(frozen=True)
class _Strip:
    """A part of the picture that is filtered by itself, all frames."""

    rows: slice
    with_halo: slice


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
        self.strips = self._strips()

    def step(self, activation: Activation, first: int, last: int) -> NDArray[np.float64]:
        """See ``kernels.VolumeFilter.step``."""
        if len(self.buffers) < 2:
            self.buffers.append(torch.empty_like(self.stored))
        target = self.buffers[self.steps % 2]
        kind, device = torch.float64, self.stored.device
        parts = torch.empty(len(self.strips), len(self.stored), 3, dtype=kind, device=device)
        threads = torch.get_num_threads() if device.type == "cpu" else 1

        def strip(number: int) -> None:
            with torch.no_grad():
                self._sweep(self.strips[number], activation, first, last, target, parts[number])

        _run_serially(strip, len(self.strips), threads)
        self.stored = target
        self.steps += 1
        low, high, square = parts[..., 0].amin(0), parts[..., 1].amax(0), parts[..., 2].sum(0)
        return torch.stack([low, high, square], dim=1).cpu().numpy()

    def _sweep(
        self,
        strip: _Strip,
        activation: Activation,
        first: int,
        last: int,
        target: Tensor,
        stats: Tensor,
    ) -> None:
        """One step for one strip of all frames."""
        rows, halo = strip.rows, strip.with_halo
        inner = slice(rows.start - halo.start, rows.stop - halo.start)
        # Made here and not kept, so that only the strips under work hold memory.
        stage = TorchStage(
            (rows.stop - rows.start, self.stored.shape[2]),
            0 if self.feature is None else len(self.feature),
            self.settings,
            self.stored,
            (inner.start, halo.stop - rows.stop),
        )
        current = torch.empty_like(self.stored[0, halo])
        frames, reach = len(self.stored), stage.slots // 2
        for t in range(frames + reach):
            if t < frames:
                _activate(self.stored[t, halo], activation, t, current)
                if not first <= t < last:
                    target[t, rows].copy_(current[inner])
                stage.push(current, self.unary[t, halo], self._feature(t, halo))
            else:
                stage.push(None)
            done = t - reach
            if done < 0:
                continue
            out = target[done, rows]
            if first <= done < last:
                stage.pull(self.unary[done, rows], self._feature(done, rows), out)
            stats[done, 0], stats[done, 1] = torch.aminmax(out)
            stats[done, 2] = torch.linalg.vector_norm(out).double() ** 2

    def _strips(self) -> list[_Strip]:
        """On a CPU strips whose ring stays in the cache; elsewhere the whole frame."""
        _, height, width = self.stored.shape
        on_cpu = self.stored.device.type == "cpu"
        tall = max(8, round(_STRIP_VALUES / width)) if on_cpu else height
        count = -(-height // tall)
        edges = [height * k // count for k in range(count + 1)]
        reach = self.settings.kernel[1] // 2
        return [
            _Strip(slice(top, bottom), slice(max(0, top - reach), min(height, bottom + reach)))
            for top, bottom in pairwise(edges)
        ]

    def _feature(self, t: int, rows: slice) -> Tensor | None:
        return None if self.feature is None else self.feature[:, t, rows]

    def hold(self, activation: Activation, known: Mapping[int, Tensor]) -> None:
        """See ``kernels.VolumeFilter.hold``."""
        self.stored = self.finish(activation)
        for t, known_hw in known.items():
            self.stored[t] = known_hw

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


def _run_serially(task: Callable[[int], None], count: int, threads: int) -> None:
    """Run tasks on threads of our own, in each of which torch's operations use one thread.

    Torch's own threads meet after every small operation, which costs more than the operation where
    other programs are busy; here threads meet once a step.
    """

    def alone(number: int) -> None:
        if threading.current_thread() is not caller and not getattr(_LOCAL, "alone", False):
            torch.set_num_threads(1)  # of this thread, and of threads yet to come: see below
            _LOCAL.alone = True
        task(number)

    caller = threading.current_thread()
    run_parallel(alone, count, threads)
    torch.set_num_threads(torch.get_num_threads())


def _activate(stored_hw: Tensor, activation: Activation, t: int, out_hw: Tensor) -> None:
    torch.mul(stored_hw, float(activation.scale[t]), out=out_hw)
    out_hw.add_(float(activation.offset[t]))
    if activation.sigmoid != "none":
        out_hw.sigmoid_()
