"""The recipe ``siamese``: any tracker of the family, from weights, a backbone, or nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, cast

from tyro.conf import arg

from spectrack.errors import InputError
from spectrack.training.recipes import Flag
from spectrack.training.siamese_flags import SiameseArguments

if TYPE_CHECKING:
    from spectrack.training.siamese import Learner, SiamesePlan

LEARNERS = {
    "nanotrack": "spectrack.trackers.nanotrack.train:FAMILY",
    "siamfc": "spectrack.trackers.siamfc.train:LEARNER",
    "siamrpn": "spectrack.trackers.siamrpn.train:ALEXNET",
    "siamrpn++": "spectrack.trackers.siamrpn.train:DEEP",
    "siamban": "spectrack.trackers.siamban.train:LEARNER",
    "siammask": "spectrack.trackers.siammask.train:LEARNER",
    "fear": "spectrack.trackers.fear.train:LEARNER",
}
"""Tracker to what is its own, loaded when it is used."""


@dataclass(frozen=True, kw_only=True)
class SiameseFamilyArguments(SiameseArguments):
    """Learn a Siamese tracker: SiamFC, SiamRPN, SiamBAN, SiamMask, NanoTrack, FEAR.

    Pairs are cut from annotated videos and from moving stills; labels and losses are each head's
    own. It begins with the weights of --start, or with the backbone of --backbone-of and a head
    that has learned nothing, or with nothing. The published amounts of pairs are beyond a small
    machine: --small takes some minutes on two cores, and a smaller network where it begins with
    nothing. DATA holds DAVIS-2016 (davis2016/JPEGImages/240p, Annotations/240p) and stills
    (stills/SOURCE/images and masks). Every sixth sequence is held out and followed before and
    after. RUN/siamese.safetensors is for `track --tracker NAME --set weights=FILE`. With
    --permissive only stills whose terms allow any use are seen. A run that was stopped goes on when
    started again, and a finished one is not repeated.

    Example: spectrack train siamese --small --tracker nanotrack --backbone-of nanotrack_v2
    --data DATA --out run
    """

    NAME: ClassVar[str] = "siamese"
    START_TERMS: ClassVar[str] = "what it began with and the pictures it learned from have terms"
    START_FREE: ClassVar[bool] = False

    tracker: Annotated[str, arg(metavar="NAME")] = "nanotrack"
    """Which: nanotrack, siamfc, siamrpn, siamrpn++, siamban, siammask, fear."""
    start: Annotated[str, arg(metavar="WEIGHTS")] = ""
    """Weights to start from: a name, or a file; nothing where left out."""
    backbone_of: Annotated[str, arg(metavar="WEIGHTS")] = ""
    """Weights of the same tracker of which only the backbone is taken."""
    small: Flag = False
    """Few pairs, and a small network where it begins with nothing."""
    backbone: Flag = False
    """The backbone learns, too; it does in any case where all begins with nothing."""

    def choices(self) -> Iterator[tuple[str, str, Iterable[str]]]:
        """The tracker."""
        yield "--tracker", self.tracker, LEARNERS

    def check(self) -> None:
        """See :meth:`RecipeArguments.check`."""
        super().check()
        if self.start and self.backbone_of:
            raise InputError(
                "--start and --backbone-of were given; give --start to learn on, or --backbone-of "
                "for a new head"
            )

    def learner(self) -> Learner[Any]:
        """What is the tracker's own."""
        module, name = LEARNERS[self.tracker].split(":")
        return cast("Learner[Any]", getattr(import_module(module), name))

    def begun(self, learner: Learner[Any]) -> tuple[Any, SiamesePlan]:
        """See :meth:`SiameseArguments.begun`."""
        import torch

        from spectrack.training.siamese import begun

        torch.manual_seed(self.seed)
        network = begun(learner, self.start, self.backbone_of, self.small)
        plan = learner.small if self.small and learner.small is not None else learner.plan
        if not self.start and not self.backbone_of:
            return network, plan.from_nothing()
        backbone = self.backbone or (plan.backbone and not self.small)
        fixed = plan.fixed_norms or bool(self.start)
        return network, replace(plan, backbone=backbone, fixed_norms=fixed)

    def asked(self) -> dict[str, Any]:
        """What decides the outcome."""
        return super().asked() | self._told()

    def _told(self) -> dict[str, Any]:
        return {"tracker": self.tracker, "backbone_of": self.backbone_of, "small": self.small}

    def _about(self) -> dict[str, Any]:
        """What is written into the file of weights."""
        about = super()._about() | self._told()
        if self.permissive and not self.start and not self.backbone_of:
            about["terms"] = "any use"
        small = " --small" if self.small else ""
        return about | {"command": f"{about['command']}{small} --tracker {self.tracker}"}
