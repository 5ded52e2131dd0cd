"""How the tracker ``flow`` decides which pixels of a window are the target's."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from spectrack.structures import FrameHWC, SoftHW
from spectrack.trackers.flow.settings import FlowTrackerSettings
from spectrack.tracking.appearance import ColourGuide, ColourModel, Index, colour_index, contrast_of
from spectrack.tracking.colour import robust_box


@dataclass(frozen=True, slots=True, eq=False)
class Carried:
    """What the last good frame says about this one; arrays of float32 (H, W) of the window.

    Args:
        soft: The soft mask carried by flow.
        ghost: Where the target was a while ago, moved as one piece: parts that an obstacle hid
            may come back there although no flow leads to them.
        rival: Things of the target's colours beside the target, carried by flow.
        agree: How far the flow can be trusted.
        motion: Log odds of the motion.
    """

    soft: SoftHW
    ghost: SoftHW
    rival: SoftHW
    agree: SoftHW
    motion: SoftHW


@dataclass(frozen=True, slots=True, eq=False)
class Segmented:
    """A segmented window: mask, memories, colours, and how far to believe it.

    Args:
        soft: Soft mask.
        ghost: As in :class:`Carried`, for this frame.
        rival: As in :class:`Carried`, for this frame.
        index: Colour bins.
        contrast: How far the colours of the mask stand out, -1 to 1.
        agreement: Mean trust in the flow inside the mask, 0 to 1.
    """

    soft: SoftHW
    ghost: SoftHW
    rival: SoftHW
    index: Index
    contrast: float
    agreement: float


def segment(
    now_hwc: FrameHWC,
    carried: Carried,
    colours: ColourModel,
    settings: FlowTrackerSettings,
    youth: float,
) -> Segmented:
    """Weigh flow, colour and motion, and lay the mask along the edges of the picture.

    Args:
        now_hwc: The window of this frame, uint8 (H, W, 3).
        carried: What the last good frame says.
        colours: Colour models.
        settings: The weights.
        youth: How much the first mask is still doubted, 1 to 0.
    """
    s = settings
    index = colour_index(now_hwc)
    colour = colours.probability_hw(index)
    prior, ghost, agree = carried.soft, carried.ghost, carried.agree
    # A first mask found in a box is a guess that the first motions can still correct.
    motion = np.clip(carried.motion, -s.motion_limit, s.motion_limit) * agree
    trusted = 0.3 + 0.7 * agree
    odds = _logit(np.maximum(prior, np.minimum(s.ghost_weight * ghost, 0.5)), s.doubt) * trusted
    odds *= np.where(odds < 0, np.float32(1 + (s.ground_weight - 1) * (1 - youth)), np.float32(1))
    odds += s.colour_weight * _logit(colour, s.doubt)
    odds += (1 + s.early_boost * youth) * s.motion_weight * motion
    odds -= s.rival_weight * carried.rival * trusted
    # Far from where the mask may have gone, nothing else can make a target.
    share = s.reach + (s.early_reach - s.reach) * youth
    reach = max(1.5, share * float(np.sqrt(prior.sum() + 1)))
    nearby = np.maximum(cv2.GaussianBlur(prior, (0, 0), reach), s.ghost_weight * ghost)
    odds += np.log(np.clip(2 * nearby, 1e-4, 1))
    soft = (1 / (1 + np.exp(-odds))).astype(np.float32)
    # A window that is wide for the target would round it off.
    radius = min(s.radius, max(2, round(0.12 * float(np.sqrt(prior.sum())))))
    soft = ColourGuide(now_hwc, radius, s.epsilon)(soft)
    soft = np.clip((soft - 0.5) * s.contrast + 0.5, 0, 1)
    soft = _drop_crumbs(soft, np.maximum(prior, ghost))
    inside = soft > 0.5
    ghost = np.maximum(soft, s.ghost_fade * ghost)
    return Segmented(
        soft,
        ghost,
        rivals_hw(colour, soft, ghost, carried.rival),
        index,
        contrast_of(colour, soft),
        float(agree[inside].mean()) if inside.any() else 0.0,
    )


def rivals_hw(
    colour_hw: SoftHW, soft_hw: SoftHW, ghost_hw: SoftHW, known_hw: SoftHW | None = None
) -> SoftHW:
    """Things of the target's colours that are not the target: known ones, and all outside its box.

    Args:
        colour_hw: Probability of the target's colours.
        soft_hw: Soft mask of the target.
        ghost_hw: The target with its hidden parts; what lies well outside its box is not it.
        known_hw: The rivals known so far, carried here.
    """
    height, width = soft_hw.shape
    outside = np.zeros((height, width), dtype=np.float32)
    box = robust_box(ghost_hw > 0.3)
    if box is not None:
        outside[:] = ~box.scale(1.2).fill((width, height))
    alike = np.clip(4 * colour_hw - 2, 0, 1)  # from 0 at a probability of 0.5 to 1 at 0.75
    rivals: SoftHW = outside * alike
    if known_hw is not None:
        rivals = np.maximum(rivals, known_hw * np.maximum(alike, 0.9))
    rivals = rivals * (1 - np.maximum(soft_hw, ghost_hw))
    return rivals


def _logit(p: SoftHW, doubt: float) -> SoftHW:
    odds: SoftHW = np.log((p + doubt) / (1 - p + doubt))
    return odds


def _drop_crumbs(soft_hw: SoftHW, support_hw: SoftHW, share: float = 0.03) -> SoftHW:
    """Push parts below one half that nothing supports or that are a small share of the largest."""
    hard = (soft_hw > 0.5).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(hard, connectivity=8)
    if count > 1:
        areas = stats[:, cv2.CC_STAT_AREA]
        support = np.bincount(labels.ravel(), weights=(support_hw > 0.3).ravel(), minlength=count)
        small = (areas < share * areas[1:].max()) | (support < 0.2 * areas)
        small[0] = False
        soft_hw = np.where(small[labels], np.minimum(soft_hw, 0.3), soft_hw).astype(np.float32)
    return soft_hw
