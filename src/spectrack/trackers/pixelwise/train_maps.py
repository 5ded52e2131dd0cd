"""What the global network learns from: maps of whole frames, true ones or predicted ones.

A sequence is seen through a window of its frames, the same for all of them, so that targets are
anywhere and of any size; the window's own shape is the aspect ratio then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spectrack.errors import InputError
from spectrack.trackers.pixelwise.tracker import squeezed
from spectrack.trackers.pixelwise.train_footage import Footage

FINER = 2
"""Maps are kept with so many times the pixels a side, as windows make parts of them larger."""

MapsTHW = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class MapSettings:
    """What samples of the global network are.

    Args:
        side: Of the maps as the network sees them.
        frames: Predictions in a row (section 4).
        dilation: Side of the square that inputs are grown by, pixels of the map, odd; 1 for none.
        window: Least and largest side of the window in sides of the frame; ours.
        fastest: Every so many-th frame at most is one; ours.
        mirror: Chance of mirrored maps, and of true ones that run backwards; ours.
    """

    side: int = 224
    frames: int = 32
    dilation: int = 1
    window: tuple[float, float] = (0.6, 1.25)
    fastest: int = 2
    mirror: float = 0.5

    def __post_init__(self) -> None:
        if self.dilation < 1 or self.dilation % 2 == 0:
            raise InputError(f"maps are dilated by {self.dilation}; give an odd side")


@dataclass(frozen=True, eq=False)
class MapClip:
    """One target's maps.

    Attributes:
        truth_thw: True maps of all frames, uint8 (T, H, H).
        aspect: Width of the frames over their height.
        given_thw: Predicted maps; None for the true ones.
        starts: First frames of the runs that made them: there the true map is what was given.
    """

    truth_thw: MapsTHW
    aspect: float
    given_thw: MapsTHW | None = None
    starts: Sequence[int] = ()


def maps_of(footage: Footage, side: int) -> MapClip:
    """True maps of a video, for networks whose maps have this side."""
    maps = [
        np.rint(255 * squeezed(footage.mask(t).astype(np.float32), FINER * side))
        for t in range(len(footage))
    ]
    return MapClip(np.stack(maps).astype(np.uint8), footage.size_wh[0] / footage.size_wh[1])


class GlobalSamples:
    """Sequences of maps, drawn from torch's global generator; each epoch has new ones.

    A sample: ``inputs`` and ``truths`` uint8 (frames, side, side), the map shown and the map of the
    frame after it; ``aspect`` float32.

    Args:
        clips: Of all targets.
        count: Samples an epoch.
        settings: See :class:`MapSettings`.

    Raises:
        InputError: If no map shows a target.
    """

    def __init__(self, clips: Sequence[MapClip], count: int, settings: MapSettings) -> None:
        self._clips = [c for c in clips if len(c.truth_thw) > 1 and c.truth_thw.any()]
        self._count, self.settings = count, settings
        if not self._clips:
            raise InputError("no map shows a target; give videos with masks")

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """A sample."""
        del index  # its number seeds the generator
        rng = np.random.default_rng(int(torch.randint(2**62, ())))
        s = self.settings
        clip = self._clips[int(rng.integers(len(self._clips)))]
        times = self._times(clip, rng)
        given = clip.truth_thw if clip.given_thw is None else clip.given_thw
        # the first map is the one that people gave
        inputs = [clip.truth_thw[times[0]], *(given[t] for t in times[1:-1])]
        truths = [clip.truth_thw[t] for t in times[1:]]
        place, aspect = self._window(truths[0] if truths[0].any() else inputs[0], clip, rng)
        shown = [cv2.warpAffine(m, place, (s.side, s.side)) for m in (*inputs, *truths)]
        maps = np.stack(shown)
        if s.dilation > 1:
            kernel = np.ones((s.dilation, s.dilation), np.uint8)
            for number in range(s.frames):
                maps[number] = cv2.dilate(maps[number], kernel)
        if rng.random() < s.mirror:
            maps = maps[..., ::-1]
        both = torch.from_numpy(np.ascontiguousarray(maps))
        return {
            "inputs": both[: s.frames],
            "truths": both[s.frames :],
            "aspect": torch.tensor(aspect, dtype=torch.float32),
        }

    def _times(self, clip: MapClip, rng: np.random.Generator) -> list[int]:
        """Numbers of the frames; the last one goes on where a video ends."""
        s, last = self.settings, len(clip.truth_thw) - 1
        if clip.given_thw is not None:
            start, step = int(rng.choice(np.asarray(clip.starts))), 1
        else:
            step = int(rng.integers(1, s.fastest + 1))
            seen = np.flatnonzero(clip.truth_thw.any((1, 2)))
            if rng.random() < s.mirror:
                step = -step
            room = seen + s.frames * step
            inside = seen[(room >= 0) & (room <= last)]
            start = int(rng.choice(inside if len(inside) else seen))
        return [min(max(start + step * n, 0), last) for n in range(s.frames + 1)]

    def _window(
        self, map_hw: NDArray[np.uint8], clip: MapClip, rng: np.random.Generator
    ) -> tuple[NDArray[np.float64], float]:
        """A window with the target's middle in it: map pixels to its pixels, and its aspect."""
        s, side = self.settings, map_hw.shape[0]
        sides = side * rng.uniform(*s.window, 2)
        rows, columns = np.nonzero(map_hw)
        middle = np.array([columns.mean(), rows.mean()]) + 0.5
        first = middle - sides * rng.uniform(0.1, 0.9, 2)
        zoom = s.side / sides
        # warpAffine counts from the centres of pixels
        moved = 0.5 * zoom - 0.5 - first * zoom
        place = np.array([[zoom[0], 0, moved[0]], [0, zoom[1], moved[1]]])
        return place, clip.aspect * float(sides[0] / sides[1])
