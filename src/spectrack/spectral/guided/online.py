"""The guided filter without future: each frame is filtered as soon as it comes.

The spectral step of :mod:`spectrack.spectral.guided.stream` on the newest frames alone, as
SFTrack++ does online ("a sliding window over the previous N frames", SFTrack++ paper, section 3).
The solution starts at the unfiltered masks of the window and takes ``iterations`` steps; links go
both ways between the frames of the window, and none leaves it.

Only the result of the newest frame t is wanted. Its step k needs step k - 1 of frame t - 1, so
frame t - d takes ``iterations - d`` steps and those further back none: the result is exactly that
of sweeping the whole window. Frames beyond ``iterations + 1`` could not change it and are not kept.

With ``recursive`` past frames hold their own results in place of their inputs, and only the newest
is swept, against the fixed frame before it: cheaper, and memory of all that came before.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrack.errors import InputError
from spectrack.spectral.guided.given import checked_flow, checked_masks
from spectrack.spectral.guided.kernels import raise_level
from spectrack.spectral.guided.links import LinkedFrame
from spectrack.spectral.guided.settings import LinkSettings, Taps
from spectrack.spectral.guided.sweeps import sweep
from spectrack.spectral.guided.tiles import SoftPlane

Plane = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class OnlineSettings(LinkSettings):
    """How masks are filtered online: the settings of the links, and how far to go.

    Attributes:
        lengths: Length tau of each step x + tau (W x - x), > 0; 1 is a plain power iteration, and
            up to 1.5 is stable by itself.
        window: Frames that take part, the newest included; more than one for each step and one
            make no difference.
        recursive: Whether past frames hold their results instead of their inputs.

    Raises:
        InputError: If a setting is out of range; the message names it.
    """

    reach: int = 16
    lengths: tuple[float, ...] = (1.0, 1.0)
    window: int = 6
    recursive: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not all(math.isfinite(tau) and tau > 0 for tau in self.lengths):
            raise InputError(f"lengths are {self.lengths}; give a positive number a step")
        if int(self.window) != self.window or self.window < 1:
            raise InputError(f"window is {self.window}; give a whole number of frames, 1 or more")

    @property
    def iterations(self) -> int:
        """Steps in all."""
        return len(self.lengths)

    @property
    def frames(self) -> int:
        """Most frames that are held."""
        return min(self.window, 2 if self.recursive else self.iterations + 1)


class OnlineFilter:
    """Filters each frame of a video at once, in fixed memory.

    Memory is that of ``settings.frames`` frames: three float32 planes, and about 80 bytes an
    active pixel.

    Args:
        size_wh: Width and height of the frames.
        settings: The recipe.

    Raises:
        InputError: If the size is not positive.
    """

    def __init__(self, size_wh: tuple[int, int], settings: OnlineSettings | None = None) -> None:
        if min(size_wh) < 1:
            raise InputError(f"frames of {size_wh[0]}x{size_wh[1]} were asked for; give 1 or more")
        self.settings, self.size_wh = settings or OnlineSettings(), size_wh
        self._taps = Taps(size_wh[0], self.settings)
        self._window: deque[_Frame] = deque()  # newest first

    @property
    def held(self) -> int:
        """Frames held now."""
        return len(self._window)

    def push(
        self,
        frame_hwc: NDArray[np.uint8],
        soft_hw: Plane,
        forward_hw2: NDArray[np.float32] | None = None,
        backward_hw2: NDArray[np.float32] | None = None,
    ) -> Plane:
        """Filter the next frame.

        Args:
            frame_hwc: uint8 RGB, (H, W, 3).
            soft_hw: Soft mask in [0, 1], (H, W).
            forward_hw2: Flow from the previous frame to this one, (H, W, 2), pixels. Without both
                flows (first frame, cut) the frame is not linked to the previous one.
            backward_hw2: Flow from this frame to the previous one.

        Returns:
            Its filtered mask: float32 (H, W) in [0, 1], foreground from one half.

        Raises:
            InputError: If shapes do not fit, or the mask holds NaN or leaves [0, 1].
        """
        s = self.settings
        soft_mhw = checked_masks(frame_hwc, soft_hw, 1, self.size_wh)
        flows = None
        if forward_hw2 is not None and backward_hw2 is not None:
            flows = [checked_flow(f, self.size_wh) for f in (forward_hw2, backward_hw2)]
        if flows is None or s.frames == 1:
            # Nothing can come through from before.
            self.reset()
        new = _Frame(frame_hwc, soft_mhw, self._taps, s)
        if self._window and flows is not None:
            last = self._window[0]
            new.link(last, flows[1], flows[0], before=True)
            if not s.recursive:
                last.link(new, flows[0], flows[1], before=False)
            last.release()
        new.sum_up()
        self._window.appendleft(new)
        if len(self._window) > s.frames:
            self._window.pop()
            if s.frames <= s.iterations and not s.recursive:
                self._window[-1].unlink_before()
        self._sweep()
        if s.recursive:
            new.hold(s.iterations)
        out = np.empty((self.size_wh[1], self.size_wh[0]), dtype=np.float32)
        result = new.start if s.recursive else new.plane(s.iterations)
        raise_level(result.values, self._taps.pad, np.float32((1 - s.level) / s.level), out)
        return out

    def reset(self) -> None:
        """Forget all frames, for a cut or another video."""
        self._window.clear()

    def _sweep(self) -> None:
        s, window = self.settings, self._window
        for step in range(s.iterations):
            swept = 1 if s.recursive else s.iterations - step
            for d in range(min(swept, len(window))):
                frame = window[d]
                before = window[d + 1] if d + 1 < len(window) else frame
                after = window[d - 1] if d > 0 else frame
                past = before.start if s.recursive else before.plane(step)
                frame.advance(step, past, after.plane(step))


class _Frame(LinkedFrame):
    """A frame of the window: its input, and the planes of the last two steps."""

    def __init__(
        self,
        frame_hwc: NDArray[np.uint8],
        soft_mhw: Plane,
        taps: Taps,
        settings: OnlineSettings,
    ) -> None:
        super().__init__(frame_hwc, soft_mhw, taps, settings)
        self._lengths, self._flat = settings.lengths, settings.flat
        self.start = SoftPlane(soft_mhw[0], taps.pad)
        self._tiles = self.tiles()
        self._work = [self.start.copy() for _ in settings.lengths[:2]]

    def plane(self, steps: int) -> SoftPlane:
        """The values after a number of steps: the last or the one before the last taken."""
        return self._work[steps % 2 - 1] if steps else self.start

    def advance(self, step: int, past: SoftPlane, following: SoftPlane) -> None:
        """Take step ``step`` (from 0) from the values of as many steps here and beside."""
        own, new = self.plane(step), self.plane(step + 1)
        sweep(
            *self.links,
            self._taps.own,
            self._taps.side,
            self.near,
            past.values,
            own.values,
            following.values,
            (own.ranges, past.ranges, following.ranges),
            self.ahead,
            self._lengths[step],
            step + 1 == len(self._lengths),
            self._flat,
            self._taps.in_rows,
            new.values,
        )
        new.measure(self._tiles)

    def hold(self, steps: int) -> None:
        """Let the result after ``steps`` take the place of the input."""
        self.start = self.plane(steps)
        self._work = []
