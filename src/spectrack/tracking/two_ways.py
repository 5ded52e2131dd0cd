"""Two answers for a frame between two key frames: from the one before and from the one after.

Each drifts off as it goes. How far a frame lies from a key is told in two measures at once: in
frames, and in how much the two answers have disagreed so far, for where they agree neither has
gone astray yet. Besides, each way ends at the other one's key frame, where it can be seen how well
it has kept to the object.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco

from spectrack.structures import Box, Prediction, SoftHW
from spectrack.tracks import Entry

LOST = 0.05
"""Least confidence of an answer, and that of one that has not found the object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoWays:
    """How two answers are weighed.

    Attributes:
        calm: Disagreement (1 - IoU) that counts in any frame: the larger, the more the distance is
            one in frames.
        nearness: Exponent of how near the key is, in [0, 1].
        arrival: Exponent of how well a way has ended, in [0, 1].
        confidence: Exponent of the tracker's own score.
    """

    calm: float = 0.03
    nearness: float = 1.0
    arrival: float = 1.0
    confidence: float = 1.0


class Weigher:
    """Weighs the two answers of each frame of a span.

    Args:
        forward: Answers from the key before on, that frame and the key frame after included.
        backward: Answers for the same frames, in the same order, that came from the key after.
        settings: See :class:`TwoWays`.
    """

    def __init__(
        self, forward: Sequence[Entry], backward: Sequence[Entry], settings: TwoWays | None = None
    ) -> None:
        self._settings = s = settings or TwoWays()
        self.agreement = np.array([overlap(a, b) for a, b in zip(forward, backward, strict=True)])
        """IoU of both answers in each frame, (T,)."""
        apart = s.calm + 1 - self.agreement
        steps = (apart[1:] + apart[:-1]) / 2
        way = np.concatenate([[0.0], np.cumsum(steps)])
        self._place = way / max(way[-1], 1e-9)
        self._forward = self._trust(forward, self._place, float(self.agreement[-1]))
        self._backward = self._trust(backward, 1 - self._place, float(self.agreement[0]))

    def shares(self, index: int) -> tuple[float, float]:
        """Weights of the forward and the backward answer of a frame; their sum is 1."""
        one, other = self._forward[index], self._backward[index]
        return one / (one + other), other / (one + other)

    def _trust(
        self, entries: Sequence[Entry], gone: NDArray[np.float64], arrived: float
    ) -> NDArray[np.float64]:
        """How far answers are believed, (T,), positive.

        Args:
            entries: The answers of one way.
            gone: How far each is from its key, in [0, 1].
            arrived: IoU of its last answer with the key it came to.
        """
        s = self._settings
        scores = [min(max(e.score, LOST), 1.0) if e.found else LOST for e in entries]
        kept = 1 - gone * (1 - max(arrived, LOST))
        return (
            (1 - gone + 1e-6) ** s.nearness
            * kept**s.arrival
            * np.array(scores, np.float64) ** s.confidence
        )


def fuse(forward: Prediction, backward: Prediction, shares: tuple[float, float]) -> Prediction:
    """One answer of two.

    Args:
        forward: The answer from the key before.
        backward: The one from the key after.
        shares: Their weights, of sum 1.

    Returns:
        The mean of both masks under their weights; the mean of both boxes where they are about the
        same, else that of the heavier answer. Where one holds no mask, the heavier one as it is.
    """
    one, other = shares
    heavier = forward if one >= other else backward
    score = one * forward.score + other * backward.score
    if forward.mask is None or backward.mask is None:
        if heavier.mask is not None or heavier.box is None:
            return heavier
        return replace(heavier, box=_mean_box(forward.box, backward.box, shares), score=score)
    soft: SoftHW = np.float32(one) * forward.mask.astype(np.float32)
    soft += np.float32(other) * backward.mask.astype(np.float32)
    if not heavier.found or not (soft >= 0.5).any():
        return heavier
    return Prediction(_mean_box(forward.box, backward.box, shares), soft, score, True)


def _mean_box(forward: Box | None, backward: Box | None, shares: tuple[float, float]) -> Box | None:
    one, other = shares
    heavier = forward if one >= other else backward
    if forward is None or backward is None or forward.iou(backward) < 0.5:
        return heavier
    pairs = zip(forward.xyxy, backward.xyxy, strict=True)
    return Box.from_xyxy(*(one * a + other * b for a, b in pairs))


def overlap(one: Entry, other: Entry) -> float:
    """IoU of two answers, of their masks or else their boxes, in [0, 1].

    Two that have both not found the object agree; one that has and one that has not do not.
    """
    if not (one.found and other.found):
        return float(one.found == other.found)
    if one.mask is not None and other.mask is not None:
        if not one.mask.area and not other.mask.area:
            return 1.0
        found = coco.iou([one.mask.as_coco()], [other.mask.as_coco()], [0])
        return float(np.asarray(found)[0, 0])
    if one.box is None or other.box is None:
        return float(one.box is other.box)
    return one.box.iou(other.box)
