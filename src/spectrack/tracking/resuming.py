"""Where each tracker starts, and where it starts again when a run goes on from its journal.

What a tracker has learned cannot be kept in general. So it is started anew on the last frame in
which its object was found, with the mask and box that were answered there, and follows the video
from there on; what it says of frames that are answered already is not used. One that learns from
the frame in which its object was given is shown that before
(:meth:`spectrack.tracking.base.Tracker.restart`): what was given is surer than what was answered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from spectrack.structures import Prediction, Target
from spectrack.tracking.base import Tracker
from spectrack.tracking.journal import Kept
from spectrack.tracks import Entry


@dataclass(frozen=True)
class Start:
    """Where a tracker starts.

    Args:
        frame: Index of the frame.
        target: What it follows, in that frame.
    """

    frame: int
    target: Target


def starts(
    trackers: Mapping[int, Tracker],
    targets: Mapping[int, Target],
    begins: Mapping[int, int],
    kept: Kept | None,
) -> dict[int, Start]:
    """Where each tracker starts: in a new run on the frame in which its object is given.

    Args:
        trackers: Object id to tracker; one that counts frames starts on frame 0 always.
        targets: Object id to target, the same ids.
        begins: Object id to the frame in which it is given, the same ids.
        kept: What an earlier run came to.
    """
    found = {}
    for key, tracker in trackers.items():
        if tracker.counts_frames:
            found[key] = Start(0, targets[key])
            continue
        start = None if kept is None else _last(kept, key, begins[key])
        found[key] = start or Start(begins[key], targets[key])
    return found


def last_answers(kept: Kept) -> dict[int, Prediction]:
    """The last answer of each object as a prediction."""
    return {key: prediction_of(track[-1]) for key, track in kept.tracks.items()}


def prediction_of(entry: Entry) -> Prediction:
    """An answer that was kept, as it was given but for a soft mask, which is hard."""
    mask = None if entry.mask is None else entry.mask.decode()
    return Prediction(entry.box, mask, entry.score, entry.found)


def _last(kept: Kept, key: int, begin: int) -> Start | None:
    """The last frame from which an object can be followed; None where that is its first."""
    track = kept.tracks[key]
    for index in range(len(track) - 1, begin, -1):
        entry = track[index]
        if entry.found and index not in kept.broken and (target := _target(entry, track.size_wh)):
            return Start(index, target)
    return None


def _target(entry: Entry, size_wh: tuple[int, int]) -> Target | None:
    if entry.mask is not None and not entry.mask.area:
        return None
    box = entry.box
    if box is None and entry.mask is not None:
        box = entry.mask.box
    if box is None or not box.area or box.clip(size_wh) is None:
        return None
    return Target(box, None if entry.mask is None else entry.mask.decode())
