"""Where each tracker starts again when a run goes on from its journal.

What a tracker has learned cannot be kept in general. So it is started anew on the last frame in
which its object was found, with the mask and box that were answered there, and follows the video
from there on; what it says of frames that are answered already is not used.
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
    trackers: Mapping[int, Tracker], targets: Mapping[int, Target], kept: Kept | None
) -> dict[int, Start]:
    """Where each tracker starts: on frame 0 in a new run.

    Args:
        trackers: Object id to tracker; one that counts frames starts on frame 0 again.
        targets: Object id to target in frame 0, the same ids.
        kept: What an earlier run came to.
    """
    found = {}
    for key, tracker in trackers.items():
        start = None if kept is None or tracker.counts_frames else _last(kept, key)
        found[key] = start or Start(0, targets[key])
    return found


def last_answers(kept: Kept) -> dict[int, Prediction]:
    """The last answer of each object as a prediction."""
    return {key: _prediction(track[-1]) for key, track in kept.tracks.items()}


def _last(kept: Kept, key: int) -> Start | None:
    """The last frame from which an object can be followed; None where that is the first."""
    track = kept.tracks[key]
    for index in range(len(track) - 1, 0, -1):
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


def _prediction(entry: Entry) -> Prediction:
    mask = None if entry.mask is None else entry.mask.decode()
    return Prediction(entry.box, mask, entry.score, entry.found)
