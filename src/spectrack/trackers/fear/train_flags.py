"""The recipe ``fear``: what `spectrack train fear` takes, and what it does with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from tyro.conf import arg

from spectrack.training.recipes import Flag
from spectrack.training.siamese_flags import SiameseArguments

if TYPE_CHECKING:
    from spectrack.training.siamese import Learner


@dataclass(frozen=True, kw_only=True)
class FEARArguments(SiameseArguments):
    """Learn on from weights of FEAR-XS: what says how large the target is, not what finds it.

    DATA holds DAVIS-2016 (davis2016/JPEGImages/240p, Annotations/240p) and stills
    (stills/SOURCE/images and masks). Every sixth sequence is held out and followed before and
    after. RUN/fear.safetensors is for `track --set weights=FILE`. With --permissive only
    stills whose terms allow any use are seen, and clips made of them stand for the videos. A run
    that was stopped goes on when started again, and a finished one is not repeated.

    Example: spectrack train fear --data DATA --start fear_xs --out run
    """

    NAME: ClassVar[str] = "fear"
    START_TERMS: ClassVar[str] = (
        "the start is MIT where published, but research use: its backbone began with weights of a "
        "project under CC BY-NC 4.0"
    )
    START_FREE: ClassVar[bool] = False

    start: Annotated[str, arg(metavar="WEIGHTS")] = "fear_xs"
    """Weights to start from: a name, or a file."""

    backbone: Flag = False
    """All of the network learns, the backbone at a tenth of the rate."""

    def learner(self) -> Learner[Any]:
        """What is the tracker's own."""
        from spectrack.trackers.fear.train import LEARNER

        return LEARNER
