"""Fusing several objects of one video: which masks belong to which, and one pass over the frames.

Objects go by their number in indexed masks, as everywhere. Where every channel holds a single
object it is the same one, whatever its number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from spectrack.errors import InputError
from spectrack.fusion.stream import fuse_steps, no_mask_at_all
from spectrack.spectral.guided.stream import GuidedSettings
from spectrack.spectral.mixing.settings import MixingSettings
from spectrack.spectral.sfseg.filter import PRESETS as WHOLE_PRESETS
from spectrack.storage import Progress
from spectrack.structures import FrameHWC, SoftHW
from spectrack.tracks import Track, Tracks
from spectrack.video.frames import Frames
from spectrack.video.given_masks import SoftMasks
from spectrack.video.masks import MaskFolder
from spectrack.video.shared_frames import SharedFrames
from spectrack.video.soft_masks import MaskSource, open_masks


class NoMasks:
    """The masks of an object that a channel knows nothing of: none in any frame.

    Args:
        count: Frames.
    """

    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> SoftHW | None:
        return None


def open_objects(
    sources: Mapping[str, MaskSource], frames: Frames, object_id: int | None = None
) -> dict[int, list[SoftMasks]]:
    """The masks of every channel, object by object.

    Args:
        sources: Name of each channel, and where its masks are.
        frames: The video.
        object_id: Only this object of indexed masks, which all channels must hold.

    Returns:
        Object id to the masks of each channel, in the order of the channels and of the ids. A
        channel that lacks an object which others hold has no masks for it.

    Raises:
        InputError: If masks cannot be read or do not fit the frames, or a channel does not number
            its objects while others hold several; the sentence names the channel.
    """
    if not sources:
        raise InputError("no masks were given; give the masks of one or more methods")
    opened: dict[str, dict[int, SoftMasks]] = {}
    for name, source in sources.items():
        try:
            opened[name] = open_masks(source, frames, object_id)
        except InputError as error:
            raise InputError(f"channel {name}: {error}") from error
    several = [name for name, objects in opened.items() if len(objects) > 1]
    if not several:
        return {object_id or _one_id(opened): [next(iter(o.values())) for o in opened.values()]}
    for name, objects in opened.items():
        if len(objects) == 1 and not _numbered(objects):
            shown = ", ".join(map(str, opened[several[0]]))
            raise InputError(
                f"channel {name} does not number its objects and channel {several[0]} holds "
                f"objects {shown}; give indexed masks, or leave one of the channels out"
            )
    ids = sorted(set().union(*opened.values()))
    none = NoMasks(len(frames))
    return {key: [objects.get(key, none) for objects in opened.values()] for key in ids}


def fuse_objects(
    frames: Iterable[FrameHWC],
    objects: Mapping[int, Sequence[SoftMasks]],
    mixing: MixingSettings,
    preset: str | GuidedSettings = "colour",
    progress: Progress | None = None,
) -> Tracks:
    """Fuse each object as :func:`spectrack.fusion.stream.fuse_video` does.

    The video is decoded once and all objects go forward together; recipes that hold the whole
    video take one object after another, each with a pass of its own.

    Args:
        frames: Frames of the video.
        objects: Object id to the masks of each channel.
        mixing: Weights of the channels.
        preset: As there.
        progress: Called with the number of frames finished and in all; with recipes that hold the
            whole video it starts again for each object.

    Raises:
        InputError: As there.
    """
    whole = isinstance(preset, str) and preset in WHOLE_PRESETS
    views: Sequence[Iterable[FrameHWC]] = [frames] * len(objects)
    if len(objects) > 1 and not whole:
        views = SharedFrames(frames, len(objects)).readers()
    last = list(objects)[-1]  # is done with a frame when all are
    running = {
        key: fuse_steps(view, channels, mixing, preset, progress if whole or key == last else None)
        for (key, channels), view in zip(objects.items(), views, strict=True)
    }
    tracks: dict[int, Track] = {}
    try:
        while running:
            for key in list(running):
                try:
                    next(running[key])
                except StopIteration as end:
                    tracks[key] = end.value
                    del running[key]
    finally:
        for steps in running.values():
            steps.close()
    return Tracks({key: tracks[key] for key in objects})


def without_mask(channels: Sequence[SoftMasks]) -> list[str]:
    """Names of the frames that no channel has a mask for; see :func:`no_mask_at_all`."""
    return no_mask_at_all([masks for masks in channels if not isinstance(masks, NoMasks)])


def _numbered(objects: Mapping[int, SoftMasks]) -> bool:
    """Whether the number of a channel's only object means something."""
    ((key, masks),) = objects.items()
    return key != 1 or (isinstance(masks, MaskFolder) and masks.kind == "index")


def _one_id(opened: Mapping[str, Mapping[int, SoftMasks]]) -> int:
    """The number that all channels which have numbers agree on, else 1."""
    found = {key for objects in opened.values() if _numbered(objects) for key in objects}
    return found.pop() if len(found) == 1 else 1
