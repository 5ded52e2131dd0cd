"""Scores of masks against the truth: evaluate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spectrack.api.videos import open_frames

if TYPE_CHECKING:
    from spectrack.api.videos import Video
    from spectrack.video.soft_masks import MaskSource


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
