"""KYS: know your surroundings (Bhat et al., ECCV 2020), the network.

DiMP-50's backbone, classifier and IoU-Net, and a predictor of responses beside them. Names of
parameters are those of the published checkpoint.
"""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn

from spectrack.networks.dimp_classifier import DiMPClassifier
from spectrack.networks.iou_net import AtomIoUNet
from spectrack.networks.mobilenet_v2 import MobileNetLayers
from spectrack.networks.resnet import ResNet, resnet50
from spectrack.trackers.kys.predictor import ResponsePredictor


class KYS(nn.Module):
    """The network of KYS; :func:`kys50` is the published one.

    Args:
        backbone: Gives layer2 and layer3.
        features: Maps that the classifier's filter reads.
        blocks: Residual blocks before them.
        iou_maps: Maps inside IoU-Net, even.
        filter_size: Height and width of the filter, even.
    """

    def __init__(
        self,
        backbone: ResNet | MobileNetLayers,
        features: int = 512,
        blocks: int = 0,
        iou_maps: int = 256,
        filter_size: int = 4,
    ) -> None:
        super().__init__()
        inputs = (backbone.channels["layer2"], backbone.channels["layer3"])
        self.backbone_feature_extractor = backbone
        self.dimp_classifier = DiMPClassifier(inputs[1], features, blocks, filter_size=filter_size)
        self.predictor = nn.ModuleDict({"predictor": ResponsePredictor()})
        self.bb_regressor = AtomIoUNet(inputs, iou_maps)

    @property
    def responses(self) -> ResponsePredictor:
        """The response predictor, which published checkpoints hold one level down."""
        return cast(ResponsePredictor, self.predictor["predictor"])

    def normalise(self, rgb_nchw: Tensor) -> Tensor:
        """What the network reads, from pictures (N, 3, H, W) with values 0 to 255."""
        return self.backbone_feature_extractor.normalise(rgb_nchw)


def kys50() -> KYS:
    """KYS as published, with ResNet-50."""
    return KYS(resnet50(classes=1000))
