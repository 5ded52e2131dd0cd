"""Things in one picture, from boxes or clicks: segment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from spectrack.errors import InputError
from spectrack.structures import Box, FrameHWC, HardHW, Prediction, Target

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from spectrack.tracking.points import Point

    Picture: TypeAlias = str | Path | NDArray[Any]
    Click: TypeAlias = Point | tuple[float, float] | tuple[float, float, bool]


def segment(
    image: Picture,
    box: Box | Sequence[float] | None = None,
    *,
    points: Sequence[Click] = (),
    mask: NDArray[Any] | str | Path | None = None,
    weights: str | Path = "",
) -> HardHW:
    """The mask of the thing in a box of a picture, or of what is clicked on.

    Args:
        image: Image file; or array or tensor (H, W, 3), RGB, uint8 or floats in [0, 1].
        box: Around the thing, ``(x, y, w, h)`` in pixels.
        points: Clicks ``(x, y, wanted)`` in pixels: whether the thing is there, or background.
        mask: A mask to be corrected by points: array (H, W), or file.
        weights: Of the network, a name or a file; the shipped ones where empty.

    Returns:
        bool (H, W). From a box alone it is not empty, and False outside the box; with points it
        holds every point on the thing and none on the background.

    Raises:
        InputError: If image, box, points, mask or weights cannot be used, or nothing says where
            the thing is.

    Example:
        >>> import spectrack as st
        >>> mask = st.segment("cat.jpg", box=(120, 80, 200, 160))  # doctest: +SKIP
        >>> mask = st.segment("cat.jpg", points=[(210, 150, True)])  # doctest: +SKIP
    """
    if points or mask is not None:
        found = segment_points(image, points, box=box, mask=mask, weights=weights)
    elif box is not None:
        (found,) = segment_all(image, [box], weights=weights)
    else:
        raise InputError("nothing says where the thing is; give its box, or points on it")
    hard = found.hard_mask()
    assert hard is not None
    return hard


def segment_points(
    image: Picture,
    points: Sequence[Click],
    *,
    box: Box | Sequence[float] | None = None,
    mask: NDArray[Any] | str | Path | None = None,
    weights: str | Path = "",
) -> Prediction:
    """As :func:`segment` with points, the mask soft.

    Returns:
        The soft mask, float32 (H, W) in [0, 1]; the tight box of it at one half; as score the
        overlap with the thing that it promises.

    Raises:
        InputError: As :func:`segment`.
    """
    from spectrack.tracking.mask_in_box import shared_mask_in_box
    from spectrack.tracking.points import PointSegmenter
    from spectrack.tracking.sharpness import sharpness
    from spectrack.video.targets import one_target, question_box

    if not points:
        raise InputError("no point was given; give at least one as x,y,wanted in pixels")
    frame_hwc = read_picture(image)
    size_wh = (frame_hwc.shape[1], frame_hwc.shape[0])
    given = None if mask is None else one_target(mask)
    around = None if box is None else Target(Box.coerce(box))
    for target in (given, around):
        if target is not None:
            question_box(target)
            target.check(size_wh)
    made = PointSegmenter(shared_mask_in_box(str(weights)))
    soft_hw = made(
        frame_hwc,
        [as_point(point) for point in points],
        None if around is None else around.box,
        None if given is None else given.mask,
    )
    return Prediction(Box.from_mask(soft_hw >= 0.5), soft_hw, sharpness(soft_hw))


def as_point(click: Click) -> Point:
    """A click from ``(x, y)`` or ``(x, y, wanted)``.

    Raises:
        InputError: If it is neither.
    """
    from spectrack.tracking.points import Point

    if isinstance(click, Point):
        return click
    try:
        x, y, *rest = click
        wanted = bool(rest[0]) if rest else True
        if len(rest) > 1:
            raise ValueError
        return Point(float(x), float(y), wanted)
    except (TypeError, ValueError):
        raise InputError(f"point {click!r} is not x, y, wanted; give pixels and a truth") from None


def segment_all(
    image: Picture, boxes: Sequence[Box | Sequence[float]], *, weights: str | Path = ""
) -> list[Prediction]:
    """As :func:`segment` from boxes, for several things, each by itself.

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
