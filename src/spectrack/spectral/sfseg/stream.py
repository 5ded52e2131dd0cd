"""SFSeg over a video of any length in fixed memory (SFSeg++ paper, section 4.5).

Step k + 1 of frame t needs step k of the frames within half a kernel only, when each frame is
normalised by itself. So all steps can run at once, each half a kernel behind the one before: the
result equals that of the whole video, a few frames late. Where nothing may be late, the recipe is
run over the last few frames only.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from spectrack.errors import InputError
from spectrack.spectral.sfseg.filter import checked_feature, checked_soft, iterate, resolve
from spectrack.spectral.sfseg.kernels import Stage, choose, open_stage
from spectrack.spectral.sfseg.settings import (
    SFSegSettings,
    first_activation,
    next_activation,
    no_activation,
)

Array = NDArray[np.float32]
Result = tuple[int, Array]
"""Number of a frame, counted from 0, and its float32 (H, W) result."""


class SFSegStream:
    """Filters soft masks as they come.

    ``push`` each frame, then ``finish``; both give the results that have become ready, in order::

        stream = SFSegStream("published")
        for soft_hw, feature_hw in frames:
            for index, result_hw in stream.push(soft_hw, feature_hw):
                ...
        for index, result_hw in stream.finish():
            ...

    Args:
        settings: The recipe or the name of a preset. ``lookahead`` needs the ``frame``
            normalisation: one norm of the whole video cannot be known before its end.
        mode: ``lookahead`` equals the whole video filtered at once; a result comes
            ``latency`` frames after its frame. ``online`` answers each frame at once from the past
            only: the last frame of the recipe run over the last ``window`` frames, all of them
            filtered (``border`` is always ``zero``).
        window: Frames the online mode looks at, the current one included. Where not given, as many
            as can have an influence, ``iterations (kernel[0] // 2) + 1``: then, normalised per
            frame, the result equals that of the video cut after the current frame.
        kernel: ``auto``, ``numba`` or ``torch``, all on the CPU.

    Raises:
        InputError: Look-ahead with the ``volume`` normalisation, unknown mode, window below 1.
    """

    def __init__(
        self,
        settings: SFSegSettings | str = "published",
        mode: Literal["lookahead", "online"] = "lookahead",
        window: int | None = None,
        kernel: str = "auto",
    ) -> None:
        self.settings = resolve(settings)
        if mode not in ("lookahead", "online"):
            raise InputError(f"The mode '{mode}' is not known; give lookahead or online.")
        if mode == "lookahead" and self.settings.normalisation == "volume":
            raise InputError(
                "The recipe normalises by the whole video, which a stream has not seen; "
                "set normalisation to 'frame', or use the online mode."
            )
        if window is not None and window < 1:
            raise InputError(f"A window of {window} frames holds nothing; give 1 or more.")
        reach = self.settings.kernel[0] // 2
        self.mode = mode
        self.window = self.settings.iterations * reach + 1 if window is None else window
        self.kernel = kernel
        self._count = 0
        self._shape: tuple[int, ...] | None = None
        self._past: deque[tuple[Array, Array | None, bool]] = deque(maxlen=self.window)
        self._levels: list[_Level] = []

    @property
    def latency(self) -> int:
        """Frames between a frame and its result; 0 in the online mode."""
        if self.mode == "online":
            return 0
        delay = self.settings.guard() or self.settings.kernel[0] // 2
        return self.settings.iterations * delay

    def push(self, soft_hw: Any, feature: Any | None = None, fixed: bool = False) -> list[Result]:
        """Take in the next frame.

        Args:
            soft_hw: S of the frame, (H, W) in [0, 1].
            feature: F of the frame in [0, 1], (H, W) or (C, H, W), or None; alike for all frames.
            fixed: Whether the mask of this frame is known: it stays as it is, and its neighbours
                feel it; see :func:`spectrack.spectral.sfseg.filter.sfseg`.

        Returns:
            What has become ready: none, one or several frames.

        Raises:
            InputError: NaN or infinite values, F outside [0, 1], or another size than before.
        """
        soft = checked_soft(np.asarray(soft_hw)[None])
        pairwise = None
        if feature is not None:
            values = np.asarray(feature)
            pairwise = checked_feature(values.reshape(-1, 1, *values.shape[-2:]), soft)
        shape = (*soft.shape, 0 if pairwise is None else len(pairwise))
        if self._shape is None:
            self._shape = shape
            self._open(shape)
        elif shape != self._shape:
            raise InputError(
                f"Frame {self._count} has height, width and feature channels {shape[1:]}, those "
                f"before {self._shape[1:]}; give frames that are alike."
            )
        index = self._count
        self._count += 1
        if self.mode == "online":
            # Copies, because callers reuse their arrays.
            kept = None if pairwise is None else pairwise.copy()
            self._past.append((soft.copy(), kept, fixed))
            return [(index, self._filter_past())]
        start = first_activation(self.settings, 1)
        frame = _Frame(index, soft[0].copy(), None if pairwise is None else pairwise[:, 0].copy())
        if self._levels:
            frame.unary = self._levels[0].stage.unary(frame.stored)
        frame.activation = start
        frame.hold(soft[0].copy() if fixed else None)
        return self._run([frame], 0)

    def finish(self) -> list[Result]:
        """The frames still on their way, the video being over. The stream then starts anew."""
        ready: list[Result] = []
        for number, level in enumerate(self._levels):
            ready += self._run(level.finish(), number + 1)
        self._count, self._shape, self._levels = 0, None, []
        self._past.clear()
        return ready

    def filter(self, frames: Iterable[tuple[Any, Any | None]]) -> Iterator[Result]:
        """All results of an iterable of ``(soft_hw, feature)``, in order."""
        for soft_hw, feature in frames:
            yield from self.push(soft_hw, feature)
        yield from self.finish()

    def _open(self, shape: tuple[int, ...]) -> None:
        if self.mode == "online":
            return
        kernel = choose(self.kernel, self.settings, shape[-1])
        size_hw = (shape[1], shape[2])
        self._levels = [
            _Level(open_stage(kernel, size_hw, shape[-1], self.settings), self.settings, k)
            for k in range(self.settings.iterations)
        ]

    def _run(self, frames: list[_Frame], number: int) -> list[Result]:
        """Send frames through the levels from ``number`` on."""
        for level in self._levels[number:]:
            frames = [ready for frame in frames for ready in level.push(frame)]
        return [(frame.index, frame.current()) for frame in frames]

    def _filter_past(self) -> Array:
        soft = np.concatenate([s for s, _, _ in self._past])
        features = [f for _, f, _ in self._past if f is not None]
        fixed = [t for t, (_, _, known) in enumerate(self._past) if known]
        pairwise = np.concatenate(features, axis=1) if features else None
        recipe = replace(self.settings, border="zero")
        kernel = choose(self.kernel, recipe, 0 if pairwise is None else len(pairwise))
        result: Array = iterate(kernel, soft, pairwise, recipe, fixed)[-1]
        return result.copy()


class _Frame:
    """One frame between two levels: what is stored, and the activation that makes it a solution."""

    def __init__(self, index: int, stored: Array, feature: Array | None) -> None:
        self.index = index
        self.stored = stored
        self.feature = feature
        self.unary = stored
        self.activation = no_activation(1)
        self.known: Array | None = None

    def hold(self, known_hw: Array | None) -> None:
        """Put known values in place of the solution, where there are any."""
        self.known = known_hw
        if known_hw is not None:
            self.stored, self.activation = known_hw, no_activation(1)

    def current(self) -> Array:
        """The solution itself."""
        scale, offset = np.float32(self.activation.scale[0]), np.float32(self.activation.offset[0])
        value = self.stored * scale + offset
        if self.activation.sigmoid != "none":
            from scipy.special import expit

            expit(value, out=value)
        return value


class _Level:
    """One step for all frames, half a kernel behind the level before (a kernel with guards)."""

    def __init__(self, stage: Stage, settings: SFSegSettings, number: int) -> None:
        self.stage = stage
        self.settings = settings
        self.number = number
        self.reach = settings.kernel[0] // 2
        self.guard = settings.guard()
        self.waiting: deque[_Frame] = deque()  # frames taken in, their result not given yet
        self.raw: dict[int, tuple[Array, NDArray[np.float64]]] = {}
        self.taken = 0

    def push(self, frame: _Frame) -> list[_Frame]:
        """Take in a frame; what is ready after it."""
        self.stage.push(frame.stored, frame.unary, frame.feature, frame.activation)
        self.waiting.append(frame)
        self.taken += 1
        self._pull(self.taken - 1 - self.reach)
        # With guards a frame may only be given once it is sure not to be one of the last.
        return self._give(self.taken - max(self.guard, self.reach))

    def finish(self) -> list[_Frame]:
        """All frames not given yet."""
        for _ in range(self.reach):
            self.stage.push(None, None, None, no_activation(1))
            self.taken += 1
            self._pull(self.taken - 1 - self.reach)
        frames = self.taken - self.reach
        ready = self._give(frames - self.guard)
        self.guard = frames  # what is left is never filtered
        return ready + self._give(frames)

    def _pull(self, index: int) -> None:
        if index < max(0, self.guard):
            return
        frame = self.waiting[index - self.waiting[0].index]
        self.raw[index] = self.stage.pull(frame.unary, frame.feature)

    def _give(self, end: int) -> list[_Frame]:
        ready = []
        while self.waiting and self.waiting[0].index < end:
            frame = self.waiting.popleft()
            stored, stats = self.raw.pop(frame.index, (None, None))
            if stored is None or stats is None or frame.index < self.guard:
                stored = frame.current()
                norm = float(np.dot(stored.reshape(-1), stored.reshape(-1)))
                stats = np.array([[stored.min(), stored.max(), norm]])
            result = _Frame(frame.index, stored, frame.feature)
            result.unary = frame.unary
            result.activation = next_activation(self.settings, stats, self.number)
            result.hold(frame.known)
            ready.append(result)
        return ready
