"""STA: the mask of what is in a box, learned on the box itself (Zhao et al., ICCV 2021).

RTS starts from its masks where a box is given. A first target model learns from the encoding of
the box and gives a first mask; a second one learns from the encoding of that mask.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spectrack.networks.dcf import apply_filters
from spectrack.networks.label_encoder import LabelEncoder, PlainBlock, fill_boxes, start
from spectrack.networks.resnet import ResNet, caffe_resnet50
from spectrack.networks.segmentation_decoder import SegmentationDecoder
from spectrack.networks.target_model import FilterLearner, TargetModel


class BoxEncoder(nn.Module):
    """A filled box and features to labels and weights.

    Args:
        features: Maps of F.
        outputs: Maps of each head.
        widths: Maps after the first convolution, the two blocks and the block that joins.
    """

    def __init__(
        self,
        features: int,
        outputs: int = 16,
        widths: tuple[int, int, int, int] = (16, 32, 64, 128),
    ) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(nn.Conv2d(1, widths[0], 3, 2, 1), nn.ReLU())
        self.res1 = PlainBlock(widths[0], widths[1], 2)
        self.res2 = PlainBlock(widths[1], widths[2], 2)
        self.res3 = PlainBlock(widths[2] + features, widths[3])
        self.label_pred = nn.Sequential(
            nn.Conv2d(widths[3], outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()
        )
        self.samp_w_pred = nn.Conv2d(widths[3], outputs, 3, padding=1)
        start(self)
        nn.init.zeros_(self.samp_w_pred.weight)
        nn.init.constant_(self.samp_w_pred.get_parameter("bias"), 1)

    def forward(self, masks_n1hw: Tensor, features_nchw: Tensor) -> tuple[Tensor, Tensor]:
        """Masks (N, 1, H, W) and features (N, C, H/16, W/16) -> labels and weights (N, O, ...)."""
        x = F.max_pool2d(self.conv_block(masks_n1hw), 3, 2, 1)
        x = self.res3(torch.cat((self.res2(self.res1(x)), features_nchw), 1))
        return self.label_pred(x), self.samp_w_pred(x)


class SecondTargetModel(nn.Module):
    """The learner of the second filter; it reads the features of the first.

    Args:
        maps: Maps that the filter gives.
    """

    def __init__(self, maps: int) -> None:
        super().__init__()
        self.filter_optimizer = FilterLearner(maps)


@dataclass(frozen=True)
class BoxMasks:
    """What STA says, all (N, 1, H, W) logits.

    Attributes:
        first: Mask by the target model that learned from the box.
        final: Mask by the one that learned from ``first``.
    """

    first: Tensor
    final: Tensor


class STA(nn.Module):
    """The network of STA; :func:`sta` is the published one.

    Args:
        backbone: Gives layer1 to layer4.
        features: Maps of F.
        encoding: Maps of labels and weights; the decoder reads two of them.
        decoder_maps: Maps of the decoder at its finest level.
    """

    def __init__(
        self, backbone: ResNet, features: int = 512, encoding: int = 16, decoder_maps: int = 64
    ) -> None:
        super().__init__()
        self.feature_extractor = backbone
        self.target_model = TargetModel(backbone.channels["layer3"], features, encoding)
        self.target_model_segm = SecondTargetModel(encoding)
        self.decoder = SegmentationDecoder(backbone.channels, 2 * encoding, decoder_maps)
        self.label_encoder = BoxEncoder(features, encoding)
        self.bbox_encoder = BoxEncoder(features, encoding)
        self.segm_encoder = LabelEncoder(encoding)

    def normalise(self, rgb_nchw: Tensor) -> Tensor:
        """What the network should read, from pictures (N, 3, H, W) with values 0 to 255.

        The published tracker leaves this out and gives it the pictures as they are.
        """
        return self.feature_extractor.normalise(rgb_nchw)

    def forward(self, images_nchw: Tensor, boxes_xywh: Tensor, iterations: int = 5) -> BoxMasks:
        """The masks of what is in the boxes, each image for itself.

        Args:
            images_nchw: (N, 3, H, W).
            boxes_xywh: (N, 4) in pixels; cut to whole numbers.
            iterations: Steps of both target models.

        Returns:
            Both masks; use ``final``.
        """
        height, width = images_nchw.shape[-2:]
        size = (height, width)
        layers = self.feature_extractor(images_nchw)
        features = self.target_model.feature_extractor(layers["layer3"])
        boxes = fill_boxes(boxes_xywh, size).to(features)
        code, _ = self.label_encoder(boxes, features)
        labels, weights = self.bbox_encoder(boxes, features)

        def segment(learner: FilterLearner, labels: Tensor, weights: Tensor) -> Tensor:
            # One frame and N sequences: every image learns its own filter.
            filters = learner(features[None], labels[None], weights[None], iterations).filters
            encoding = apply_filters(features[None], filters)[0]
            return self.decoder(torch.cat((code, encoding), 1), layers, size)

        first = segment(self.target_model.filter_optimizer, labels, weights)
        masks = self.segm_encoder(first.sigmoid())
        return BoxMasks(first, segment(self.target_model_segm.filter_optimizer, *masks))


def sta() -> STA:
    """The network of the published checkpoint, which reads 480x832."""
    return STA(caffe_resnet50())
