"""The samples of a first frame that a discriminative filter learns from (ATOM, DiMP, D3S, KYS).

One patch of twice the size is cut about the target; every variation of it (moved, mirrored,
blurred, turned) is cut to size again, so that pixels of the frame come in from all sides. Copies
with maps of features left out complete them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from spectrack.errors import InputError
from spectrack.structures import FrameHWC
from spectrack.tracking.first_frame import blur, mirror, rotate
from spectrack.tracking.patches import CentreCrop, PairYX, pair, plan_patch

EXPANSION = 2
"""Side of the patch that variations are cut from, in sides of a sample."""

Shift = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Variations:
    """Which variations of the first frame are learned from, besides the patch as it is.

    Args:
        shifts: Moved by these parts of half the patch, down and right.
        mirrored: Left and right exchanged.
        blurs: Blurred by these standard deviations, down and across, in pixels of the patch.
        rotations: Turned by these degrees.
        dropouts: Copies of the features of the patch as it is, with maps left out.
        dropout: Share of maps left out in each.
        wander: Mirrored, blurred and turned samples are moved at random by up to half this part of
            the patch; 0 for not at all.
    """

    shifts: tuple[tuple[float, float], ...] = ()
    mirrored: bool = False
    blurs: tuple[tuple[float, float], ...] = ()
    rotations: tuple[float, ...] = ()
    dropouts: int = 0
    dropout: float = 0.2
    wander: float = 1 / 3

    def __post_init__(self) -> None:
        if not 0 <= self.dropout < 1 or self.dropouts < 0:
            raise InputError(
                f"dropouts is {self.dropouts} and dropout {self.dropout}; give 0 or more, and a "
                "share from 0 to below 1"
            )

    @property
    def count(self) -> int:
        """Samples that come of it, those of features with maps left out among them."""
        patches = 1 + len(self.shifts) + self.mirrored + len(self.blurs) + len(self.rotations)
        return patches + self.dropouts


DIMP_VARIATIONS = Variations(
    shifts=((0.6, 0.6), (-0.6, 0.6), (0.6, -0.6), (-0.6, -0.6)),
    mirrored=True,
    blurs=((3.0, 1.0), (1.0, 3.0), (2.0, 2.0)),
    rotations=(10.0, -10.0, 45.0, -45.0),
    dropouts=2,
)
"""Fifteen samples of the first frame, of DiMP and its successors."""


@dataclass(frozen=True, slots=True, eq=False)
class FirstSamples:
    """Patches of a first frame.

    Attributes:
        patches_nchw: float32 (N, 3, H, W), 0 to 255; the first is the patch as it is.
        shifts_yx: By how many pixels the target is moved in each, down and right.
    """

    patches_nchw: Tensor
    shifts_yx: tuple[Shift, ...]

    def boxes(self, box_xywh: tuple[float, float, float, float]) -> Tensor:
        """The target's box in every sample, float32 (N, 4), from that in the patch as it is.

        It is moved with the sample, and neither mirrored nor turned: the target is in its middle.
        """
        moves = [(dx, dy, 0, 0) for dy, dx in self.shifts_yx]
        boxes = torch.tensor(box_xywh) + torch.tensor(moves, dtype=torch.float32)
        return boxes.to(self.patches_nchw.device)


def first_samples(
    frame_hwc: FrameHWC,
    centre_yx: PairYX,
    scale: float,
    patch_hw: Shift,
    variations: Variations,
    chance: np.random.Generator,
    device: torch.device | str = "cpu",
    exact: bool = False,
) -> FirstSamples:
    """Cut the samples of a first frame.

    Args:
        frame_hwc: uint8 RGB.
        centre_yx: Where they are centred; cut to whole pixels.
        scale: Pixels of the frame for one of a sample.
        patch_hw: Size of a sample.
        variations: Which there are.
        chance: Where random moves come from.
        device: Where the samples are wanted.
        exact: See :func:`~spectrack.tracking.patches.plan_patch`.
    """
    wide = (EXPANSION * patch_hw[0], EXPANSION * patch_hw[1])
    frame_hw = (frame_hwc.shape[0], frame_hwc.shape[1])
    sample = np.float32(scale) * pair(wide)
    patch = plan_patch(centre_yx, sample, wide, frame_hw, "replicate", exact=exact).cut(frame_hwc)
    samples: list[Tensor] = []
    shifts: list[Shift] = []

    def add(changed: Tensor, shift_yx: Shift) -> None:
        samples.append(CentreCrop(wide, patch_hw, shift_yx)(changed))
        shifts.append(shift_yx)

    add(patch, (0, 0))
    for down, right in variations.shifts:
        add(patch, (int(down * patch_hw[0] / 2), int(right * patch_hw[1] / 2)))
    for change in _changes(variations):
        moved = (chance.random(2) - 0.5) * variations.wander * pair(patch_hw)
        add(change(patch), (int(moved[0]), int(moved[1])))
    return FirstSamples(torch.cat(samples).to(device), tuple(shifts))


def without_maps(
    features_1chw: Tensor, variations: Variations, chance: np.random.Generator
) -> Tensor:
    """Copies of features with maps left out, the others larger for it.

    Args:
        features_1chw: Of the patch as it is.
        variations: How many, and how much is left out.
        chance: Which maps.

    Returns:
        (dropouts, C, H, W).
    """
    shape = (variations.dropouts, features_1chw.shape[1], 1, 1)
    kept = (chance.random(shape) >= variations.dropout) / (1 - variations.dropout)
    return features_1chw * torch.from_numpy(kept).to(features_1chw)


def _changes(variations: Variations) -> list[Callable[[Tensor], Tensor]]:
    """What is done to the wide patch, in the order of the samples."""
    changes: list[Callable[[Tensor], Tensor]] = [mirror] if variations.mirrored else []
    changes += [partial(blur, sigma_yx=sigma) for sigma in variations.blurs]
    changes += [partial(rotate, degrees=degrees) for degrees in variations.rotations]
    return changes
