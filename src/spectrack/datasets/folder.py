"""Truth of one video as a folder of masks, without a data set around it."""

from __future__ import annotations

from pathlib import Path

from spectrack.datasets.base import VideoSequence
from spectrack.errors import InputError
from spectrack.structures import HardHW
from spectrack.video.frames import Frames
from spectrack.video.masks import MaskFolder
from spectrack.video.reader import open_video


def mask_sequence(
    truth: str | Path, video: str | Path | Frames | None = None, object_id: int | None = None
) -> VideoSequence:
    """A sequence whose truth is a folder of masks.

    Args:
        truth: Folder of masks, ``TRUTH/00000.png`` ...; frames without a mask have no truth.
        video: The frames, where they are needed (TCONT); masks are then aligned to them.
        object_id: Which object, where the masks hold several.

    Raises:
        InputError: If the masks or the video cannot be used.
    """
    frames = None if video is None else open_video(video)
    masks = MaskFolder(truth, frames, object_id)

    def read(index: int) -> HardHW | None:
        soft = masks[index]
        return None if soft is None else soft >= 0.5

    def open_frames() -> Frames:
        if frames is None:
            raise InputError(f"{truth} was given without its video; give the video too")
        return frames

    return VideoSequence(Path(truth).resolve().name, tuple(masks.stems), open_frames, read)
