"""Scores of masks against the truth: evaluate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spectrack.api.videos import open_frames

if TYPE_CHECKING:
    from spectrack.api.videos import Video
    from spectrack.tracks import Tracks
    from spectrack.video.soft_masks import MaskSource


def evaluate(
    result: MaskSource | Tracks, truth: MaskSource | Tracks, video: Video | None = None
) -> dict[str, float]:
    """Score the masks of the objects of a video against the truth.

    As DAVIS does, each object is scored by itself, behind the frame in which the truth first shows
    it and without the last frame of the video. Where the truth holds several objects, those of the
    result belong to them by their ids; one that is not answered has empty masks.

    Args:
        result: A track or several, a folder of masks (of several objects where they are numbered)
            or an array (T, H, W), of several where it holds object ids.
        truth: Likewise; matched by file stem, by position where stems differ.
        video: The frames; give them to measure TCONT too.

    Returns:
        Means over frames, and then over objects, in [0, 1]: ``J``, ``F``, ``box_iou``, and
        ``tcont`` and ``tcont_self`` with a video.

    Raises:
        InputError: If result, truth or video cannot be used or do not belong together, the result
            holds several objects and the truth one, the truth holds no object, or it shows its
            object only in the last frames, none of which is scored.

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
