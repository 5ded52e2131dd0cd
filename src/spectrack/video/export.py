"""Overlay videos of results.

Every file is written under a temporary name ending in ``.part`` and renamed when it is complete,
so an error or Ctrl-C leaves nothing half-written.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path

import av

from spectrack.errors import InputError, InputWarning
from spectrack.storage import Progress
from spectrack.structures import FrameHWC, HardHW, Prediction, SoftHW
from spectrack.tracks import Track, Tracks, varies
from spectrack.video.draw import draw_overlay, object_color
from spectrack.video.frames import Frames
from spectrack.video.sound import Sound, open_sound
from spectrack.video.writer import VideoWriter, write_video

__all__ = [
    "Progress",
    "VideoWriter",
    "check_video",
    "draw_predictions",
    "overlay_frame",
    "write_overlay",
    "write_video",
]

SoftCall = Callable[[int, int], SoftHW | None]
"""Object id and index of a frame to its soft mask, float32 (H, W), if there is one."""


def write_overlay(
    path: str | Path,
    frames: Frames,
    tracks: Tracks | Track,
    fps: float | None = None,
    progress: Progress | None = None,
    soft: SoftCall | None = None,
) -> Path:
    """Write the video with masks, contours, boxes and scores drawn on it.

    It is shown as the source is: at the times of its frames, and with its sound.

    Args:
        path: File to write, .mp4.
        frames: The video that was tracked; frames after the end of the tracks are left out.
        tracks: One or several objects.
        fps: Frames per second, without sound; the source's own times and sound where left out.
        progress: Called with (frames done, all frames) after each frame.
        soft: Soft mask of an object in a frame, drawn in place of the hard one where there is one.

    Returns:
        The file.

    Raises:
        InputError: If sizes differ or the video ends before the tracks.
    """
    objects = Tracks({1: tracks}) if isinstance(tracks, Track) else tracks
    total = len(objects.first)
    if objects.first.size_wh != frames.size_wh:
        given, wanted = ("x".join(map(str, s)) for s in (frames.size_wh, objects.first.size_wh))
        raise InputError(f"the video is {given} but the track is {wanted}; give its own video")
    done = 0
    rate = fps or frames.fps
    times_s = None if fps is not None else frames.times_s
    if times_s is not None and len(times_s) < total:
        times_s = None
    timed = times_s is not None and varies(times_s[:total], rate)
    sound = None if times_s is None else open_sound(frames.media, float(times_s[0]))
    with _writer(path, rate, frames.size_wh, timed, sound) as writer:
        for done, frame in enumerate(islice(frames, total), start=1):
            time_s = None if times_s is None else float(times_s[done - 1] - times_s[0])
            writer.write(overlay_frame(frame, objects, done - 1, soft), time_s)
            if progress is not None:
                progress(done, total)
        if done < total:
            raise InputError(
                f"{frames.source} ends after {done} frames but the track has {total}; "
                "give the video that was tracked"
            )
    return Path(path)


def _writer(
    path: str | Path, fps: float, size_wh: tuple[int, int], timed: bool, sound: Sound | None
) -> VideoWriter:
    """The writer of an overlay; without the sound where the file cannot hold it."""
    try:
        return VideoWriter(path, fps, size_wh, timed=timed, sound=sound)
    except av.error.FFmpegError as error:
        if sound is None:
            raise
        warnings.warn(
            f"the sound of {sound.source} cannot be written to {path} ({error.strerror}); the "
            "overlay has none",
            InputWarning,
            stacklevel=3,
        )
        return VideoWriter(path, fps, size_wh, timed=timed)


def overlay_frame(
    frame_hwc: FrameHWC, tracks: Tracks, index: int, soft: SoftCall | None = None
) -> FrameHWC:
    """One frame of an overlay video: every object drawn in its colour, "lost" where not found."""
    shown = {}
    for object_id, track in tracks.items():
        entry = track[index]
        mask: HardHW | SoftHW | None = soft(object_id, index) if soft is not None else None
        if mask is None and entry.mask is not None:
            mask = track.mask(index)
        shown[object_id] = Prediction(entry.box, mask, entry.score, entry.found)
    return draw_predictions(frame_hwc, shown)


def draw_predictions(frame_hwc: FrameHWC, predictions: Mapping[int, Prediction]) -> FrameHWC:
    """The answers of all objects on a copy of their frame, see :func:`overlay_frame`."""
    out = frame_hwc
    for object_id, one in predictions.items():
        label = str(object_id) if len(predictions) > 1 else None
        if not one.found:
            label = "lost" if label is None else f"{label} lost"
        out = draw_overlay(
            out,
            mask_hw=one.mask,
            box=one.box,
            score=one.score,
            label=label,
            color=object_color(object_id),
        )
    return out


def check_video(frames: Frames, tracks: Tracks) -> None:
    """Make sure that a video fits tracks.

    Raises:
        InputError: If its frames are of another size, or fewer.
    """
    if frames.size_wh != tracks.first.size_wh:
        given, wanted = ("x".join(map(str, s)) for s in (frames.size_wh, tracks.first.size_wh))
        raise InputError(f"the video is {given} but the track is {wanted}; give its own video")
    if frames.length is None or frames.length < len(tracks.first):
        raise InputError(
            f"the video holds {frames.length} frames and the track {len(tracks.first)}; "
            "give its own video"
        )
