"""The network of ATOM: a backbone, and IoU-Net on it (Danelljan et al., CVPR 2019, Fig. 2).

Names of parameters are those of the published checkpoint. The classifier is no part of it: it is
learned online, from random numbers, see ``networks/gauss_newton.py``.
"""

from __future__ import annotations

from torch import nn

from spectrack.networks.iou_net import AtomIoUNet
from spectrack.networks.resnet import ResNet, resnet18


class ATOM(nn.Module):
    """The network; :func:`atom18` is the published one.

    Args:
        backbone: Gives layer2 and layer3.
        maps: Maps inside IoU-Net.
    """

    def __init__(self, backbone: ResNet, maps: int = 256) -> None:
        super().__init__()
        self.feature_extractor = backbone
        channels = backbone.channels
        self.bb_regressor = AtomIoUNet((channels["layer2"], channels["layer3"]), maps)


def atom18() -> ATOM:
    """The network of the published checkpoint, whose backbone kept its layer of classes."""
    return ATOM(resnet18(classes=1000))
