"""Following objects: track, track_all, make_tracker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from spectrack.api.videos import open_frames
from spectrack.errors import InputError
from spectrack.storage import Progress
from spectrack.structures import Box, Target
from spectrack.tracks import Track, Tracks

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from spectrack.api.videos import Video
    from spectrack.tracking.base import Tracker
    from spectrack.tracking.choosing import TrackerChoice
    from spectrack.tracking.explaining import Explainer
    from spectrack.tracking.journal import Journal


def make_tracker(name: str = "sftrack", **settings: Any) -> Tracker:
    """Build a tracker by name; see ``spectrack trackers`` for the names.

    Raises:
        InputError: If the name or a setting is unknown.
    """
    from spectrack.tracking.table import make_tracker as make

    return make(name, **settings)


def track(
    video: Video,
    box: Box | Sequence[float] | None = None,
    mask: NDArray[Any] | str | Path | None = None,
    *,
    tracker: TrackerChoice = "sftrack",
    clean: bool = True,
    max_frames: int | None = None,
    progress: Progress | None = None,
    explain: Explainer | None = None,
    skip_broken: bool = False,
    keyframes: Mapping[int, Any] | None = None,
    both_ways: bool = True,
    work: str | Path | None = None,
    **settings: Any,
) -> Track:
    """Follow one object through a video.

    Args:
        video: Video file, folder of images, glob, camera number; RGB array or tensor (T, H, W, 3),
            uint8 or floats in [0, 1], in memory or as ``.npy``; list or generator of frames.
        box: The object in the first frame, ``(x, y, w, h)`` in pixels.
        mask: Its mask in the first frame instead: array or tensor (H, W), or image file; soft
            masks are cut at one half.
        tracker: Name of a tracker, or a :class:`~spectrack.tracking.base.Tracker` of your own.
        clean: Whether its masks go through the spectral filter.
        max_frames: Stop after this many frames.
        progress: Called with the number of frames done and in all (None where unknown).
        explain: Draws how chosen answers came about, if the tracker can tell; its ``sheet`` is
            there when the video is over.
        skip_broken: Go on past frames that cannot be decoded: they keep the answer before them,
            with score 0, and ``info["broken_frames"]`` names them.
        keyframes: Number of a frame to what the object is in it: a box, a mask, or ``"gone"``;
            beside ``box`` or ``mask``, which are frame 0, or instead of them. It is followed from
            every key forward and backward; masks that are keys stay as they are. See
            :class:`spectrack.tracking.keyframes.KeyframedTrack`.
        both_ways: Whether keys are followed backward, too.
        work: Folder that keeps keys and answers, so that a later call with another key does only
            what that changes, and one that was killed goes on.
        **settings: Settings of a tracker that is named.

    Returns:
        One entry a frame: mask, box, score.

    Raises:
        InputError: If video, target or tracker cannot be used, settings come with a tracker that
            is not named, or more than a third of the frames cannot be decoded.

    Example:
        >>> import spectrack as st
        >>> track = st.track("bike.mp4", box=(120, 80, 200, 160))  # doctest: +SKIP
        >>> track = st.track("bike.mp4", keyframes={0: first, 57: mask})  # doctest: +SKIP
    """
    if box is not None and mask is not None:
        raise InputError("both box and mask were given; give one of them")
    corrected = keyframes is not None or work is not None
    targets: dict[int, Target] = {}
    if mask is not None:
        from spectrack.video.targets import one_target

        targets = {1: one_target(mask)}
    elif box is not None or not corrected:
        targets = {1: Target(box=box)}
    return track_all(
        video,
        targets,
        tracker=tracker,
        clean=clean,
        max_frames=max_frames,
        progress=progress,
        explain=explain,
        skip_broken=skip_broken,
        keyframes={1: keyframes or {}} if corrected else None,
        both_ways=both_ways,
        work=work,
        **settings,
    ).first


def track_all(
    video: Video,
    targets: Mapping[int, Any] | None = None,
    *,
    tracker: TrackerChoice = "sftrack",
    clean: bool = True,
    max_frames: int | None = None,
    progress: Progress | None = None,
    explain: Explainer | None = None,
    skip_broken: bool = False,
    journal: Journal | None = None,
    keep_partial: bool = False,
    starts: Mapping[int, int] | None = None,
    keyframes: Mapping[int, Mapping[int, Any]] | None = None,
    both_ways: bool = True,
    work: str | Path | None = None,
    **settings: Any,
) -> Tracks:
    """Follow several objects through a video, decoded once; no pixel is of two of them.

    Args:
        video: As in :func:`track`.
        targets: Object id (1 to 255) to what to follow, in the frame in which it starts: a box, a
            mask (both as in :func:`track`), or a :class:`~spectrack.structures.Target`.
        tracker: Name of a tracker; each object gets its own. Or what makes one of your own: a
            class or function without arguments. A tracker itself serves one object.
        clean: As in :func:`track`.
        max_frames: Stop after this many frames.
        progress: As in :func:`track`.
        explain: As in :func:`track`.
        skip_broken: As in :func:`track`.
        journal: Keeps every answer as it comes, for a run that is killed to go on from.
        keep_partial: Raise :class:`~spectrack.tracking.loop.Interrupted` with what is done on
            Ctrl-C or a kill.
        starts: Object id to the frame in which it starts, where that is not frame 0; before it
            the track says that it is not there.
        keyframes: Object id to its key frames, as in :func:`track`; beside targets or instead of
            them. Not together with ``explain``, ``journal`` or ``keep_partial``.
        both_ways: As in :func:`track`.
        work: As in :func:`track`; it may hold several objects.
        **settings: Settings of a tracker that is named.

    Raises:
        InputError: If video, targets, starts or tracker cannot be used; see :func:`track`.
        Interrupted: See ``keep_partial``.
    """
    from spectrack.tracking.choosing import name_of, trackers_for
    from spectrack.tracking.loop import Interrupted, run_many
    from spectrack.video.soft_masks import noted_warnings
    from spectrack.video.targets import question_box

    chosen = _targets_of(targets)
    if keyframes is not None or work is not None:
        from spectrack.api.correcting import keys_of, track_keys

        given = {
            "explain": explain is not None,
            "journal": journal is not None,
            "keep_partial": keep_partial,
        }
        for name in (name for name, is_given in given.items() if is_given):
            raise InputError(f"{name} does not go with key frames; leave one of them out")
        return track_keys(
            video,
            keys_of(chosen, starts or {}, keyframes or {}),
            tracker=tracker,
            clean=clean,
            both_ways=both_ways,
            max_frames=max_frames,
            progress=progress,
            work=work,
            settings=settings,
            skip_broken=skip_broken,
        )
    if not chosen:
        raise InputError("no target was given; give at least one box or mask")
    with noted_warnings() as notes:
        for target in chosen.values():
            question_box(target)
    trackers = trackers_for(chosen, tracker, settings)
    watch = None if explain is None else explain.watch(trackers)
    with open_frames(video, max_frames) as frames:
        made: dict[str, Any] = {"source": frames.source, "tracker": name_of(tracker, trackers)}
        made |= {"warnings": notes} if notes else {}
        try:
            tracks = run_many(
                trackers,
                frames,
                chosen,
                progress,
                watch,
                clean,
                skip_broken,
                journal,
                keep_partial,
                starts,
            )
        except Interrupted as stop:
            _describe(stop.tracks, made)
            raise
    return _describe(tracks, made)


def _describe(tracks: Tracks, made: Mapping[str, Any]) -> Tracks:
    for found in tracks.values():
        found.info.update(made)
    return tracks


def _targets_of(given: Mapping[int, Any] | None) -> dict[int, Target]:
    """Targets as they are, boxes ``(x, y, w, h)`` and masks as targets.

    Raises:
        InputError: If one is none of these, or they do not come with the numbers of the objects.
    """
    from spectrack.video.targets import any_target

    if given is not None and not isinstance(given, Mapping):
        raise InputError(
            f"targets of type {type(given).__name__} were given; give a dict from the number of "
            "each object to its box, mask or Target"
        )
    return {object_id: any_target(one) for object_id, one in (given or {}).items()}
