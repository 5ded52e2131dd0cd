"""How benchmarks score boxes and masks: which frames count, and their other differences, by name.

Papers: OTB: Wu, Lim, Yang, CVPR 2013. LaSOT: Fan et al., CVPR 2019. TrackingNet: Mueller et al.,
ECCV 2018. GOT-10k: Huang, Zhao, Huang, TPAMI 2019. VOT: Kristan et al., ECCV workshops 2014.
DAVIS: Perazzi et al., CVPR 2016; Pont-Tuset et al., arXiv 1704.00675; unsupervised: Caelles et al.,
arXiv 1905.00737. YouTube-VOS: Xu et al., arXiv 1809.03327. YouTube-VIS: Yang et al., ICCV 2019.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from spectrack.errors import InputError


@dataclass(frozen=True, kw_only=True, slots=True)
class MaskRules:
    """Which frames and objects J and F are averaged over.

    An object is scored in the frames with truth behind the one in which it is given.

    Args:
        last: Whether the last frame of a video counts.
        objects: Which answer belongs to which true object: ``given``, the one of its id; or
            ``assigned``, the one that the best assignment of all answers to all objects names,
            where a method found the objects by itself (then the first frame of an object is its
            answer too, but does not count either).
        grouped: Whether objects of kinds seen in training and of others are averaged apart.
    """

    last: bool = False
    objects: Literal["given", "assigned"] = "given"
    grouped: bool = False


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """Which frames count, and where the success curve is read.

    Args:
        overlap_steps: Steps of the success thresholds between 0 and 1: 20 gives 0, 0.05, ..., 1.
            As overlap must be above its threshold, a perfect tracker has an AUC of
            ``steps / (steps + 1)``, 0.952 for 20.
        first: What the first frame is, in which the truth is given: ``perfect`` puts the truth in
            the place of the answer, as the toolkits do that count it; or ``left out``.
        last: Whether the last frame counts.
        absent: Frames without truth: ``missed`` counts them as failures, ``left out`` not at all.
        bounded: Push both boxes into the frame before they are compared: edges that begin outside
            are moved to its border, then sides are cut where they leave it.
        polygons: Measure overlap with the true polygon where there is one, not with its box.
        masks: How J and F are averaged, where truth is masks.
        confidence: Measure precision, recall and F over thresholds of confidence too; see
            :mod:`spectrack.metrics.long_term`.

    Raises:
        InputError: If ``overlap_steps`` < 1.
    """

    overlap_steps: int = 20
    first: Literal["perfect", "left out"] = "perfect"
    last: bool = True
    absent: Literal["missed", "left out"] = "left out"
    bounded: bool = False
    polygons: bool = False
    masks: MaskRules = MaskRules()
    confidence: bool = False

    def __post_init__(self) -> None:
        if self.overlap_steps < 1:
            raise InputError(f"overlap_steps {self.overlap_steps} was given; expected at least 1")

    @property
    def overlaps(self) -> NDArray[np.float64]:
        """Thresholds of the success curve, shape (overlap_steps + 1,)."""
        return np.arange(self.overlap_steps + 1) / self.overlap_steps


PROTOCOLS: dict[str, Protocol] = {
    # Wu, Lim, Yang, CVPR 2013, section 4, and its toolkit. Boxes there are 1-based and hold whole
    # pixels, with +1 in every extent: that is our edges written differently, all numbers are equal.
    # A frame that is not annotated is not a success but counts, as in pytracking's analysis. (The
    # toolkit lets it pass as precise, and repeats the last box where there is no answer: not here.)
    "otb": Protocol(absent="missed"),
    # Fan et al., CVPR 2019, section 4: OTB's curves; absent or occluded frames are taken out first.
    "lasot": Protocol(),
    # Mueller et al., ECCV 2018, section 3: the same curves; every frame has truth.
    "trackingnet": Protocol(),
    # Huang et al., TPAMI 2019, section 5, and its toolkit: AO and SR without the first frame, 101
    # thresholds, boxes inside the frame, invisible frames left out. Its class-balanced means (mAO,
    # mSR) need the classes of the sequences; ours are plain means over sequences.
    "got10k": Protocol(overlap_steps=100, first="left out", bounded=True),
    # One pass without restarts, overlap with the rotated region (Kristan et al., VOT2014, section
    # 2.1: accuracy), frames without a region left out. Restarts and EAO are not part of it.
    "vot": Protocol(first="left out", polygons=True, masks=MaskRules(last=True)),
    # VOT-LT (Lukezic et al., 2018): the target may be absent, and how sure a tracker is counts.
    "vot_long_term": Protocol(
        first="left out", polygons=True, masks=MaskRules(last=True), confidence=True
    ),
    # Masks and their boxes: neither the first nor the last frame (Perazzi et al., section 5.1). Of
    # several objects (DAVIS-2017, section 4) each is scored, and all objects of all videos weigh
    # the same. MOSE and LVOS are scored with the same tool.
    "davis": Protocol(first="left out", last=False),
    # Caelles et al., section 4: proposals are matched to the objects first.
    "davis_unsupervised": Protocol(
        first="left out", last=False, masks=MaskRules(objects="assigned")
    ),
    # Xu et al., section 4.1: every annotated frame behind an object's first one, the last one too;
    # J and F of seen and unseen kinds apart, and G the mean of the four.
    "youtube_vos": Protocol(first="left out", masks=MaskRules(last=True, grouped=True)),
    # Yang et al.: for objects that are given. Average precision of tubes that a method found by
    # itself is in spectrack.metrics.average_precision.
    "youtube_vis": Protocol(first="left out", masks=MaskRules(last=True)),
}
