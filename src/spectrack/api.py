"""The library in a few verbs: track, refine, fuse, evaluate.

Everything heavy is imported when a verb is used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from spectrack.errors import InputError
from spectrack.storage import Progress
from spectrack.structures import Box, Target
from spectrack.tracks import Track, Tracks

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from spectrack.spectral.mixing.mixing import MixingSettings
    from spectrack.tracking.base import Tracker
    from spectrack.tracking.choosing import TrackerChoice
    from spectrack.tracking.explaining import Explainer
    from spectrack.tracking.journal import Journal
    from spectrack.video.reader import Frames
    from spectrack.video.soft_masks import MaskSource

    Video: TypeAlias = str | Path | NDArray[np.uint8] | int | Frames


def open_frames(video: Video, max_frames: int | None = None) -> Frames:
    """Open a video, or its first frames only; use it in a ``with`` block.

    Raises:
        InputError: If it cannot be opened.
    """
    from spectrack.video.cut import FirstFrames
    from spectrack.video.reader import open_video

    frames = open_video(video)
    return frames if max_frames is None else FirstFrames(frames, max_frames)


def make_tracker(name: str = "sftrack", **settings: Any) -> Tracker:
    """Build a tracker by name; see ``spectrack trackers`` for the names.

    Raises:
        InputError: If the name or a setting is unknown.
    """
    from spectrack.tracking.table import make_tracker as make

    return make(name, **settings)


def read_targets(path: str | Path) -> dict[int, Target]:
    """What to follow from a mask file: one object, or the several of an indexed PNG.

    Raises:
        InputError: If the mask cannot be read, is empty, or is grey with a few levels, which may
            be several objects or none.
    """
    from spectrack.video.targets import read_targets as read

    return read(path)


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
        **settings: Settings of a tracker that is named.

    Returns:
        One entry a frame: mask, box, score.

    Raises:
        InputError: If video, target or tracker cannot be used, settings come with a tracker that
            is not named, or more than a third of the frames cannot be decoded.

    Example:
        >>> import spectrack as st
        >>> track = st.track("bike.mp4", box=(120, 80, 200, 160))  # doctest: +SKIP
    """
    if box is not None and mask is not None:
        raise InputError("both box and mask were given; give one of them")
    if mask is None:
        targets = {1: Target(box=box)}
    else:
        from spectrack.video.targets import one_target

        targets = {1: one_target(mask)}
    return track_all(
        video,
        targets,
        tracker=tracker,
        clean=clean,
        max_frames=max_frames,
        progress=progress,
        explain=explain,
        skip_broken=skip_broken,
        **settings,
    ).first


def track_all(
    video: Video,
    targets: Mapping[int, Target],
    *,
    tracker: TrackerChoice = "sftrack",
    clean: bool = True,
    max_frames: int | None = None,
    progress: Progress | None = None,
    explain: Explainer | None = None,
    skip_broken: bool = False,
    journal: Journal | None = None,
    keep_partial: bool = False,
    **settings: Any,
) -> Tracks:
    """Follow several objects through a video, decoded once.

    Args:
        video: As in :func:`track`.
        targets: Object id (1 to 255) to what to follow in the first frame.
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
        **settings: Settings of a tracker that is named.

    Raises:
        InputError: If video, targets or tracker cannot be used; see :func:`track`.
        Interrupted: See ``keep_partial``.
    """
    from spectrack.tracking.choosing import name_of, trackers_for
    from spectrack.tracking.loop import Interrupted, run_many
    from spectrack.video.soft_masks import noted_warnings
    from spectrack.video.targets import question_box

    if not targets:
        raise InputError("no target was given; give at least one box or mask")
    with noted_warnings() as notes:
        for target in targets.values():
            question_box(target)
    trackers = trackers_for(targets, tracker, settings)
    watch = None if explain is None else explain.watch(trackers)
    with open_frames(video, max_frames) as frames:
        made: dict[str, Any] = {"source": frames.source, "tracker": name_of(tracker, trackers)}
        made |= {"warnings": notes} if notes else {}
        try:
            tracks = run_many(
                trackers,
                frames,
                targets,
                progress,
                watch,
                clean,
                skip_broken,
                journal,
                keep_partial,
            )
        except Interrupted as stop:
            _describe(stop.tracks, made)
            raise
    return _describe(tracks, made)


def _describe(tracks: Tracks, made: Mapping[str, Any]) -> Tracks:
    for found in tracks.values():
        found.info.update(made)
    return tracks


def refine(
    masks: MaskSource,
    video: Video,
    preset: str = "default",
    *,
    object_id: int | None = None,
    resize: bool = False,
    progress: Progress | None = None,
) -> Track:
    """Make the masks of one object consistent in space and time, whatever method they come from.

    Args:
        masks: A track, an array or tensor (T, H, W), a list or a dict (frame number or name to
            mask), a result folder, a folder of mask images named like the frames, or one file:
            ``.npy``, ``.npz``, COCO run lengths (``.json``) or a video of masks; soft masks are in
            [0, 1].
        video: The video the masks belong to, as in :func:`track`.
        preset: Name of a recipe: ``default``, ``deep``, ``paper`` or ``published``.
        object_id: Which object of indexed masks; may be left out where there is one.
        resize: Bring masks of another size to that of the frames.
        progress: Called with the number of frames done and in all.

    Returns:
        A hard mask, box and score a frame; ``info["warnings"]`` holds what is worth knowing of how
        masks and frames were matched.

    Raises:
        InputError: If masks, video or preset cannot be used or do not belong together, or the
            masks hold several objects and none was chosen.

    Example:
        >>> import spectrack as st
        >>> track = st.refine("masks/", video="bike.mp4")  # doctest: +SKIP
    """
    tracks = refine_all(
        masks, video, preset, object_id=object_id, resize=resize, progress=progress, one=True
    )
    return tracks.first


def refine_all(
    masks: MaskSource,
    video: Video,
    preset: str = "default",
    *,
    object_id: int | None = None,
    resize: bool = False,
    progress: Progress | None = None,
    one: bool = False,
) -> Tracks:
    """As :func:`refine`, for every object of indexed masks.

    Args:
        masks: As in :func:`refine`.
        video: As in :func:`refine`.
        preset: As in :func:`refine`.
        object_id: Only this object.
        resize: As in :func:`refine`.
        progress: As in :func:`refine`; starts again for each object.
        one: Refuse several objects.

    Raises:
        InputError: As :func:`refine`.
    """
    from spectrack.refinement.presets import PRESETS
    from spectrack.video.soft_masks import missing_stems, noted_warnings, open_masks

    if preset not in PRESETS:
        raise InputError(f"preset {preset!r} does not exist; choose from {', '.join(PRESETS)}")
    recipe = PRESETS[preset].load()
    tracks: dict[int, Track] = {}
    with open_frames(video) as frames:
        with noted_warnings() as notes:
            opened = open_masks(masks, frames, object_id, resize)
        if one and len(opened) > 1:
            shown = ", ".join(map(str, opened))
            raise InputError(f"{masks} holds objects {shown}; choose one with object_id")
        for key, soft_masks in opened.items():
            refined: Track = recipe(frames, soft_masks, preset=preset, progress=progress)
            refined.take_times(frames.times_s, frames.fps)
            gaps = missing_stems(soft_masks)
            refined.info.update(source=frames.source, preset=preset, frames_without_mask=gaps)
            refined.info.update({"warnings": notes} if notes else {})
            tracks[key] = refined
    return Tracks(tracks)


def fuse(
    sources: Mapping[str, MaskSource] | Sequence[MaskSource],
    video: Video,
    weights: str | Path | MixingSettings | None = None,
    preset: str = "default",
    *,
    object_id: int | None = None,
    progress: Progress | None = None,
) -> Track:
    """Fuse the masks that several methods give one object into one that beats each of them.

    Args:
        sources: The masks of each method, each as for :func:`refine`: name to masks, or a list,
            whose folders are named by themselves and whose arrays and tracks by their number.
        video: The video the masks belong to, as in :func:`track`.
        weights: What `spectrack train fusion` learned for channels of these names (a file, or the
            numbers); where left out channels count by how well they agree with the others.
        preset: Name of the recipe of the filter behind the mixing, as in :func:`refine`.
        object_id: Which object of indexed masks; may be left out where there is one.
        progress: Called with the number of frames done and in all.

    Returns:
        A hard mask, box and score a frame; ``info["channels"]`` holds the mean weight and
        agreement of each channel, ``info["doubt"]`` how much each frame is worth a look.

    Raises:
        InputError: If masks, video, weights or preset cannot be used or do not belong together, or
            masks hold several objects and none was chosen.

    Example:
        >>> import spectrack as st
        >>> track = st.fuse(["a/masks", "b/masks", "c/masks"], "bike.mp4")  # doctest: +SKIP
    """
    return fuse_all(
        sources, video, weights, preset, object_id=object_id, progress=progress, one=True
    ).first


def fuse_all(
    sources: Mapping[str, MaskSource] | Sequence[MaskSource],
    video: Video,
    weights: str | Path | MixingSettings | None = None,
    preset: str = "default",
    *,
    object_id: int | None = None,
    progress: Progress | None = None,
    one: bool = False,
) -> Tracks:
    """As :func:`fuse`, for every object of indexed masks; a streaming recipe reads the video once.

    Args:
        sources: As in :func:`fuse`; a channel may lack objects that others hold.
        video: As in :func:`fuse`.
        weights: As in :func:`fuse`.
        preset: As in :func:`fuse`.
        object_id: Only this object.
        progress: As in :func:`fuse`.
        one: Refuse several objects.

    Raises:
        InputError: As :func:`fuse`.
    """
    from spectrack.fusion.objects import fuse_objects, open_objects, without_mask
    from spectrack.fusion.stream import named_sources, open_channels
    from spectrack.refinement.presets import PRESETS
    from spectrack.spectral.mixing.mixing import MixingSettings
    from spectrack.video.soft_masks import noted_warnings

    if preset not in PRESETS:
        raise InputError(f"preset {preset!r} does not exist; choose from {', '.join(PRESETS)}")
    named = named_sources(sources)
    names = list(named)
    if weights is None:
        mixing = MixingSettings.robust(names)
    elif isinstance(weights, MixingSettings):
        mixing = weights.matched_to(names)
    else:
        from spectrack.fusion.weights import load_mixing

        mixing = load_mixing(weights)[0].matched_to(names)
    with open_frames(video) as frames:
        with noted_warnings() as notes:
            if one:
                objects = {object_id or 1: open_channels(named, frames, object_id)}
            else:
                objects = open_objects(named, frames, object_id)
        tracks = fuse_objects(frames, objects, mixing, preset, progress)
        for key, fused in tracks.items():
            gaps = without_mask(objects[key])
            fused.take_times(frames.times_s, frames.fps)
            fused.info.update(source=frames.source, preset=preset, frames_without_mask=gaps)
            fused.info.update({"warnings": notes} if notes else {})
    return tracks


def evaluate(result: MaskSource, truth: MaskSource, video: Video | None = None) -> dict[str, float]:
    """Score the masks of one object against the truth.

    As DAVIS does, the first and the last frame are left out.

    Args:
        result: A track, a folder of masks or an array (T, H, W).
        truth: Likewise; matched by file stem, by position where stems differ.
        video: The frames; give them to measure TCONT too.

    Returns:
        Means over frames in [0, 1]: ``J``, ``F``, ``box_iou``, and ``tcont`` with a video.

    Raises:
        InputError: If result, truth or video cannot be used or do not belong together.

    Example:
        >>> import numpy as np, spectrack as st
        >>> masks = np.zeros((3, 8, 8), bool)
        >>> masks[:, 2:5, 2:5] = True
        >>> st.evaluate(masks, masks)["J"]
        1.0
    """
    from spectrack.evaluation.measure import measure

    frames = None if video is None else open_frames(video)
    return measure(result, truth, frames)
