"""The recipe ``nanotrack``: what `spectrack train nanotrack` takes, and what it does with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from tyro.conf import arg

from spectrack.training.siamese_flags import SiameseArguments

if TYPE_CHECKING:
    from spectrack.training.siamese import Learner


@dataclass(frozen=True, kw_only=True)
class NanoTrackArguments(SiameseArguments):
    """Learn on from weights of NanoTrack, any version.

    DATA holds DAVIS-2016 (davis2016/JPEGImages/240p, Annotations/240p) and stills
    (stills/SOURCE/images and masks). Every sixth sequence is held out and followed before and
    after. RUN/nanotrack.safetensors is for `track --set weights=FILE`. With --permissive only
    stills whose terms allow any use are seen, and clips made of them stand for the videos. A run
    that was stopped goes on when started again, and a finished one is not repeated.

    Example: spectrack train nanotrack --data DATA --start nanotrackv3.pth --out run
    """

    NAME: ClassVar[str] = "nanotrack"
    START_TERMS: ClassVar[str] = (
        "the start is Apache-2.0 where published; the pictures it was learned from have terms"
    )

    start: Annotated[str, arg(metavar="WEIGHTS")] = "nanotrack_v3"
    """Weights to start from: a name, or a file."""

    def learner(self) -> Learner[Any]:
        """What is the tracker's own."""
        from spectrack.trackers.nanotrack.train import LEARNER

        return LEARNER
