"""Following objects from key frames anywhere in a video; behind track and track_all."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spectrack.api.videos import open_frames
from spectrack.errors import InputError
from spectrack.storage import Progress, claimed
from spectrack.structures import Target
from spectrack.tracks import Track, Tracks

if TYPE_CHECKING:
    from spectrack.api.videos import Video
    from spectrack.tracking.base import Tracker
    from spectrack.tracking.choosing import TrackerChoice
    from spectrack.tracking.keyframes import KeyframedTrack
    from spectrack.video.frames import Frames

OBJECTS = "objects"
"""Where a work folder keeps its objects, each in a folder named by its id."""

Keyframes = Mapping[int, Mapping[int, Any]]
"""Object id to number of the frame to key, see :func:`spectrack.tracking.keys.as_key`; None takes
back a key that the work folder holds."""


def track_keys(
    video: Video,
    keyframes: Keyframes,
    *,
    tracker: TrackerChoice = "sftrack",
    clean: bool = True,
    both_ways: bool = True,
    max_frames: int | None = None,
    progress: Progress | None = None,
    work: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    skip_broken: bool = False,
) -> Tracks:
    """Follow objects from key frames; see :class:`spectrack.tracking.keyframes.KeyframedTrack`.

    Args:
        video: With random access: a file, a folder, an array.
        keyframes: Of every object; those in the work folder remain.
        tracker: A name, or what makes a fresh tracker.
        clean: Whether masks go through the spectral filter.
        both_ways: Whether keys are followed backward, too.
        max_frames: Only so many frames.
        progress: Called with the frames done and in all, each way and the filter counted.
        work: Folder that keeps keys and answers, for later corrections and after a kill.
        settings: Of a tracker that is named.
        skip_broken: As in :func:`spectrack.api.tracking.track`; the video is decoded once more,
            to find the frames. Trackers see the picture before a broken frame in its place.

    Raises:
        InputError: If video, keys, tracker or folder cannot be used, more than a third of the
            frames cannot be decoded, or one of those is a key.
    """
    from spectrack.tracking.choosing import name_of
    from spectrack.tracking.loop import check_broken
    from spectrack.video.salvage import HeldFrames, broken_frames

    folder = None if work is None else Path(work)
    with nullcontext() if folder is None else claimed(folder):
        ids = sorted({*keyframes, *(kept_objects(folder) if folder else ())})
        if not ids:
            raise InputError("no key frame was given; give each object in at least one frame")
        make = maker_of(tracker, settings or {})
        with open_frames(video, max_frames) as opened:
            broken = broken_frames(opened) if skip_broken else {}
            frames = HeldFrames(opened) if broken else opened
            made = {
                key: _opened(frames, make, folder, key, keyframes.get(key, {}), clean, both_ways)
                for key in ids
            }
            for key, one in made.items():
                _check_keys(key, one.keys, broken)
            total, done = sum(one.work() for one in made.values()), 0

            def count(number: int, _: int | None) -> None:
                if progress is not None:
                    progress(done + number, max(total, done + number))

            for one in made.values():
                work_of_it = one.work()
                one.run(count)
                done += work_of_it
            tracks = Tracks({key: one.track() for key, one in made.items()})
        for key, found in tracks.items():
            hold_answers(found, broken, made[key].keys)
            found.info["tracker"] = name_of(tracker, {1: make()})
        if broken:
            check_broken(broken, tracks.first.stems)
    return tracks


def hold_answers(track: Track, broken: Mapping[int, str], keys: Collection[int]) -> None:
    """Let broken frames that are no keys keep the answer before them, with score 0."""
    for index in sorted(set(broken) - set(keys)):
        track.entries[index] = replace(track.entries[index - 1], score=0.0)
    track.info["broken_frames"] = [track.stems[index] for index in sorted(broken)]


def _check_keys(key: int, keys: Mapping[int, Any], broken: Mapping[int, str]) -> None:
    """Refuse a key that is a box or a mask of a frame that nobody has seen."""
    for frame in sorted(set(keys) & set(broken)):
        if isinstance(keys[frame], Target):
            raise InputError(
                f"object {key} has a key in frame {frame}, which cannot be decoded; "
                "give it in another frame"
            )


def keys_of(
    targets: Mapping[int, Target], starts: Mapping[int, int], keyframes: Keyframes
) -> dict[int, dict[int, Any]]:
    """Targets and where they start as key frames, together with those that are given.

    An object that starts later is gone before.

    Raises:
        InputError: If a frame is given twice for an object, a start has no target, or a box can
            hardly be meant so.
    """
    from spectrack.video.targets import question_box

    for key in sorted(set(starts) - set(targets)):
        raise InputError(f"a start was given for object {key}, which has no target")
    merged: dict[int, dict[int, Any]] = {key: {} for key in {*targets, *keyframes}}
    for key, target in targets.items():
        question_box(target)
        start = starts.get(key, 0)
        if start > 0:
            merged[key][0] = "gone"
        merged[key][start] = target
    for key, given in keyframes.items():
        for frame, value in given.items():
            if frame in merged[key]:
                raise InputError(f"object {key} was given twice in frame {frame}; give it once")
            merged[key][frame] = value
    return merged


def kept_objects(folder: Path) -> list[int]:
    """Ids of the objects that a work folder holds, ascending."""
    root = folder / OBJECTS
    names = [p.name for p in root.iterdir() if p.is_dir()] if root.is_dir() else []
    return sorted(int(n) for n in names if n.isascii() and n.isdecimal() and 1 <= int(n) <= 255)


def maker_of(tracker: TrackerChoice, settings: Mapping[str, Any]) -> Callable[[], Tracker]:
    """What makes fresh trackers, one for each way from each key.

    Raises:
        InputError: If it is one instance, or cannot be made.
    """
    from spectrack.tracking.base import Tracker
    from spectrack.tracking.choosing import trackers_for

    if isinstance(tracker, Tracker):
        raise InputError(
            f"one {type(tracker).__name__} was given, but key frames need a fresh one for each way "
            "from each key; give its name, its class or a function that makes one"
        )
    return lambda: trackers_for([1], tracker, settings)[1]


def _opened(
    frames: Frames,
    make: Callable[[], Tracker],
    folder: Path | None,
    key: int,
    keys: Mapping[int, Any],
    clean: bool,
    both_ways: bool,
) -> KeyframedTrack:
    from spectrack.tracking.keyframes import KeyframedTrack

    if not 1 <= key <= 255:
        raise InputError(f"object {key} was given; ids are 1 to 255")
    place = None if folder is None else folder / OBJECTS / str(key)
    one = KeyframedTrack(frames, make, folder=place, clean=clean, both_ways=both_ways)
    for frame, value in keys.items():
        if value is None:
            one.remove(frame)
        else:
            one.set(frame, value)
    return one
