"""What counts as a video, and how it is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from spectrack.video.reader import Frames

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
