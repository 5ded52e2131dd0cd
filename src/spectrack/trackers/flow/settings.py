"""Every choice of the tracker `flow`, named."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from spectrack.errors import InputError
from spectrack.flow.estimators import Preset

SHARES = {
    "first_share",
    "first_share_box",
    "rate",
    "early_rate",
    "ghost_fade",
    "vanish",
    "distinct",
    "regain",
}
"""Settings from 0 to 1."""
OVER_0 = {"flow_sigma", "doubt", "epsilon", "contrast"}
"""Settings that are divided by, or whose logarithm is taken."""
FROM_1 = {"pixels", "grow", "burst"}
"""Settings of 1 or more; all other numbers are 0 or more."""


@dataclass(frozen=True, slots=True)
class FlowTrackerSettings:
    """How the tracker ``flow`` weighs what it sees.

    Args:
        preset: Preset of DIS flow.
        pixels: The window about the target is worked on at no more pixels than this.
        grow: Size of that window, in sizes of the target's box.
        margin: Its room on each side, at least, pixels.
        flow_sigma: Tolerance of the forward-backward check, pixels of the window.
        colour_weight: Weight of the colour models against the mask carried by flow.
        motion_weight: Weight of the motion cue.
        motion_limit: The motion cue speaks no louder than this (log odds).
        doubt: Probability each cue leaves to its being wrong.
        first_share: Weight of the first frame's colours when a mask was given.
        first_share_box: The same when only a box was given.
        rate: Share of every new frame in the recent colours.
        reach: How far the mask may grow in one frame, over the square root of its area.
        ground_weight: What was background and is carried by flow weighs this many times what was
            target: a look-alike that comes close was background before.
        early: After a box was given, the first mask is doubted for this many frames, less and less
            (0: not at all):
        early_boost: the motion cue weighs this many times more, in addition,
        early_reach: the mask may grow this far,
        early_rate: and every new frame has this share in the recent colours.
        rival_weight: How strongly what looks like the target, but was seen beside it, is kept out
            (log odds).
        ghost_weight: How readily hidden parts of the target are taken back where they should be.
        ghost_fade: What is left of the memory of hidden parts after one frame.
        radius: Radius of the guided filter, pixels of the window (less for small targets).
        epsilon: Regularisation of the guided filter.
        contrast: Stretch of the filtered mask about one half.
        vanish: The target is lost when its area falls below this share of its usual area,
        burst: or jumps above this many times its last area,
        distinct: or its colours stand out less than this share of how they first did.
        regain: It is found again when a place scores this share of how the target itself scored.
        patience: Frames for which flow from the last good frame is tried while lost.

    Raises:
        InputError: If a number is out of range.
    """

    preset: Preset = "medium"
    pixels: int = 80_000
    grow: float = 2.2
    margin: float = 40.0
    flow_sigma: float = 1.5
    colour_weight: float = 1.0
    motion_weight: float = 0.7
    motion_limit: float = 2.0
    doubt: float = 0.1
    first_share: float = 0.5
    first_share_box: float = 0.25
    rate: float = 0.1
    reach: float = 0.03
    ground_weight: float = 1.0
    early: int = 8
    early_reach: float = 0.08
    early_boost: float = 1.5
    early_rate: float = 0.4
    rival_weight: float = 12.0
    ghost_weight: float = 0.4
    ghost_fade: float = 0.97
    radius: int = 10
    epsilon: float = 1e-3
    contrast: float = 1.2
    vanish: float = 0.12
    burst: float = 3.0
    distinct: float = 0.3
    regain: float = 0.6
    patience: int = 10

    def __post_init__(self) -> None:
        for name in (field.name for field in fields(self) if field.name != "preset"):
            value = getattr(self, name)
            least, most = float(name in FROM_1), 1.0 if name in SHARES else math.inf
            inside = math.isfinite(value) and least <= value <= most
            if not inside or (name in OVER_0 and value == 0):
                wanted = "from 0 to 1" if name in SHARES else f"of {least:.0f} or more"
                wanted = "over 0" if name in OVER_0 else wanted
                raise InputError(f"{name} is {value}; give a number {wanted}")
