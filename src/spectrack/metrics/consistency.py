"""TCONT: consistency in time of a segmentation (SFSeg++ paper, section 3.5, Eq. 14-15).

The masks of the previous and the next frame are carried into the current one by optical flow and
averaged with the current mask (Eq. 14). The overlap of that average with the truth (Eq. 15), or
with the current mask itself, is high where the masks move with the object and do not flicker.

A mask is carried by sampling it where the flow of the *current* frame points: the flow from frame
t to t + 1 fetches the next mask, the flow from t to t - 1 the previous one. Places that the flow
leads out of the picture hold no object.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from spectrack.errors import InputError
from spectrack.metrics.regions import jaccard, paired
from spectrack.structures import SoftHW

Flow = NDArray[np.float32]


def carried_mean(
    previous_hw: NDArray[Any],
    current_hw: NDArray[Any],
    following_hw: NDArray[Any],
    to_previous_hw2: Flow,
    to_following_hw2: Flow,
) -> SoftHW:
    """Eq. 14 for one frame: mean of its mask and its neighbours' masks carried into it.

    Args:
        previous_hw: Mask of frame t - 1, soft in [0, 1] or bool, shape (H, W).
        current_hw: Mask of frame t.
        following_hw: Mask of frame t + 1.
        to_previous_hw2: Flow from frame t to t - 1 in pixels (dx, dy), shape (H, W, 2).
        to_following_hw2: Flow from frame t to t + 1.

    Returns:
        float32 in [0, 1], shape (H, W).

    Raises:
        InputError: If masks and flows differ in size.
    """
    current = np.asarray(current_hw, dtype=np.float32)
    before = _carry(previous_hw, to_previous_hw2, current.shape)
    after = _carry(following_hw, to_following_hw2, current.shape)
    mean: SoftHW = (before + current + after) / np.float32(3)
    return mean


def carried_means(
    masks: Iterable[NDArray[Any]], flows: Iterable[tuple[Flow, Flow]]
) -> Iterator[tuple[SoftHW, NDArray[Any]]]:
    """Eq. 14 for a whole video, as a stream: three masks are held at a time.

    Args:
        masks: T masks, soft in [0, 1] or bool, each (H, W).
        flows: T - 1 pairs; number t holds the flow from frame t to t + 1 and the one from t + 1
            to t, each (H, W, 2) in pixels.

    Yields:
        Of every frame but the first and the last: the mean, and the frame's own mask.

    Raises:
        InputError: If masks and flows differ in number or size.
    """
    stream = iter(masks)
    before: NDArray[Any] | None = None
    to_previous: Flow | None = None
    current: Any = next(stream, None)
    for following, (to_following, back) in paired(stream, flows, "steps between masks and flows"):
        if before is not None and to_previous is not None:
            yield carried_mean(before, current, following, to_previous, to_following), current
        before, current, to_previous = current, following, back


def carried_overlap(mean_hw: SoftHW, wanted_hw: NDArray[Any], threshold: float = 0.5) -> float:
    """Eq. 15 for one frame: J of the thresholded mean and a hard mask.

    Raises:
        InputError: If the threshold is not in (0, 1], or as
            :func:`~spectrack.metrics.regions.jaccard`.
    """
    if not 0 < threshold <= 1:
        raise InputError(f"threshold {threshold} was given; expected a number in (0, 1]")
    # Thirds have no exact float: without the slack, 2/3 could miss a threshold of 2/3.
    return jaccard(mean_hw >= threshold - 1e-6, wanted_hw)


def tcont(
    masks: Iterable[NDArray[Any]],
    forward: Iterable[Flow],
    backward: Iterable[Flow],
    truths: Iterable[NDArray[Any]] | None = None,
    threshold: float = 0.5,
) -> NDArray[np.float64]:
    """TCONT of every frame but the first and the last (Eq. 15).

    Args:
        masks: T masks, soft in [0, 1] or bool, each (H, W).
        forward: T - 1 flows; number t leads from frame t to t + 1, (H, W, 2) in pixels.
        backward: T - 1 flows; number t leads from frame t + 1 to t.
        truths: T true hard masks, for TCONT with respect to ground truth; left out, the overlap
            with the masks themselves at the same threshold is measured.
        threshold: The mean of the three masks is foreground from here on.

    Returns:
        float64 in [0, 1], shape (T - 2,); empty where there are fewer than three frames.

    Raises:
        InputError: If the streams do not fit together or the threshold is not in (0, 1].
    """
    flows = paired(forward, backward, "forward and backward flows")
    means = carried_means(masks, flows)
    if truths is None:
        pairs = ((mean, np.asarray(own) >= threshold) for mean, own in means)
    else:
        pairs = ((mean, wanted) for (mean, _), wanted in paired(means, _inner(truths)))
    scores = [carried_overlap(mean, wanted, threshold) for mean, wanted in pairs]
    return np.array(scores, dtype=np.float64)


def _inner(stream: Iterable[NDArray[Any]]) -> Iterator[NDArray[Any]]:
    """All items but the first and the last."""
    rest = iter(stream)
    next(rest, None)
    yield from (item for item, _ in pairwise(rest))


def _carry(mask_hw: NDArray[Any], flow_hw2: Flow, shape: tuple[int, ...]) -> SoftHW:
    """A neighbour's mask sampled where the flow points; 0 outside the picture."""
    if mask_hw.shape != shape or flow_hw2.shape != (*shape, 2):
        raise InputError(
            f"mask {mask_hw.shape} and flow {flow_hw2.shape} were given for a frame of shape "
            f"{shape}; expected (height, width) and (height, width, 2)"
        )
    height, width = shape
    x = flow_hw2[..., 0] + np.arange(width, dtype=np.float32)
    y = flow_hw2[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    carried = cv2.remap(
        np.asarray(mask_hw, dtype=np.float32),
        x.astype(np.float32),
        y.astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=0,
    )
    return carried.astype(np.float32, copy=False)
