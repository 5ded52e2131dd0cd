"""How the answer of a tracker that fuses others came about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from spectrack.spectral.mixing.mixing import Mixed
from spectrack.structures import Box


@dataclass(frozen=True, slots=True, eq=False)
class Hypothesis:
    """One tracker's answer for a frame, as a tracker that fuses several takes it in.

    Args:
        box: Where the target is.
        soft_hw: Its mask, uint8 (H, W) with 255 for 1; None from a box tracker.
    """

    box: Box
    soft_hw: NDArray[np.uint8] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Channels:
    """Soft masks of all hypotheses, in the part of the frame that holds them.

    Args:
        soft_chw: uint8 (C, h, w), 255 for 1; zeros where there is no hypothesis.
        present_c: bool (C,).
        rows: Of the part.
        cols: Of the part.
    """

    soft_chw: NDArray[np.uint8]
    present_c: NDArray[np.bool_]
    rows: slice
    cols: slice


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """How the last answer came about.

    Attributes:
        names: Of the inputs.
        hypotheses: The answer of each; None where it sees nothing.
        channels: The mask of each; None where there were none.
        mixed: How they were mixed.
        restarted: Names of inputs that were started again after this frame.
        signals: What the score was made of, by name; empty where the target was not found.
        size_wh: Width and height of the frames in whose pixels boxes and masks are, for a tracker
            that shrinks the video's; None for those of the video.
    """

    names: tuple[str, ...]
    hypotheses: tuple[Hypothesis | None, ...]
    channels: Channels | None
    mixed: Mixed | None
    restarted: tuple[str, ...] = ()
    signals: Mapping[str, float] = field(default_factory=dict)
    size_wh: tuple[int, int] | None = None
