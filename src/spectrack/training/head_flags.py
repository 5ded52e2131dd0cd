"""What recipes take that learn a head on a backbone, which they may take over from elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from tyro.conf import arg

from spectrack.errors import InputError
from spectrack.training.siamese_flags import ClipArguments

if TYPE_CHECKING:
    from torch import nn

    from spectrack.training.siamese import SiamesePlan

BACKBONE = "feature_extractor."
"""How names of a backbone's parameters begin."""


@dataclass(frozen=True, kw_only=True)
class HeadArguments(ClipArguments):
    """Learn a head on a backbone."""

    START_TERMS: ClassVar[str] = "what it began with and the pictures it learned from have terms"
    START_FREE: ClassVar[bool] = False

    start: Annotated[str, arg(metavar="WEIGHTS")] = ""
    """Weights of all of it to learn on from: a name, or a file."""
    backbone_of: Annotated[str, arg(metavar="WEIGHTS")] = ""
    """Weights of which only the backbone is taken."""

    def check(self) -> None:
        """One start; and a backbone that stays as it is has to know something."""
        if self.start and self.backbone_of:
            raise InputError(
                "--start and --backbone-of were given; give --start to learn on, or --backbone-of "
                "for a new head"
            )
        if not self.start and not self.backbone_weights():
            stays = [n for n in self.learner().plan.always_frozen if n.startswith(BACKBONE)]
            if stays:
                raise InputError(
                    "neither --start nor --backbone-of was given, and the backbone stays as it is "
                    f"({', '.join(name.rstrip('.') for name in stays)}); give weights of one that "
                    "has learned"
                )

    def fresh(self) -> nn.Module:
        """A network that knows nothing; its backbone is ``feature_extractor``."""
        raise NotImplementedError

    def backbone_weights(self) -> str:
        """Weights of which only the backbone is taken; none where empty."""
        return self.backbone_of

    def begun(self, learner: Any) -> tuple[Any, SiamesePlan]:
        """See :meth:`ClipArguments.begun`."""
        import torch

        from spectrack.networks.mobilenet_v2 import MobileNetLayers
        from spectrack.networks.resnet import ResNet
        from spectrack.training.backbones import take_backbone
        from spectrack.weights.load import load_weights

        torch.manual_seed(self.seed)
        network = self.fresh()
        if self.start:
            load_weights(network, self.start)
        elif weights := self.backbone_weights():
            backbone = network.get_submodule("feature_extractor")
            assert isinstance(backbone, ResNet | MobileNetLayers)
            take_backbone(backbone, weights)
        return network, learner.plan

    def write_start(self, file: Path) -> None:
        """Write the weights that it begins with, for a tracker."""
        from spectrack.weights.files import write_weights

        learner = self.learner()
        network, _ = self.begun(learner)
        write_weights(file, network.state_dict(), {**self._about(), **learner.tell(network)})

    def asked(self) -> dict[str, Any]:
        """What decides the outcome."""
        return super().asked() | self._told()

    def _told(self) -> dict[str, Any]:
        return {"backbone_of": "" if self.start else self.backbone_weights()}

    def _about(self) -> dict[str, Any]:
        """What is written into the file of weights."""
        return super()._about() | self._told()
