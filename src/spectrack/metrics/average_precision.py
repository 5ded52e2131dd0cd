"""Average precision of tracks of masks, as YouTube-VIS measures it.

Source: Yang, Fan, Xu, "Video instance segmentation", ICCV 2019, section 3.3. Every instance is a
tube: a mask in some frames of a video, with a category and, where it is found, a score. Overlap of
two tubes is the sum over frames of what both cover, over the sum of what either covers. The rest is
COCO's: found tubes of a category take, best score first, the free true tube with the highest
overlap of at least a threshold; precision, made monotone, is read at 101 recalls; AP is its mean
over recalls, over the thresholds 0.5, 0.55, ..., 0.95 and over the categories that have truth.
AR is the mean over thresholds and categories of the recall that so many tubes a video reach.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco

from spectrack.errors import InputError
from spectrack.structures import Mask

THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)
LIMITS = (1, 10, 100)
"""Tubes of a category in a video that count: of AR1 and AR10, and of AP."""
SIZES: dict[str, tuple[float, float]] = {
    "": (0, np.inf),
    "_small": (0, 128**2),
    "_medium": (128**2, 256**2),
    "_large": (256**2, np.inf),
}
"""Mean area of a tube's masks, square pixels, both ends included."""


@dataclass(frozen=True, slots=True, eq=False)
class Tube:
    """One instance.

    Args:
        category: What it is.
        masks: One a frame of the video, None where it is not there; frames that lack at the end
            have none.
        score: How sure the method is; of no meaning for truth.
    """

    category: str
    masks: Sequence[Mask | None]
    score: float = 1.0

    @property
    def area(self) -> float:
        """Mean area of the masks that are not empty, square pixels; 0 where all are."""
        areas = [mask.area for mask in self.masks if mask is not None]
        there = [area for area in areas if area]
        return sum(there) / len(there) if there else 0.0


Tubes = Mapping[str, Sequence[Tube]]
"""Name of a video to its tubes."""


def tube_iou(found: Sequence[Mask | None], truth: Sequence[Mask | None]) -> float:
    """Overlap of two tubes in space and time, in [0, 1]; 0 where both are empty.

    Raises:
        InputError: If masks of one frame differ in size.
    """
    both = either = 0
    for one, other in zip_longest(found, truth):
        if one is None or other is None:
            either += sum(mask.area for mask in (one, other) if mask is not None)
            continue
        if (one.height, one.width) != (other.height, other.width):
            raise InputError(
                f"masks of {one.width}x{one.height} and {other.width}x{other.height} were given "
                "for one frame; give masks of one size"
            )
        shared = int(coco.area(coco.merge([one.as_coco(), other.as_coco()], intersect=True)))
        both += shared
        either += one.area + other.area - shared
    return both / either if either else 0.0


def average_precision(found: Tubes, truth: Tubes) -> dict[str, float]:
    """AP and AR of a data set.

    Args:
        found: Tubes of a method; videos may be missing.
        truth: True tubes of every video.

    Returns:
        ``ap``, ``ap50``, ``ap75``, ``ap_small``, ``ap_medium``, ``ap_large``, ``ar1``, ``ar10``, in
        [0, 1]; NaN where no truth of that size exists.

    Raises:
        InputError: If tubes were found in a video without truth, or sizes differ.
    """
    strange = sorted(set(found) - set(truth))
    if strange:
        raise InputError(f"video {strange[0]!r} has no truth; give tubes of the videos that have")
    categories = sorted({tube.category for tubes in truth.values() for tube in tubes})
    matched = [list(_videos(found, truth, category)) for category in categories]
    out = {}
    for name, size in SIZES.items():
        rows = [_precision_recall(videos, size, LIMITS[-1]) for videos in matched]
        read = [row[0] for row in rows if row is not None]
        at = np.array(read) if read else np.full((1, len(THRESHOLDS), 1), np.nan)
        out[f"ap{name}"] = float(at.mean())
        if not name:
            out["ap50"], out["ap75"] = float(at[:, 0].mean()), float(at[:, 5].mean())
    for limit in LIMITS[:-1]:
        rows = [_precision_recall(videos, SIZES[""], limit) for videos in matched]
        reached = [row[1] for row in rows if row is not None]
        out[f"ar{limit}"] = float(np.mean(reached)) if reached else float("nan")
    return out


@dataclass(frozen=True, slots=True, eq=False)
class _Video:
    """Tubes of one category in one video, found ones by descending score."""

    ious_dg: NDArray[np.float64]
    scores_d: NDArray[np.float64]
    areas_d: NDArray[np.float64]
    areas_g: NDArray[np.float64]


def _videos(found: Tubes, truth: Tubes, category: str) -> Iterable[_Video]:
    for video, tubes in truth.items():
        wanted = [tube for tube in tubes if tube.category == category]
        given = [tube for tube in found.get(video, ()) if tube.category == category]
        given = sorted(given, key=lambda tube: -tube.score)[: LIMITS[-1]]
        ious = [tube_iou(one.masks, other.masks) for one in given for other in wanted]
        yield _Video(
            np.array(ious, dtype=np.float64).reshape(len(given), len(wanted)),
            np.array([tube.score for tube in given], dtype=np.float64),
            np.array([tube.area for tube in given], dtype=np.float64),
            np.array([tube.area for tube in wanted], dtype=np.float64),
        )


def _precision_recall(
    videos: Sequence[_Video], size: tuple[float, float], limit: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Precision (thresholds, recalls) and final recall (thresholds,) of one category.

    None where no true tube has the size.
    """
    wanted = sum(int(np.count_nonzero(_within(v.areas_g, size))) for v in videos)
    if wanted == 0:
        return None
    scores = np.concatenate([v.scores_d[:limit] for v in videos])
    order = np.argsort(-scores, kind="stable")
    precision = np.zeros((len(THRESHOLDS), len(RECALLS)))
    final = np.zeros(len(THRESHOLDS))
    for row, threshold in enumerate(THRESHOLDS):
        verdicts = np.concatenate([_match(v, size, limit, threshold) for v in videos])[order]
        verdicts = verdicts[verdicts >= 0]
        right, tried = np.cumsum(verdicts), np.arange(1, verdicts.size + 1)
        if verdicts.size == 0:
            continue
        recall = right / wanted
        final[row] = recall[-1]
        # Precision at a recall is the best one at that recall or any higher.
        monotone = np.maximum.accumulate((right / tried)[::-1])[::-1]
        at = np.searchsorted(recall, RECALLS, side="left")
        reached = at < recall.size
        precision[row, reached] = monotone[at[reached]]
    return precision, final


def _match(video: _Video, size: tuple[float, float], limit: int, threshold: float) -> NDArray[Any]:
    """Of every found tube: 1 right, 0 wrong, -1 of no account (its size does not count)."""
    counts = _within(video.areas_g, size)
    free = np.ones(counts.size, dtype=bool)
    verdicts = np.zeros(min(limit, video.scores_d.size), dtype=int)
    for d in range(verdicts.size):
        fits = free & (video.ious_dg[d] >= min(threshold, 1 - 1e-10))
        # Truth of another size is taken only where no other fits; of equal ones the last.
        pool = fits & counts if (fits & counts).any() else fits
        if not pool.any():
            verdicts[d] = 0 if _within(video.areas_d[d : d + 1], size)[0] else -1
            continue
        best = np.where(pool, video.ious_dg[d], -1)
        g = best.size - 1 - int(best[::-1].argmax())
        free[g] = False
        verdicts[d] = 1 if counts[g] else -1
    return verdicts


def _within(areas: NDArray[np.float64], size: tuple[float, float]) -> NDArray[np.bool_]:
    inside: NDArray[np.bool_] = (areas >= size[0]) & (areas <= size[1])
    return inside
