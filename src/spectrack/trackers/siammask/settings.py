"""Every choice of SiamMask, named; values are the published ones, by the weights they go with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from spectrack.errors import InputError
from spectrack.tracking.siamese import Rules


@dataclass(frozen=True, slots=True)
class Published:
    """What was published together.

    Args:
        rules: How candidates are chosen and followed.
        threshold: Probability from which on a pixel is the target's.
    """

    rules: Rules
    threshold: float


PUBLISHED = {
    "davis": Published(Rules(penalty=0.04, window=0.40, rate=1.0), 0.35),
    "vot": Published(Rules(penalty=0.04, window=0.42, rate=0.25), 0.30),
    "vot_ld": Published(Rules(penalty=0.10, window=0.41, rate=0.32), 0.15),
    "coarse": Published(Rules(penalty=0.09, window=0.39, rate=0.38), 0.30),
}
"""By preset. ``davis`` holds for YouTube-VOS, too; ``vot_ld`` is PySOT's, too; ``coarse`` goes with
masks that are not refined."""
USUAL = {
    "siammask_davis": "davis",
    "siammask_vot": "vot",
    "siammask_vot_ld": "vot_ld",
    "siammask_r50_l3": "vot_ld",
}
"""Names of weights to the presets that were published with them."""


@dataclass(frozen=True, slots=True)
class SiamMaskSettings:
    """How SiamMask follows a target; None stands for what the preset says.

    Args:
        weights: Published weights by name, or a file; their authors' own and PySOT's are taken.
        preset: Published values: ``davis``, ``vot``, ``vot_ld`` (VOT with the weights of that
            name, or PySOT's) or ``coarse``. ``auto`` is what goes with the weights: ``davis`` with
            a file, ``coarse`` where masks are not refined.
        box: ``tight`` about the mask; ``rotated``: of the smallest rotated rectangle about the
            mask's largest piece, the upright box of its centre and area, its corners are
            :attr:`~spectrack.trackers.siammask.tracker.SiamMaskTracker.corners`; or ``axis``: the
            box that is followed, which knows nothing of the mask.
        refined: Draw masks with the finer layers of the backbone, as the weights named can; masks
            are coarse where weights have not learned to, as those of ``train siamese`` that begin
            without SiamMask's own.
        penalty: Strength of the penalty on changes of size and shape.
        window: Weight of the cosine window, in [0, 1].
        rate: How fast the size follows, in [0, 1].
        threshold: Probability from which on a pixel is the target's; it is one half in the masks
            that are given.
        device: ``cpu``, ``cuda``, ``cuda:1``; a GPU where there is one when ``auto``.
    """

    weights: str = "siammask_davis"
    preset: Literal["auto", "davis", "vot", "vot_ld", "coarse"] = "auto"
    box: Literal["tight", "rotated", "axis"] = "tight"
    refined: bool = True
    penalty: float | None = None
    window: float | None = None
    rate: float | None = None
    threshold: float | None = None
    device: str = "auto"

    def __post_init__(self) -> None:
        _ = self.rules  # says what is out of range
        if not 0 < self.level < 1:
            raise InputError(f"threshold is {self.level:g}; give a number between 0 and 1")

    @property
    def published(self) -> Published:
        """The preset."""
        if self.preset != "auto":
            return PUBLISHED[self.preset]
        return PUBLISHED[USUAL.get(self.weights, "davis") if self.refined else "coarse"]

    @property
    def rules(self) -> Rules:
        """How candidates are chosen and followed.

        Raises:
            InputError: If a setting is out of range.
        """
        return self.published.rules.given(self.penalty, self.window, self.rate)

    @property
    def level(self) -> float:
        """The threshold, chosen where it is not given."""
        return self.published.threshold if self.threshold is None else self.threshold
