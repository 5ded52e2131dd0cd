"""Masks of any method: refine and fuse."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING

from spectrack.api.videos import open_frames
from spectrack.errors import InputError
from spectrack.storage import Progress
from spectrack.tracks import Track, Tracks

if TYPE_CHECKING:
    from pathlib import Path

    from spectrack.api.videos import Video
    from spectrack.spectral.mixing.settings import MixingSettings
    from spectrack.video.soft_masks import MaskSource


def refine(
    masks: MaskSource,
    video: Video,
    preset: str = "learned",
    *,
    object_id: int | None = None,
    resize: bool = False,
    fixed: Collection[int] = (),
    progress: Progress | None = None,
) -> Track:
    """Make the masks of one object consistent in space and time, whatever method they come from.

    Args:
        masks: A track, an array or tensor (T, H, W), a list or a dict (frame number or name to
            mask), a result folder, a folder of mask images named like the frames, or one file:
            ``.npy``, ``.npz``, COCO run lengths (``.json``) or a video of masks; soft masks are in
            [0, 1].
        video: The video the masks belong to, as in :func:`track`.
        preset: Name of a recipe: ``learned``, which looks at every frame with a network, too,
            ``colour``, ``deep``, ``paper`` or ``published``.
        object_id: Which object of indexed masks; may be left out where there is one.
        resize: Bring masks of another size to that of the frames.
        fixed: Numbers of the frames, from 0, whose masks are known: they stay as they are, and
            the others feel them.
        progress: Called with the number of frames done and in all.

    Returns:
        A hard mask, box and score a frame; ``info["warnings"]`` holds what is worth knowing of how
        masks and frames were matched.

    Raises:
        InputError: If masks, video or preset cannot be used or do not belong together, a known mask
            is missing, or the masks hold several objects and none was chosen.

    Example:
        >>> import spectrack as st
        >>> track = st.refine("masks/", video="bike.mp4")  # doctest: +SKIP
    """
    return refine_all(
        masks,
        video,
        preset,
        object_id=object_id,
        resize=resize,
        fixed=fixed,
        progress=progress,
        one=True,
    ).first


def refine_all(
    masks: MaskSource,
    video: Video,
    preset: str = "learned",
    *,
    object_id: int | None = None,
    resize: bool = False,
    fixed: Collection[int] | Mapping[int, Collection[int]] = (),
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
        fixed: As in :func:`refine`, of every object; or object id to those of that object.
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
            source = masks if isinstance(masks, str | PathLike) else "what was given as masks"
            raise InputError(f"{source} holds objects {shown}; choose one with object_id")
        for key, soft_masks in opened.items():
            known = fixed.get(key, ()) if isinstance(fixed, Mapping) else fixed
            held = {"fixed": known} if known else {}  # recipes of others may know none
            refined: Track = recipe(frames, soft_masks, preset=preset, progress=progress, **held)
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
    preset: str = "colour",
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
    preset: str = "colour",
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
    from spectrack.spectral.mixing.settings import MixingSettings
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
