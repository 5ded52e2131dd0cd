"""DiMP (Bhat et al., ICCV 2019), PrDiMP (Danelljan et al., CVPR 2020), SuperDiMP: the network.

A backbone whose layer3 the classifier reads, and whose layer2 and layer3 IoU-Net reads. PrDiMP has
another learner in the classifier; SuperDiMP is DiMP-50 in other numbers. Names of parameters are
those of the published checkpoints.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from spectrack.errors import InputError
from spectrack.networks.dimp_classifier import DiMPClassifier, Learner
from spectrack.networks.iou_net import AtomIoUNet
from spectrack.networks.mobilenet_v2 import MobileNetLayers
from spectrack.networks.resnet import ResNet, resnet18, resnet50

LAYERS = ("layer2", "layer3")
"""Of the backbone that are read."""


class DiMP(nn.Module):
    """The network; :func:`published_dimp` makes the published ones.

    Args:
        backbone: Gives layer2 and layer3.
        features: Maps that the classifier's filter reads.
        blocks: Residual blocks before them.
        learner: ``dimp`` or ``prdimp``.
        sigma: Width of the target's label, see :class:`DiMPClassifier`.
        filter_size: Height and width of the filter.
        iou_maps: Maps inside IoU-Net, even.
    """

    def __init__(
        self,
        backbone: ResNet | MobileNetLayers,
        features: int = 512,
        blocks: int = 0,
        learner: Learner = "dimp",
        sigma: float = 0.9,
        filter_size: int = 4,
        iou_maps: int = 256,
    ) -> None:
        super().__init__()
        fine, coarse = (backbone.channels[name] for name in LAYERS)
        self.feature_extractor = backbone
        self.classifier = DiMPClassifier(coarse, features, blocks, learner, sigma, filter_size)
        self.bb_regressor = AtomIoUNet((fine, coarse), iou_maps)

    def normalise(self, rgb_nchw: Tensor) -> Tensor:
        """What the network reads, from pictures (N, 3, H, W) with values 0 to 255."""
        return self.feature_extractor.normalise(rgb_nchw)

    def extract(self, images_nchw: Tensor) -> dict[str, Tensor]:
        """Layers of the backbone, of pictures made ready by :meth:`normalise`."""
        return self.feature_extractor(images_nchw, LAYERS)


def published_dimp(depth: int = 50, learner: Learner = "dimp", sigma: float = 0.9) -> DiMP:
    """A network of a published checkpoint.

    Args:
        depth: Of the ResNet, 18 or 50.
        learner: ``dimp`` for DiMP and SuperDiMP, ``prdimp`` for PrDiMP.
        sigma: See :class:`DiMP`; what training started with, or what PrDiMP keeps.
    """
    if depth == 18:
        return DiMP(resnet18(classes=1000), 256, 1, learner, sigma)
    if depth == 50:
        return DiMP(resnet50(classes=1000), 512, 0, learner, sigma)
    raise InputError(f"depth is {depth}; give 18 or 50")


SMALL: Mapping[str, Any] = {"features": 128, "blocks": 1, "sigma": 0.25 / 4.5 * 16, "iou_maps": 64}
"""Sizes of the small network: 1.3 million numbers, of which 0.5 in its backbone."""


def small_dimp() -> DiMP:
    """SuperDiMP's head on MobileNetV2, see ``train dimp --small``."""
    return DiMP(MobileNetLayers(), **SMALL)
