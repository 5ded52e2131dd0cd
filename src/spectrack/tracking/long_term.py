"""Following that knows when it has lost the target, and then looks for it far around.

SiamRPN++'s long-term form (Li et al., CVPR 2019, section 4.3): while the score is low the place is
kept, the search region is large and the cosine window nearly gone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from spectrack.errors import InputError
from spectrack.structures import Box, FrameHWC
from spectrack.tracking.siamese import LARGEST, Candidates, Floats, Following, Place, Rules, choose


@dataclass(frozen=True, slots=True, eq=False)
class LostRules:
    """When the target is lost, and how it is looked for then.

    Args:
        low: A score below it: the target is lost, and the place is kept.
        high: A score above it: the target is there again.
        search: Side of the search region while it is lost, as the network sees it.
        window_n: The cosine window for every candidate of that region.
        window: Its weight while the target is lost.
    """

    low: float
    high: float
    search: int
    window_n: Floats
    window: float = 0.001

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.high <= 1:
            raise InputError(
                f"scores low and high are {self.low:g} and {self.high:g}; "
                "give 0 <= low <= high <= 1"
            )


class LongTermFollowing(Following):
    """As :class:`~spectrack.tracking.siamese.Following`, and with a state of being lost.

    The place may leave the frame, as in the published program; only the box that is told is cut.

    Args:
        frame_hwc: First frame, uint8 RGB.
        box: Of the target in it.
        rules: How candidates are chosen and followed while the target is seen.
        window_n: The cosine window for every candidate then.
        template: Side of the template as the network sees it,
        search: and of the search region while the target is seen.
        when_lost: See :class:`LostRules`.

    Attributes:
        lost: Whether the target is lost, and the next search region large.
    """

    def __init__(
        self,
        frame_hwc: FrameHWC,
        box: Box,
        rules: Rules,
        window_n: Floats,
        template: int,
        search: int,
        when_lost: LostRules,
    ) -> None:
        super().__init__(frame_hwc, box, rules, window_n, template, search)
        self.lost = False
        self._seen = search, window_n, rules
        loose = replace(rules, window=when_lost.window)
        self._unseen = when_lost.search, when_lost.window_n, loose
        self._when_lost = when_lost

    def cut_search(self, frame_hwc: FrameHWC) -> FrameHWC:
        """The search region of this frame, of the side that goes with the state."""
        self._search, self._window_n, self._rules = self._unseen if self.lost else self._seen
        return super().cut_search(frame_hwc)

    def move(self, box: Box) -> None:
        """Go on from another box of the frame just seen; the target is there."""
        super().move(box)
        self.lost = False

    def follow(self, found: Candidates) -> tuple[Box, float]:
        """Go to the best candidate of the last search region if its score is not too low.

        Returns:
            The target's box, and the candidate's score as it is, without penalty and window.
        """
        size_wh = self.place.w * self.scale, self.place.h * self.scale
        choice = choose(found, size_wh, self._rules, self._window_n)
        self.choice, score = choice, float(found.score[choice.best])
        if score >= self._when_lost.low:
            self.place = self._bounded(self.place.moved(found, choice, self.scale, self._rules))
        if score < self._when_lost.low:
            self.lost = True
        elif score > self._when_lost.high:
            self.lost = False
        return self.place.limited(self._size_wh).box, score

    def _bounded(self, place: Place) -> Place:
        """The place, back in the frame where it is so far off that nothing would be found again."""
        width, height = self._size_wh
        near = -width <= place.cx <= 2 * width and -height <= place.cy <= 2 * height
        small = 1 <= place.w <= LARGEST * width and 1 <= place.h <= LARGEST * height
        return place if near and small else place.limited(self._size_wh)
