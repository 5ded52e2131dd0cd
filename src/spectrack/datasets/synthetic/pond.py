"""The synthetic scene: a koi swims through a pond, seen from above by a moving camera.

Every frame is a pure function of (seed, size, ranges, frame number): any length in bounded
memory, any frame at random. Places are complex numbers in world pixels, x + iy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from spectrack.datasets.synthetic.sprites import (
    Koi,
    Pad,
    Pose,
    koi_skin,
    periodic_noise,
    pond_floor,
)
from spectrack.errors import InputError
from spectrack.structures import FrameHWC, HardHW

Ranges = Iterable[tuple[int, int]]
Place = Callable[[float], complex]
RAMP = 40
"""Frames that an exit or a full occlusion takes to build up, and to end."""

_DRIFT = 3.6  # forward speed of everything that swims, world pixels a frame at 240 rows
_PAD_EVERY = 110  # frames between the pads that the target passes under
_PAD_FIRST = 34


class Pond:
    """The scene; :meth:`render` gives any frame of it.

    Args:
        size_wh: Width and height in pixels, each at least 32; odd sizes are fine.
        seed: Same seed, same scene.
        occlusions: Frame ranges [start, end) in which the target is wholly hidden under a pad.
        exits: Frame ranges [start, end) in which the target is outside the picture. Both begin
            to hide it up to :data:`RAMP` frames before and end as long after.

    Raises:
        InputError: If the size is too small, or ranges are empty, too early or too close: the
            target needs :data:`RAMP` frames before, between and after ranges.
    """

    def __init__(
        self,
        size_wh: tuple[int, int] = (427, 240),
        seed: int = 0,
        occlusions: Ranges = (),
        exits: Ranges = (),
    ) -> None:
        width, height = size_wh
        if width < 32 or height < 32:
            raise InputError(f"a scene of {width}x{height} was asked for; give at least 32x32")
        self.size_wh, self.seed = (int(width), int(height)), int(seed)
        self.occlusions, self.exits = tuple(occlusions), tuple(exits)
        _check_ranges(self.occlusions + self.exits)
        self._unit = unit = min(width, height) / 240
        tile = (math.ceil(1.3 * width), math.ceil(1.3 * height))
        stones = np.random.default_rng([self.seed, 23])
        self._floor = pond_floor(stones, tile, unit)
        self._ripples = [periodic_noise(stones, tile, 1.7, 3.0) for _ in range(2)]
        # Of its own, so that everything swims alike whatever the size of the picture.
        rng = np.random.default_rng([self.seed, 20])
        self._angle = float(rng.uniform(-0.35, 0.35) + (math.pi if rng.random() < 0.5 else 0))
        self._phases = rng.uniform(0, 2 * math.pi, 12)
        length = 146 * unit
        self._target = Koi(koi_skin(rng, 0.5), length, 1 / 26, float(rng.uniform(0, 6)))
        self._decoy = Koi(koi_skin(rng, 0.45), 0.94 * length, 1 / 23, float(rng.uniform(0, 6)))
        self._cover = Pad(0.74 * length, 2.4, 0.35, notch=-1.0)

    def render(self, time: int) -> tuple[FrameHWC, HardHW]:
        """Frame number ``time`` (>= 0).

        Returns:
            The frame, uint8 RGB (H, W, 3), and the mask, bool (H, W).
        """
        if time < 0:
            raise InputError(f"frame {time} was asked for; frames count from 0")
        canvas = self._background(time)
        swimmers = [
            (koi, self._pose(place, time), self._bend(place, time))
            for koi, place in (
                (self._decoy, self._place_decoy),
                (self._target, self._place_target),
            )
        ]
        for koi, pose, bend in swimmers:
            koi.shade(canvas, pose, time, bend)
        for koi, pose, bend in swimmers:
            mask = koi.draw(canvas, pose, time, bend)
        for pad, where in self._pads(time):
            mask &= ~pad.draw(canvas, self._to_screen(where, 0.0, time))
        grain = np.random.default_rng([self.seed, 21, time])
        canvas += grain.standard_normal(canvas.shape, dtype=np.float32) * 2.0
        return np.clip(np.rint(canvas), 0, 255).astype(np.uint8), mask

    def _wobble(self, time: float, pick: int, period: float) -> float:
        """A smooth number in [-1, 1] that never quite repeats."""
        a, b = self._phases[pick], self._phases[pick + 1]
        w = 2 * math.pi * time / period
        return (math.sin(w + a) + 0.6 * math.sin(w * 1.618 + b)) / 1.6

    def _trail(self, time: float) -> complex:
        """Where everything drifts to: the middle of the action."""
        return self._forward() * (_DRIFT * time * self._unit)

    def _forward(self) -> complex:
        return complex(math.cos(self._angle), math.sin(self._angle))

    def _camera(self, time: float) -> tuple[complex, float, float]:
        """Centre of view, roll in radians, zoom."""
        sway = complex(22 * self._wobble(time, 0, 127), 12 * self._wobble(time, 1, 101))
        roll = 0.06 * self._wobble(time, 2, 113)
        zoom = 1.0 + 0.07 * self._wobble(time, 3, 120)
        return self._trail(time) + sway * self._unit, roll, zoom

    def _place_path(self, time: float) -> complex:
        """Path of the target without exits."""
        along, aside = 24 * self._wobble(time, 4, 110), 26 * self._wobble(time, 5, 84)
        return self._trail(time) + self._forward() * complex(along, aside) * self._unit

    def _place_target(self, time: float) -> complex:
        ahead = sum(self._away(time, start, end) for start, end in self.exits)
        return self._place_path(time) + self._forward() * ahead

    def _place_decoy(self, time: float) -> complex:
        # It keeps to one side and comes near now and then, below the target.
        along = 60 * self._wobble(time, 6, 150)
        aside = 88 + 24 * self._wobble(time, 7, 96)
        side = 1 if self._phases[8] > math.pi else -1
        return self._trail(time) + self._forward() * complex(along, side * aside) * self._unit

    def _away(self, time: float, start: int, end: int) -> float:
        """How far ahead an exit carries the target; it comes back from behind."""
        width, height = self.size_wh
        far = 0.62 * math.hypot(width, height) + 1.1 * self._target.length
        if time < (start + end) / 2:
            return far * _ease((time - start + RAMP) / RAMP)
        return -far * _ease((end + RAMP - time) / RAMP)

    def _pose(self, place: Place, time: float) -> Pose:
        step = place(time + 0.5) - place(time - 0.5)
        return self._to_screen(place(time), math.atan2(step.imag, step.real), time)

    def _bend(self, place: Place, time: float) -> float:
        """Curvature of the body where the path turns."""
        before, after = place(time) - place(time - 2), place(time + 2) - place(time)
        turn = (after / before) if abs(before) > 1e-6 else complex(1)
        return float(np.clip(1.6 * math.atan2(turn.imag, turn.real), -0.3, 0.3))

    def _to_screen(self, place: complex, angle: float, time: float) -> Pose:
        eye, roll, zoom = self._camera(time)
        at = (place - eye) * complex(math.cos(roll), math.sin(roll)) * zoom
        width, height = self.size_wh
        return at.real + (width - 1) / 2, at.imag + (height - 1) / 2, angle + roll, zoom

    def _pads(self, time: float) -> Iterator[tuple[Pad, complex]]:
        """The pads that may be in view, with their places."""
        here = round((time - _PAD_FIRST) / _PAD_EVERY)
        reach = math.ceil(2 * math.hypot(*self.size_wh) / (self._unit * _DRIFT * _PAD_EVERY))
        for k in range(max(here - reach, -reach), here + reach + 1):
            rng = np.random.default_rng([self.seed, 22, k + 1_000_000])
            at = _PAD_FIRST + _PAD_EVERY * k
            if k >= 0:
                pad = Pad(27 * self._unit, float(rng.uniform(0, 6.28)), float(rng.uniform(0.2, 1)))
                side = 1 if rng.random() < 0.5 else -1
                aside = side * rng.uniform(2, 9) * self._unit
                yield pad, self._place_path(at) + self._forward() * complex(0, aside)
            for side in (-1, 1):
                for _ in range(2):
                    pad = Pad(
                        float(rng.uniform(17, 30)) * self._unit,
                        float(rng.uniform(0, 6.28)),
                        float(rng.uniform(0, 1)),
                        flower=bool(rng.random() < 0.4),
                    )
                    along = rng.uniform(-0.5, 0.5) * _PAD_EVERY * _DRIFT
                    aside = side * rng.uniform(112, 165)
                    yield (
                        pad,
                        self._trail(at) + self._forward() * complex(along, aside) * self._unit,
                    )
        for start, end in self.occlusions:
            if start - RAMP < time < end + RAMP:
                far = 0.62 * math.hypot(*self.size_wh) + self._cover.radius
                slide = far * (_ease((start - time) / RAMP) - _ease((time - end + 1) / RAMP))
                yield self._cover, self._place_target(time) + self._forward() * slide

    def _background(self, time: int) -> NDArray[np.float32]:
        eye, roll, zoom = self._camera(time)
        cos, sin = math.cos(roll) / zoom, math.sin(roll) / zoom
        width, height = self.size_wh
        cx, cy = (width - 1) / 2, (height - 1) / 2

        def sample(tile: NDArray[np.float32], drift: complex, gain: float) -> NDArray[np.float32]:
            # Wrapped in float64 first, so that hour-long clips keep their sub-pixel motion.
            x = (eye.real * gain + drift.real) % tile.shape[1]
            y = (eye.imag * gain + drift.imag) % tile.shape[0]
            to_tile = np.array(
                [[cos, sin, x - cos * cx - sin * cy], [-sin, cos, y + sin * cx - cos * cy]]
            )
            flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            out: NDArray[np.float32] = cv2.warpAffine(
                tile, to_tile, self.size_wh, flags=flags, borderMode=cv2.BORDER_WRAP
            ).astype(np.float32, copy=False)
            return out

        u = self._unit
        first = sample(self._ripples[0], complex(0.35, 0.2) * time * u, 1.0)
        second = sample(self._ripples[1], complex(-0.25, 0.3) * time * u, 1.0)
        # Light through moving water: bright where two rippled sheets cross zero together.
        light = np.exp(-np.abs(first + second) * 2.2)
        return sample(self._floor, 0j, 1.0) * (0.94 + 0.2 * light)[..., None]


def _ease(x: float) -> float:
    """Smooth step from 0 (x <= 0) to 1 (x >= 1)."""
    x = min(max(x, 0.0), 1.0)
    return x * x * (3 - 2 * x)


def _check_ranges(ranges: tuple[tuple[int, int], ...]) -> None:
    last = 0
    for start, end in sorted(ranges):
        if start >= end:
            raise InputError(f"frame range {start}-{end} is empty; give start < end")
        if start < last + RAMP:
            raise InputError(
                f"frame range {start}-{end} starts less than {RAMP} frames after frame {last}; "
                "leave the target time to come and go"
            )
        last = end + RAMP
