"""The loop of a tracker over a video, one target or several; the spectral filter beside it."""

from __future__ import annotations

import dataclasses
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from spectrack.errors import InputError
from spectrack.storage import Progress
from spectrack.structures import FrameHWC, Prediction, Target
from spectrack.tracking.base import Tracker
from spectrack.tracking.collecting import Collector
from spectrack.tracking.following import Follower
from spectrack.tracks import Track, Tracks

if TYPE_CHECKING:
    from spectrack.tracking.journal import Keeper
    from spectrack.video.reader import Frames

OnFrame = Callable[[int, FrameHWC, dict[int, Prediction]], None]

MOST_BROKEN = 1 / 3
"""A video of which more frames than this share cannot be decoded is refused."""


class Interrupted(BaseException):
    """Ctrl-C or a kill ended a run of which a partial result was asked for.

    Args:
        tracks: The answers so far, at least one frame.
        cause: What ended it: a ``KeyboardInterrupt`` or ``SystemExit``, to be raised in the end.
    """

    def __init__(self, tracks: Tracks, cause: BaseException) -> None:
        super().__init__(f"ended after {len(tracks.first)} frames")
        self.tracks, self.cause = tracks, cause


def run(
    tracker: Tracker,
    frames: Frames,
    target: Target,
    progress: Progress | None = None,
    on_frame: Callable[[int, FrameHWC, Prediction], None] | None = None,
    clean: bool = False,
) -> Track:
    """Follow one target through a video.

    Args:
        tracker: A fresh tracker.
        frames: Uint8 RGB frames, read once from the first on.
        target: What to follow, in the first frame.
        progress: Called after every frame with the number done and the total (None if unknown).
        on_frame: Called after every frame with its index, the frame and the prediction.
        clean: Whether the masks go through the spectral filter, which sees some frames ahead;
            ``on_frame`` gets them as they are before.

    Returns:
        One entry a frame; the first is the tracker's answer to ``init``.

    Raises:
        InputError: If there are no frames, or target or frames cannot be used.
    """

    def forward(index: int, frame_hwc: FrameHWC, predictions: dict[int, Prediction]) -> None:
        if on_frame is not None:
            on_frame(index, frame_hwc, predictions[1])

    return run_many({1: tracker}, frames, {1: target}, progress, forward, clean)[1]


def run_many(
    trackers: Mapping[int, Tracker],
    frames: Frames,
    targets: Mapping[int, Target],
    progress: Progress | None = None,
    on_frame: OnFrame | None = None,
    clean: bool = False,
    skip_broken: bool = False,
    journal: Keeper | None = None,
    keep_partial: bool = False,
    starts: Mapping[int, int] | None = None,
) -> Tracks:
    """Follow several targets through a video that is decoded once; see :func:`run`.

    Args:
        trackers: Object id to a fresh tracker.
        frames: Uint8 RGB frames.
        targets: Object id to target, the same ids; each in the frame in which its object starts.
        progress: As in :func:`run`.
        on_frame: As in :func:`run`, with the predictions of all objects; not called for frames
            that are broken or were answered by an earlier run.
        clean: As in :func:`run`.
        skip_broken: Go on past frames that cannot be decoded: they keep the answer before them,
            with score 0, and ``info["broken_frames"]`` names them.
        journal: Keeps every answer as it comes; goes on from those it has kept.
        keep_partial: Raise :class:`Interrupted` with what is done on Ctrl-C or a kill.
        starts: Object id to the frame in which it starts, where that is not frame 0. Before it
            the answers say that it is not there (no mask, no box, score 0, not found), and
            ``info["start"]`` names it.

    Raises:
        InputError: As in :func:`run`, if the ids differ, the first frame cannot be decoded, more
            than a third of all, or an object starts beyond the end or in such a frame.
        BrokenFrame: If a frame cannot be decoded and ``skip_broken`` is not set.
        Interrupted: See ``keep_partial``.
    """
    if set(trackers) != set(targets):
        raise InputError(
            f"trackers for objects {sorted(trackers)} and targets {sorted(targets)} were given; "
            "give one of each for every object"
        )
    begins = _checked_starts(starts or {}, targets, frames)
    started = time.perf_counter()
    kept = None if journal is None else journal.kept
    done = 0 if kept is None else kept.frames
    follower = Follower(trackers, frames, targets, begins, kept, skip_broken)
    broken = follower.broken
    total = getattr(frames, "length", None)
    stems = getattr(frames, "stems", None)
    own_boxes = [key for key, tracker in trackers.items() if tracker.reads_boxes]
    rules = {key: tracker.box_of_mask for key, tracker in trackers.items()}
    readers = {key: rule for key, rule in rules.items() if rule is not None}

    def described(tracks: dict[int, Track], complete: bool) -> Tracks:
        seconds = time.perf_counter() - started + (0.0 if kept is None else kept.seconds)
        for key, track in tracks.items():
            track.take_times(getattr(frames, "times_s", None), getattr(frames, "fps", 0.0))
            track.info.update(settings=settings_told(trackers[key]), cleaned=clean)
            track.info.update(seconds=round(seconds, 3), complete=complete)
            track.info["broken_frames"] = [track.stems[i] for i in broken if i < len(track)]
            if begins.get(key):
                track.info["start"] = begins[key]
            if kept is not None:
                track.info["resumed_at"] = [*kept.resumed_at, done]
        return Tracks(tracks)

    with Collector(targets, stems, clean, own_boxes, readers, broken, journal, begins) as collector:
        try:
            for index, frame in follower.frames:
                step = follower.step(index, frame)
                if step is not None:
                    collector.add(step.frame_hwc, step.predictions)
                if step is None or index < done:
                    continue
                if on_frame is not None and index not in broken:
                    on_frame(index, step.frame_hwc, step.predictions)
                if progress is not None:
                    progress(index + 1, total)
            tracks = collector.finish()
        except (KeyboardInterrupt, SystemExit) as stop:
            so_far = collector.so_far() if keep_partial else {}
            if not so_far:
                raise
            raise Interrupted(described(so_far, complete=False), stop) from stop
    if not tracks:
        raise InputError("the video holds no frames; give one with at least one frame")
    _check_ends(begins, len(next(iter(tracks.values()))))
    found = described(tracks, complete=True)
    check_broken(broken, found.first.stems)
    return found


def settings_told(tracker: Tracker) -> dict[str, Any]:
    """Settings of a tracker as JSON has them; none where it has no dataclass of them."""
    settings = tracker.settings
    own = dataclasses.is_dataclass(settings) and not isinstance(settings, type)
    return dataclasses.asdict(settings) if own else {}


def _checked_starts(
    starts: Mapping[int, int], targets: Mapping[int, Target], frames: Frames
) -> dict[int, int]:
    """The objects that start after frame 0, and where; what cannot be is refused early."""
    unknown = sorted(set(starts) - set(targets))
    if unknown:
        raise InputError(f"a start was given for object {unknown[0]}, which has no target")
    for key, start in starts.items():
        if int(start) != start or start < 0:
            raise InputError(
                f"start {start} was given for object {key}; give the number of a frame, from 0"
            )
    later = {key: int(start) for key, start in starts.items() if start}
    length = getattr(frames, "length", None) if later else None
    if length is not None:
        _check_ends(later, length)
    return later


def _check_ends(begins: Mapping[int, int], length: int) -> None:
    late = [key for key, begin in begins.items() if begin >= length]
    if late:
        raise InputError(
            f"object {late[0]} starts at frame {begins[late[0]]}, but the video ends at frame "
            f"{length - 1}; frames count from 0"
        )


def check_broken(broken: Mapping[int, str], stems: Sequence[str]) -> None:
    """Say which frames are broken; refuse a video of which too many are."""
    if not broken:
        return
    index, reason = min(broken.items())
    if len(broken) > MOST_BROKEN * len(stems):
        raise InputError(
            f"{len(broken)} of {len(stems)} frames cannot be decoded, the first of them "
            f"{stems[index]} ({reason}); give a video that is whole"
        )
    some = ", ".join(stems[i] for i in sorted(broken)[:5]) + ("" if len(broken) <= 5 else ", ...")
    number = "1 frame" if len(broken) == 1 else f"{len(broken)} frames"
    warnings.warn(
        f"frames that cannot be decoded keep the answer before them: {number} ({some})",
        RuntimeWarning,
        stacklevel=3,
    )
