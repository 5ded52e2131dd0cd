"""How much each frame of a track is worth a look: what the filter saw, and what the tracker says.

The parts are those of :mod:`spectrack.spectral.doubt`. The tracker's own score is the best of them
for trackers that estimate the overlap of their answer: on seven DAVIS training sequences followed
by ``nanomask``, its rank correlation with the error of a frame was 0.74, that of the disagreement
of both directions 0.67, that of jumps 0.15; the distance to the last given frame told nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from spectrack.spectral.doubt import Doubts, doubt, jumps
from spectrack.tracks import Entry, Track

LOST = 0.5
"""Part ``score`` of a frame in which the object was not found: it may be out of sight."""


def doubt_info(
    track: Track, parts: Mapping[str, Sequence[float]] | None = None, given: Sequence[int] = ()
) -> dict[str, Any]:
    """``doubt`` and ``doubt_parts``, as ``track.json`` keeps them.

    Args:
        track: All answers.
        parts: What is known beside scores and areas, one number a frame each.
        given: Frames whose masks are known, of which there is no doubt.
    """
    found: dict[str, Doubts] = {k: np.array(v, np.float64) for k, v in (parts or {}).items()}
    found["score"] = np.array([_unsure(e) for e in track], np.float64)
    found["jump"] = jumps(np.array([_area(e) for e in track], np.float64))
    for values in found.values():
        values[[t for t in given if t < len(values)]] = 0
    # The doubt is that of the parts as they are kept, so it can be had from them again.
    kept = {name: [round(float(v), 4) for v in values] for name, values in found.items()}
    total = doubt({name: np.array(values, np.float64) for name, values in kept.items()})
    return {"doubt": [round(float(v), 4) for v in total], "doubt_parts": kept}


def _absent(entry: Entry) -> bool:
    return entry.mask is None and entry.box is None and not entry.found


def _unsure(entry: Entry) -> float:
    if _absent(entry):
        return 0.0
    return 1 - min(max(entry.score, 0.0), 1.0) if entry.found else LOST


def _area(entry: Entry) -> float:
    """Pixels of the mask or the box; NaN where the object is not there."""
    if _absent(entry):
        return np.nan
    if entry.mask is not None:
        return entry.mask.area
    return 0.0 if entry.box is None else entry.box.area
