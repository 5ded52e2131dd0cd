"""A long synthetic clip whose target is lost now and then: beneath pads, a bridge, out of view.

A koi swims about in the pond while the camera drifts along, with koi of other colours below it.
It passes beneath large lily pads and bridges that lie still in the water, and comes out at the far
side; it leaves the picture over one edge and comes back over another. When is said by a tuple of
:class:`Absence`. Frames are pure functions of (seed, size, absences, number), made one at a time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Literal

import cv2
import numpy as np

from spectrack.datasets.base import Sequence
from spectrack.datasets.synthetic.bridge import Bridge
from spectrack.datasets.synthetic.pond import Place, Pond
from spectrack.datasets.synthetic.scene import PondFrames
from spectrack.datasets.synthetic.sprites import Koi, Pad, koi_skin, periodic_noise
from spectrack.errors import InputError
from spectrack.structures import FrameHWC, HardHW

RAMP = 70
"""Frames between full view and an absence, and back."""

GAP = 270
"""Frames between two absences, so that what covered the target has left the picture."""

SLACK = 12
"""It is out of sight for at most that many frames before and after an absence."""

_EDGES = {"right": 1 + 0j, "left": -1 + 0j, "bottom": 1j, "top": -1j}
_DRIFT = 1.2  # of everything, world pixels a frame at 240 rows
_LENGTH = 64  # of the target, pixels at 240 rows
_LOOKS = (
    # Mixes of the colours of a koi, its length over the target's, share of orange, speed.
    (((0.1, 0.25, 0.3), (0.1, 0.35, 0.35), (0.15, 0.4, 0.6)), 0.95, 0.6, 0.9),  # slate blue
    (((0.3, 0.0, 0.0), (0.3, 0.0, 0.0), (0.28, 0.0, 0.0)), 0.8, 0.4, -0.7),  # dark grey
    (((0.9, 0.0, 0.0), (0.85, 0.1, 0.0), (0.2, 0.2, 0.2)), 0.7, 0.5, 1.6),  # yellow
)
_PAD_EVERY = 75  # frames between small pads


@dataclass(frozen=True, slots=True)
class Absence:
    """A range of frames in which the target is out of sight.

    Args:
        kind: Why: beneath a ``pad`` or a ``bridge``, or over the edge of the picture (``exit``).
        start: First frame in which it cannot be seen.
        end: One after the last.
        leaves: Edge of an exit.
        returns: Edge it comes back from.

    Raises:
        InputError: If the range is empty, or a word is unknown.
    """

    kind: Literal["pad", "bridge", "exit"]
    start: int
    end: int
    leaves: str = "right"
    returns: str = "left"

    def __post_init__(self) -> None:
        if self.kind not in ("pad", "bridge", "exit"):
            raise InputError(f"absence of kind {self.kind!r} was given; use pad, bridge or exit")
        if self.start >= self.end:
            raise InputError(f"absence {self.start}-{self.end} is empty; give start < end")
        for edge in (self.leaves, self.returns):
            if edge not in _EDGES:
                raise InputError(f"edge {edge!r} is unknown; use one of {', '.join(_EDGES)}")


ABSENCES = (
    Absence("pad", 300, 330),
    Absence("exit", 640, 685, "right", "bottom"),
    Absence("bridge", 960, 1015),
    Absence("exit", 1290, 1375, "top", "left"),
    Absence("pad", 1650, 1668),
)
"""Of 2,000 frames: three times covered, twice away."""


class Journey(Pond):
    """The scene; :meth:`render` gives any frame of it, and its mask.

    The target is never seen within an absence, always outside of it but for :data:`SLACK` frames,
    and fully from :data:`RAMP` frames on (small pads may hide a part at any time).

    Args:
        size_wh: Width and height in pixels, each at least 32.
        seed: Same seed, same scene.
        absences: In any order, with at least :data:`GAP` frames between them.

    Raises:
        InputError: If the size is too small, or absences are too early or too close.
    """

    def __init__(
        self,
        size_wh: tuple[int, int] = (320, 240),
        seed: int = 0,
        absences: tuple[Absence, ...] = ABSENCES,
    ) -> None:
        super().__init__(size_wh, seed)
        self.absences = tuple(sorted(absences, key=lambda a: a.start))
        last = RAMP - GAP
        for one in self.absences:
            if one.start < last + GAP:
                raise InputError(
                    f"absence {one.start}-{one.end} starts less than {RAMP} frames after the first "
                    f"frame or {GAP} after another; leave the target time to come and go"
                )
            last = one.end
        rng = np.random.default_rng([self.seed, 30])
        length = _LENGTH * self._unit
        self._target = Koi(koi_skin(rng, 0.5), length, 1 / 30, float(rng.uniform(0, 6)))
        self._others = []
        for mix, size, lead, speed in _LOOKS:
            skin = koi_skin(rng, lead) @ np.array(mix, np.float32).T
            koi = Koi(np.clip(skin, 0, 255), size * length, 1 / 34, float(rng.uniform(0, 6)))
            self._others.append((koi, speed, float(rng.uniform(0, 1)), float(rng.uniform(-1, 1))))
        self._grain = periodic_noise(rng, (128, 128), 1.2)
        self._covers = [self._cover_of(one) for one in self.absences if one.kind != "exit"]

    def render(self, time: int) -> tuple[FrameHWC, HardHW]:
        """Frame number ``time`` (>= 0).

        Returns:
            The frame, uint8 RGB (H, W, 3), and the visible part of the target, bool (H, W): pixels
            whose centre lies inside its outline and under nothing.
        """
        if time < 0:
            raise InputError(f"frame {time} was asked for; frames count from 0")
        canvas = self._background(time)
        places: list[Place] = [partial(self._place_other, k) for k in range(len(self._others))]
        places.append(self._place_target)
        school = [*(koi for koi, *_ in self._others), self._target]
        for koi, place in zip(school, places, strict=True):
            pose, bend = self._pose(place, time), self._bend(place, time)
            koi.shade(canvas, pose, time, bend)
            mask = koi.draw(canvas, pose, time, bend)
        for cover, where in [*self._small_pads(time), *self._covers]:
            mask &= ~cover.draw(canvas, self._to_screen(where, self._angle, time))
        noise = np.random.default_rng([self.seed, 31, time])
        canvas += noise.standard_normal(canvas.shape, dtype=np.float32) * 2.0
        return np.clip(np.rint(canvas), 0, 255).astype(np.uint8), mask

    def absence(self, time: int) -> Absence | None:
        """The absence that a frame lies in."""
        return next((a for a in self.absences if a.start <= time < a.end), None)

    def _trail(self, time: float) -> complex:
        return self._forward() * (_DRIFT * time * self._unit)

    def _place_path(self, time: float) -> complex:
        # Slower than the drift, so that it never swims backwards in the water.
        along = 0.2 * self.size_wh[0] * self._wobble(time, 4, 650)
        aside = 0.2 * self.size_wh[1] * self._wobble(time, 5, 430)
        return self._trail(time) + self._forward() * complex(along, aside)

    def _place_target(self, time: float) -> complex:
        place = self._place_path(time)
        for one in self.absences:
            if one.kind == "exit" and one.start - RAMP < time < one.end + RAMP:
                before = 2 * time < one.start + one.end
                gone = time - one.start if before else one.end - 1 - time
                edge = _EDGES[one.leaves if before else one.returns]
                place = self._beyond(place, time, edge, (1 + gone / RAMP) ** 2)
        return place

    def _beyond(self, place: complex, time: float, edge: complex, share: float) -> complex:
        """A place moved towards an edge; for a share of 1 just out of view."""
        eye, roll, zoom = self._camera(time)
        turn = complex(math.cos(roll), math.sin(roll)) * zoom
        at = (place - eye) * turn
        half = self.size_wh[0] / 2 if edge.real else self.size_wh[1] / 2
        far = half + 0.56 * self._target.length * zoom
        at += edge * share * (far - (at * edge.conjugate()).real)
        return eye + at / turn

    def _place_other(self, number: int, time: float) -> complex:
        """One of the others, passing through the picture from end to end, again and again."""
        koi, speed, start, side = self._others[number]
        span = 1.2 * math.hypot(*self.size_wh) + 2 * koi.length
        along = (start * span + speed * self._unit * time) % span - span / 2
        sway = 0.1 * self._wobble(time, 6 + number, 380)
        aside = (0.3 * side + sway) * self.size_wh[1]
        return self._trail(time) + self._forward() * complex(along, aside)

    def _small_pads(self, time: float) -> Iterator[tuple[Pad, complex]]:
        """Pads too small to hide the target, with their places."""
        step = _DRIFT * _PAD_EVERY * self._unit
        here, reach = round(time / _PAD_EVERY), math.ceil(0.8 * math.hypot(*self.size_wh) / step)
        for k in range(here - reach, here + reach + 1):
            rng = np.random.default_rng([self.seed, 32, k + 1_000_000])
            radius = float(rng.uniform(8, 13)) * self._unit
            pad = Pad(radius, float(rng.uniform(0, 6.28)), float(rng.uniform(0, 1)), k % 5 == 0)
            aside = rng.uniform(-0.55, 0.55) * self.size_wh[1]
            where = self._trail(k * _PAD_EVERY) + self._forward() * complex(0, aside)
            # Trackers are to be given a target that is well seen.
            if abs(where - self._place_target(0)) > self._target.length:
                yield pad, where

    def _cover_of(self, absence: Absence) -> tuple[Pad | Bridge, complex]:
        """What hides the target for all of an absence and little more, with its place."""
        length, turn = self._target.length, self._forward()
        # Nose, tips of the tail and of the fins, wherever the wave of the body takes them.
        outline = np.array([0.51, -0.52 + 0.18j, -0.52 - 0.18j, 0.1 + 0.32j, 0.1 - 0.32j]) * length
        points = []
        for time in range(absence.start, absence.end):
            step = self._place_target(time + 0.5) - self._place_target(time - 0.5)
            points.append(self._place_target(time) + outline * step / abs(step))
        water = np.concatenate(points) / turn
        origin = complex(water[0])
        near = np.stack([(water - origin).real, (water - origin).imag], axis=1)
        if absence.kind == "bridge":
            first, last = float(near[:, 0].min()), float(near[:, 0].max())
            half = (last - first) / 2 + self._unit
            return Bridge(half, self._unit, self._grain), turn * (origin + (first + last) / 2)
        (x, y), radius = cv2.minEnclosingCircle(near.astype(np.float32))
        # The rim of a pad goes in to 0.94 of its radius.
        pad = Pad(radius / 0.935 + self._unit, 2.4, 0.35, notch=-1.0)
        return pad, turn * (origin + complex(x, y))


def iterate_journey(
    frames: int | None = 2000,
    size_wh: tuple[int, int] = (320, 240),
    seed: int = 0,
    absences: tuple[Absence, ...] = ABSENCES,
) -> Iterator[tuple[FrameHWC, HardHW]]:
    """Frames and masks one by one, in memory that does not grow; endless for ``frames=None``.

    Arguments and errors as of :class:`Journey`.
    """
    journey = Journey(size_wh, seed, absences)
    for time in count() if frames is None else range(frames):
        yield journey.render(time)


def journey_sequence(journey: Journey, frames: int = 2000, name: str = "journey") -> Sequence:
    """The clip as a sequence of a data set; frames and masks are rendered when asked.

    Args:
        journey: The scene.
        frames: Length, >= 1.
        name: Of the sequence.

    Raises:
        InputError: If ``frames`` < 1.
    """
    source = PondFrames(journey, frames, name)
    return Sequence(
        name, tuple(source.stems or ()), lambda: source, lambda time: journey.render(time)[1]
    )
