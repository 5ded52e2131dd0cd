"""The spectral step on a CPU: compiled by numba, several threads, one pass over memory a step."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from spectrack.spectral.sfseg.kernels.forms import SIGMOID
from spectrack.spectral.sfseg.kernels.plan import Plan
from spectrack.spectral.sfseg.kernels.rows import activate
from spectrack.spectral.sfseg.kernels.sweep import pull_tile, push_tile, sweep_tile
from spectrack.spectral.sfseg.kernels.threads import run_parallel, thread_count
from spectrack.spectral.sfseg.settings import Activation, SFSegSettings

Array = NDArray[np.float32]


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
        soft_thw: Array,
        feature_cthw: Array | None,
        settings: SFSegSettings,
        threads: int | None = None,
    ) -> None:
        self.shape = soft_thw.shape
        self.threads = threads or thread_count()
        height, width = self.shape[1:]
        slots = settings.kernel[0] + 1  # two frames leave together
        self.plan = Plan(settings, feature_cthw is not None, (height, width), slots)
        self.stored = soft_thw.reshape(-1)
        self.feature = self.stored
        self.centre = np.float32(0)
        if feature_cthw is not None:
            self.feature = feature_cthw.reshape(-1)
            self.centre = np.float32(feature_cthw.mean(dtype=np.float64))
        unary = np.empty_like(soft_thw)
        run_parallel(lambda t: self.plan.unary(soft_thw[t], unary[t]), self.shape[0], self.threads)
        self.unary = unary.reshape(-1)
        self.scratch = [(self.plan.tall(), self.plan.ring()) for _ in range(self.threads)]
        # Two buffers take turns; the input itself is only read.
        self.buffers: list[Array] = []
        self.steps = 0

    def step(self, activation: Activation, first: int, last: int) -> NDArray[np.float64]:
        """See ``kernels.VolumeFilter.step``."""
        if activation.sigmoid == "any":
            activation = self._activate_now(activation)
        if len(self.buffers) < 2:
            self.buffers.append(np.empty_like(self.unary))
        target = self.buffers[self.steps % 2]
        plan, frames = self.plan, self.shape[0]
        scale, offset = (a.astype(np.float32) for a in (activation.scale, activation.offset))
        curve = SIGMOID if activation.sigmoid == "unit" else None
        parts = np.zeros((len(plan.tiles), frames, 3))
        free = list(self.scratch)  # list.pop and append are atomic: a scratch has one user

        def tile(number: int) -> None:
            scratch = free.pop()
            sweep_tile(
                self.stored, self.unary, self.feature, target, scale, offset, curve,
                plan.form, self.centre, *plan.taps, plan.slots, plan.planes, self.shape,
                (first, last), plan.tiles[number], *scratch, parts[number],
            )  # fmt: skip
            free.append(scratch)

        run_parallel(tile, len(plan.tiles), self.threads)
        stats = _joined(parts)
        size = self.stored.size // frames
        for t in [*range(min(first, frames)), *range(max(first, last), frames)]:
            frame = target[t * size : (t + 1) * size]
            activate(self.stored, frame, t * size, scale[t], offset[t], curve)
            stats[t] = frame_stats(frame)
        self.stored = target
        self.steps += 1
        return stats

    def hold(self, activation: Activation, known: Mapping[int, Array]) -> None:
        """See ``kernels.VolumeFilter.hold``."""
        solution = self.finish(activation)
        for t, known_hw in known.items():
            solution[t] = known_hw
        self.stored = solution.reshape(-1)

    def finish(self, activation: Activation) -> Array:
        """See ``kernels.VolumeFilter.finish``."""
        self._activate_now(activation)
        return self.stored.reshape(self.shape)

    def _activate_now(self, activation: Activation) -> Activation:
        """Apply an activation to what is stored; what remains to be done is nothing."""
        source, frames = self.stored, self.shape[0]
        out = source if self.steps else np.empty_like(source)
        size = source.size // frames

        def frame(t: int) -> None:
            part = slice(t * size, (t + 1) * size)
            activate_frame(source[part], out[part], activation, t)

        run_parallel(frame, frames, self.threads)
        self.stored = out
        return Activation(np.ones(frames), np.zeros(frames))


class NumbaStage:
    """One step of power iteration over a stream of frames (see ``kernels.Stage``)."""

    def __init__(self, size_hw: tuple[int, int], channels: int, settings: SFSegSettings) -> None:
        self.size_hw = size_hw
        self.threads = thread_count()
        self.plan = Plan(settings, channels > 0, size_hw, settings.kernel[0])
        self.rings = [self.plan.ring(tile) for tile in self.plan.tiles]
        self.tall = [self.plan.tall() for _ in range(self.threads)]
        self.at = 0

    def unary(self, soft_hw: Array) -> Array:
        """See ``kernels.Stage.unary``."""
        out = np.empty_like(soft_hw)
        self.plan.unary(soft_hw, out)
        return out

    def push(
        self,
        stored_hw: Array | None,
        unary_hw: Array | None,
        feature_chw: Array | None,
        activation: Activation,
    ) -> None:
        """See ``kernels.Stage.push``."""
        plan, slot = self.plan, self.at % len(self.plan.slots)
        self.at += 1
        if stored_hw is None or unary_hw is None:
            for ring in self.rings:
                size = ring.size // len(plan.slots)
                ring[slot * size : (slot + 1) * size] = 0
            return
        if activation.sigmoid == "any":
            out = np.empty_like(stored_hw)
            activate_frame(stored_hw.reshape(-1), out.reshape(-1), activation, 0)
            stored_hw, activation = out, Activation(np.ones(1), np.zeros(1))
        curve = SIGMOID if activation.sigmoid == "unit" else None
        scale, offset = np.float32(activation.scale[0]), np.float32(activation.offset[0])
        flat, unary = stored_hw.reshape(-1), unary_hw.reshape(-1)
        feature = flat if feature_chw is None else feature_chw.reshape(-1)
        free = list(self.tall)

        def tile(number: int) -> None:
            tall = free.pop()
            push_tile(
                flat, unary, feature, scale, offset, curve, plan.form,
                np.float32(0.5), plan.taps[1], plan.taps[2], plan.planes, self.size_hw,
                plan.tiles[number], tall, self.rings[number], slot,
            )  # fmt: skip
            free.append(tall)

        run_parallel(tile, len(plan.tiles), self.threads)

    def pull(self, unary_hw: Array, feature_chw: Array | None) -> tuple[Array, NDArray[np.float64]]:
        """See ``kernels.Stage.pull``."""
        plan, out = self.plan, np.empty_like(unary_hw)
        feature = unary_hw if feature_chw is None else feature_chw
        parts = np.zeros((len(plan.tiles), 3))

        def tile(number: int) -> None:
            pull_tile(
                unary_hw.reshape(-1), feature.reshape(-1), out.reshape(-1), plan.form,
                np.float32(0.5), plan.taps[0], plan.slots, plan.planes, self.size_hw,
                plan.tiles[number], self.rings[number], self.at % len(plan.slots), parts, number,
            )  # fmt: skip

        run_parallel(tile, len(plan.tiles), self.threads)
        return out, _joined(parts[:, None])


def activate_frame(source: Array, out: Array, activation: Activation, t: int) -> None:
    """Apply an activation to the values of frame t, flat."""
    scale, offset = np.float32(activation.scale[t]), np.float32(activation.offset[t])
    activate(source, out, 0, scale, offset, SIGMOID if activation.sigmoid == "unit" else None)
    if activation.sigmoid == "any":
        from scipy.special import expit

        expit(out, out=out)


def frame_stats(frame: Array) -> tuple[float, float, float]:
    """Minimum, maximum and sum of squares."""
    flat = frame.reshape(-1)
    return float(flat.min()), float(flat.max()), float(np.dot(flat, flat))


def _joined(parts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Statistics of frames (T, 3) from those of tiles (tiles, T, 3)."""
    return np.stack([parts[..., 0].min(0), parts[..., 1].max(0), parts[..., 2].sum(0)], axis=-1)
