"""The recipe ``atom``: what `spectrack train atom` takes, and what it does with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from spectrack.training.head_flags import HeadArguments

if TYPE_CHECKING:
    from torch import nn

    from spectrack.training.siamese import Learner


@dataclass(frozen=True, kw_only=True)
class ATOMArguments(HeadArguments):
    """Learn ATOM's IoU-Net on a backbone that stays; its classifier learns while it tracks.

    Pairs are cut from annotated videos and from moving stills. The published training has 50 epochs
    of 64,000 pairs, which takes days on a CPU: --epochs and --samples make it shorter. It begins
    with a ResNet-18 that knew ImageNet, see --backbone-of. DATA holds DAVIS-2016
    (davis2016/JPEGImages/240p, Annotations/240p) and stills (stills/SOURCE/images and masks). Every
    sixth sequence is held out: pairs of them are judged after each epoch, and they are followed
    before and after. RUN/atom.safetensors is for `track --tracker atom --set weights=FILE`. With
    --permissive only stills whose terms allow any use are seen. A run that was stopped goes on when
    started again, and a finished one is not repeated.

    Example: spectrack train atom --data DATA --backbone-of resnet18.safetensors --out run
    """

    NAME: ClassVar[str] = "atom"

    def learner(self) -> Learner[Any]:
        """What is the tracker's own."""
        from spectrack.trackers.atom.train import LEARNER

        return LEARNER

    def fresh(self) -> nn.Module:
        """See :meth:`HeadArguments.fresh`."""
        from spectrack.trackers.atom.network import atom18

        return atom18()
