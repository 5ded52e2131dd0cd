"""The recipe ``dimp``: what `spectrack train dimp` takes, and what it does with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from tyro.conf import arg

from spectrack.errors import InputError
from spectrack.training.head_flags import HeadArguments
from spectrack.training.recipes import Flag

if TYPE_CHECKING:
    from torch import nn

    from spectrack.training.siamese import Learner

TRACKERS = ("dimp18", "dimp50", "prdimp18", "prdimp50", "superdimp")
SMALL = "dimp-small"
SMALL_BACKBONE = "mask_in_box"
"""Weights that come with the package; their MobileNetV2 learned to tell things from what is around
them."""


@dataclass(frozen=True, kw_only=True)
class DiMPArguments(HeadArguments):
    """Learn DiMP, PrDiMP or SuperDiMP, or a small one: the filter's learning, and IoU-Net.

    Samples are cut from annotated videos and from moving stills. Published ones begin with a ResNet
    that knew ImageNet, see --backbone-of; superdimp needs it, as layers of it stay as they are. The
    published amounts are beyond a small machine: --small takes some 25 minutes on one core, with
    SuperDiMP's losses on a MobileNetV2 whose first layers stay as they are, taken from mask_in_box
    where --backbone-of says nothing else. DATA holds DAVIS-2016 (davis2016/JPEGImages/240p,
    Annotations/240p) and stills (stills/SOURCE/images and masks). Every sixth sequence is held out:
    samples of them are judged after each epoch, and they are followed before and after.
    RUN/dimp.safetensors is for `track --tracker dimp-small --set weights=FILE`, or that of
    --tracker. With --permissive only stills whose terms allow any use are seen. A run that was
    stopped goes on when started again, and a finished one is not repeated.

    Example: spectrack train dimp --small --data DATA --out run
    """

    NAME: ClassVar[str] = "dimp"

    tracker: Annotated[str, arg(metavar="NAME")] = TRACKERS[0]
    """Which of the published ones: dimp18, dimp50, prdimp18, prdimp50, superdimp."""
    small: Flag = False
    """The small one in place of them."""

    def choices(self) -> Iterator[tuple[str, str, Iterable[str]]]:
        """The tracker."""
        yield "--tracker", self.tracker, TRACKERS

    def check(self) -> None:
        """See :meth:`RecipeArguments.check`."""
        super().check()
        if self.small and self.tracker != TRACKERS[0]:
            raise InputError("--tracker was given with --small, which has a form of its own")

    @property
    def form(self) -> str:
        """Name of the tracker that learns."""
        return SMALL if self.small else self.tracker

    def learner(self) -> Learner[Any]:
        """What is the tracker's own."""
        from spectrack.trackers.dimp.train import learner_of

        return learner_of(self.form)

    def fresh(self) -> nn.Module:
        """See :meth:`HeadArguments.fresh`."""
        from spectrack.trackers.dimp.train import fresh_network

        return fresh_network(self.form)

    def backbone_weights(self) -> str:
        """See :meth:`HeadArguments.backbone_weights`."""
        return self.backbone_of or (SMALL_BACKBONE if self.small else "")

    def _told(self) -> dict[str, Any]:
        return super()._told() | {"tracker": self.form}

    def _about(self) -> dict[str, Any]:
        about = super()._about()
        form = " --small" if self.small else f" --tracker {self.tracker}"
        return about | {"command": about["command"] + form}
