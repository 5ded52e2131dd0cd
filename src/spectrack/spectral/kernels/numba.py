"""The spectral step on a CPU: compiled by numba, several threads, one pass over memory a step."""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spectrack.spectral.affinity import cosine_series
from spectrack.spectral.basis import unary_power
from spectrack.spectral.gaussian import kernel_taps
from spectrack.spectral.kernels.forms import OPTIONS, SIGMOID, cosine_form
from spectrack.spectral.kernels.sweep import BLOCK, sweep_tile
from spectrack.spectral.settings import Activation, SFSegSettings

_TILE_WIDTH = 288
_RING_BYTES = 600_000  # leaves room for the other rows in a second cache of 1 MiB


def thread_count() -> int:
    """Threads that the filter uses: the processors allowed, or NUMBA_NUM_THREADS."""
    asked = os.environ.get("NUMBA_NUM_THREADS", "")
    if asked.isdigit() and int(asked) > 0:
        return int(asked)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@lru_cache(maxsize=1)
def _pool(threads: int) -> ThreadPoolExecutor:
    # The compiled tiles release the interpreter, so plain threads run side by side; they share no
    # runtime with torch's and work from any thread of the caller.
    return ThreadPoolExecutor(threads, thread_name_prefix="spectral")


class NumbaFilter:
    """A whole video under filtering (see ``kernels.VolumeFilter``); at most one feature channel.

    Args:
        soft_thw: float32, C order.
        feature_cthw: float32 (1, T, H, W), C order, or None.
        settings: The recipe.
        threads: Number of threads; all processors where not given.
    """

    def __init__(
        self,
        soft_thw: NDArray[np.float32],
        feature_cthw: NDArray[np.float32] | None,
        settings: SFSegSettings,
        threads: int | None = None,
    ) -> None:
        self.shape = soft_thw.shape
        self.threads = threads or thread_count()
        self.stored = soft_thw.reshape(-1)
        taps = [t[len(t) // 2 :] for t in kernel_taps(settings.kernel)]
        self.taps = [tuple(np.float32(v) for v in t / t[0]) for t in taps]
        # Weights relative to the middle one save a product in each filter; S^p, which enters every
        # link twice, makes up for them.
        self.unary = self._unary(soft_thw, settings, math.sqrt(np.prod([t[0] for t in taps])))
        self.form: Any = None
        self.centre = np.float32(0)
        self.planes = 1
        self.feature = self.stored
        if feature_cthw is not None and settings.alpha > 0:
            self.feature = feature_cthw.reshape(-1)
            if settings.affinity == "taylor":
                self.form, self.planes = np.float32(settings.alpha), 3
                self.centre = np.float32(feature_cthw.mean(dtype=np.float64))
            else:
                self.form = cosine_form(cosine_series(settings.affinity, settings.alpha))
                self.planes = int(settings.affinity[-1])
        self.slots = (0,) * (settings.kernel[0] + 1)
        self.tiles = self._tiles()
        self.scratch = [self._scratch() for _ in range(self.threads)]
        # Two buffers take turns; the input itself is only read.
        self.buffers: list[NDArray[np.float32]] = []
        self.steps = 0

    def step(self, activation: Activation, first: int, last: int) -> NDArray[np.float64]:
        """See ``kernels.VolumeFilter.step``."""
        if activation.sigmoid == "any":
            activation = self._activate_now(activation)
        if len(self.buffers) < 2:
            self.buffers.append(np.empty_like(self.unary))
        target = self.buffers[self.steps % 2]
        frames = self.shape[0]
        scale, offset = (a.astype(np.float32) for a in (activation.scale, activation.offset))
        curve = SIGMOID if activation.sigmoid == "unit" else None
        parts = np.zeros((len(self.tiles), frames, 3))
        free = list(self.scratch)  # list.pop and append are atomic: a scratch has one user

        def tile(number: int) -> None:
            scratch = free.pop()
            sweep_tile(
                self.stored, self.unary, self.feature, target, scale, offset, curve,
                self.form, self.centre, *self.taps, self.slots, self.planes, self.shape,
                (first, last), self.tiles[number], *scratch, parts[number],
            )  # fmt: skip
            free.append(scratch)

        self._run(tile, len(self.tiles))
        stats = np.stack(
            [parts[..., 0].min(0), parts[..., 1].max(0), parts[..., 2].sum(0)], axis=-1
        )
        for t in [*range(min(first, frames)), *range(max(first, last), frames)]:
            part = slice(t * self.unary.size // frames, (t + 1) * self.unary.size // frames)
            frame = target[part]
            _activate(self.stored[part], frame, scale[t], offset[t], activation.sigmoid != "none")
            stats[t] = frame.min(), frame.max(), np.dot(frame, frame)
        self.stored = target
        self.steps += 1
        return stats

    def finish(self, activation: Activation) -> NDArray[np.float32]:
        """See ``kernels.VolumeFilter.finish``."""
        self._activate_now(activation)
        return self.stored.reshape(self.shape)

    def _activate_now(self, activation: Activation) -> Activation:
        """Apply an activation to what is stored; what remains to be done is nothing."""
        source = self.stored
        out = source if self.steps else np.empty_like(source)
        size = source.size // self.shape[0]

        def frame(t: int) -> None:
            part = slice(t * size, (t + 1) * size)
            scale, offset = np.float32(activation.scale[t]), np.float32(activation.offset[t])
            _activate(source[part], out[part], scale, offset, activation.sigmoid != "none")

        self._run(frame, self.shape[0])
        self.stored = out
        return Activation(np.ones(self.shape[0]), np.zeros(self.shape[0]))

    def _run(self, task: Any, count: int) -> None:
        for _ in _pool(self.threads).map(task, range(count)):
            continue

    def _unary(
        self, soft_thw: NDArray[np.float32], settings: SFSegSettings, gain: float
    ) -> NDArray[np.float32]:
        out = np.empty_like(soft_thw)

        def frame(t: int) -> None:
            np.multiply(unary_power(soft_thw[t], settings), np.float32(gain), out=out[t])

        self._run(frame, len(soft_thw))
        return out.reshape(-1)

    def _tiles(self) -> list[tuple[int, int, int, int]]:
        _, height, width = self.shape
        across = max(1, round(width / _TILE_WIDTH))
        tile_width = min(width, -(-width // (16 * across)) * 16)
        line = 4 * len(self.slots) * self.planes * (-(-tile_width // 16) * 16)
        most = max(BLOCK, int(_RING_BYTES / line) // BLOCK * BLOCK)
        down = -(-height // most)
        tile_height = -(-height // (down * BLOCK)) * BLOCK
        return [
            (top, min(height, top + tile_height), left, min(width, left + tile_width))
            for top in range(0, height, tile_height)
            for left in range(0, width, tile_width)
        ]

    def _scratch(self) -> tuple[NDArray[np.float32], ...]:
        rows = max(b - t for t, b, _, _ in self.tiles)
        pitch = max(r - le for _, _, le, r in self.tiles)
        rows, pitch = -(-rows // BLOCK) * BLOCK, -(-pitch // 16) * 16
        reach = len(self.taps[1]) - 1
        wide = self.planes * pitch
        return (
            _aligned((rows + 2 * reach + BLOCK) * wide),
            _aligned(len(self.slots) * rows * wide),
        )


def _aligned(size: int) -> NDArray[np.float32]:
    """A zeroed buffer that starts on a cache line."""
    raw = np.zeros(size + 16, dtype=np.float32)
    skip = -raw.ctypes.data // 4 % 16
    return raw[skip : skip + size]


@njit(**OPTIONS)
def _activate(source: Any, out: Any, scale: Any, offset: Any, sigmoid: bool) -> None:
    for i in range(source.size):
        value = source[i] * scale + offset
        if sigmoid:
            value = np.float32(1) / (np.float32(1) + np.exp(-value))
        out[i] = value
