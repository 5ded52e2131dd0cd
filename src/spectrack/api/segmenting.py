"""Things in boxes of one picture: segment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from spectrack.errors import InputError
from spectrack.structures import Box, FrameHWC, HardHW, Prediction, Target

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Picture: TypeAlias = str | Path | NDArray[Any]


def segment(image: Picture, box: Box | Sequence[float], *, weights: str | Path = "") -> HardHW:
    """The mask of the thing in a box of a picture.

    Args:
        image: Image file; or array or tensor (H, W, 3), RGB, uint8 or floats in [0, 1].
        box: Around the thing, ``(x, y, w, h)`` in pixels.
        weights: Of the network, a name or a file; the shipped ones where empty.

    Returns:
        bool (H, W), not empty, False outside the box.

    Raises:
        InputError: If image, box or weights cannot be used.

    Example:
        >>> import spectrack as st
        >>> mask = st.segment("cat.jpg", box=(120, 80, 200, 160))  # doctest: +SKIP
    """
    (found,) = segment_all(image, [box], weights=weights)
    hard = found.hard_mask()
    assert hard is not None
    return hard


def segment_all(
    image: Picture, boxes: Sequence[Box | Sequence[float]], *, weights: str | Path = ""
) -> list[Prediction]:
    """As :func:`segment`, for several boxes, each by itself.

    Args:
        image: As in :func:`segment`.
        boxes: One a thing.
        weights: As in :func:`segment`.

    Returns:
        Of each box the soft mask, float32 (H, W) in [0, 1]; the tight box of it at one half; as
        score the overlap with the thing that it promises.

    Raises:
        InputError: As :func:`segment`, or if there is no box.
    """
    from spectrack.tracking.mask_in_box import BoxSegmenter, shared_mask_in_box
    from spectrack.tracking.sharpness import sharpness
    from spectrack.video.targets import question_box

    if not boxes:
        raise InputError("no box was given; give at least one as x,y,w,h in pixels")
    frame_hwc = read_picture(image)
    targets = [Target(Box.coerce(box)) for box in boxes]
    for target in targets:
        question_box(target)
        target.check((frame_hwc.shape[1], frame_hwc.shape[0]))
    network = BoxSegmenter(shared_mask_in_box(str(weights)))
    found = []
    for target in targets:
        soft_hw = network.first(frame_hwc, target.box)
        found.append(Prediction(Box.from_mask(soft_hw >= 0.5), soft_hw, sharpness(soft_hw)))
    return found


def read_picture(image: Picture) -> FrameHWC:
    """A picture as uint8 RGB (H, W, 3), from a file or an array.

    Raises:
        InputError: If it cannot be read, or has no pixels.
    """
    from pathlib import Path

    from spectrack.video.folder import read_image
    from spectrack.video.given import rgb_frame

    frame_hwc = read_image(image) if isinstance(image, str | Path) else rgb_frame(image)
    if not frame_hwc.size:
        raise InputError(f"a picture of shape {frame_hwc.shape} was given; it has no pixels")
    return frame_hwc
