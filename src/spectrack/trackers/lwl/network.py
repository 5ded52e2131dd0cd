"""LWL: learning what to learn for video object segmentation (Bhat et al., ECCV 2020), the network.

Names of parameters are those of the published checkpoints, also of the one that starts from a box.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spectrack.errors import InputError
from spectrack.networks.few_shot import FewShotSegmenter
from spectrack.networks.label_encoder import PlainBlock, fill_boxes, start
from spectrack.networks.resnet import ResNet, caffe_resnet50


class BoxLabelEncoder(nn.Module):
    """Features and a filled box to a mask encoding (LWL section 4.4).

    Args:
        features: Maps of F.
        outputs: Maps of the mask encoding.
        width: Maps between.
    """

    def __init__(self, features: int, outputs: int = 16, width: int = 64) -> None:
        super().__init__()
        self.res = nn.Sequential(PlainBlock(features + 1, width), PlainBlock(width, width))
        self.label_pred = nn.Sequential(nn.Conv2d(width, outputs, 3, padding=1), nn.ReLU())
        start(self)

    def forward(self, features_nchw: Tensor, masks_n1hw: Tensor) -> Tensor:
        """(N, C, h, w) and masks (N, 1, H, W) of any size -> (N, outputs, h, w)."""
        size = features_nchw.shape[-2:]
        masks = F.interpolate(masks_n1hw, size, mode="bilinear", align_corners=False)
        return self.label_pred(self.res(torch.cat((features_nchw, masks), 1)))


class LWL(FewShotSegmenter):
    """The network of LWL.

    Args:
        backbone: Gives layer1 to layer4.
        features: Maps of F.
        encoding: Maps of labels, weights and mask encodings.
        decoder_maps: Maps of the decoder at its finest level.
        box_start: With the encoder that starts from a box.
    """

    def __init__(
        self,
        backbone: ResNet,
        features: int = 512,
        encoding: int = 16,
        decoder_maps: int = 64,
        box_start: bool = False,
    ) -> None:
        super().__init__(backbone, features, encoding, decoder_maps)
        self.box_label_encoder = BoxLabelEncoder(features, encoding) if box_start else None

    def encode_box(
        self, features_nchw: Tensor, boxes_xywh: Tensor, image_hw: tuple[int, int]
    ) -> Tensor:
        """Mask encoding of a box, in place of what a target model gives.

        Args:
            features_nchw: (N, C, h, w) by :meth:`target_features`.
            boxes_xywh: (N, 4), in pixels of an image of size ``image_hw``; cut to whole numbers.
            image_hw: Height and width of the image.

        Returns:
            (N, encoding, h, w).

        Raises:
            InputError: Where the network was made without ``box_start``.
        """
        if self.box_label_encoder is None:
            raise InputError("this network has no box encoder; make it with box_start=True")
        boxes = fill_boxes(boxes_xywh, image_hw).to(features_nchw)
        return self.box_label_encoder(features_nchw, boxes)

    def mask_of_box(self, images_nchw: Tensor, boxes_xywh: Tensor) -> Tensor:
        """First masks: logits (N, 1, H, W) of what is in the boxes (N, 4) of whole images.

        ``images_nchw`` are made ready by :meth:`normalise` and may have any size.
        """
        height, width = images_nchw.shape[-2:]
        layers = self.extract(images_nchw)
        features = self.target_features(layers["layer3"])
        encoding = self.encode_box(features, boxes_xywh, (height, width))
        return self.decoder(encoding, layers, (height, width))

    def forward(
        self,
        train_images: Tensor,
        test_images: Tensor,
        train_masks_nshw: Tensor,
        iterations: int = 5,
        refinements: int = 0,
    ) -> Tensor:
        """Learn from frames and segment later ones, differentiable throughout.

        Args:
            train_images: (N, S, 3, H, W) made ready by :meth:`normalise`.
            test_images: (T, S, 3, H, W).
            train_masks_nshw: (N, S, H, W) in [0, 1].
            iterations: Steps of the target model.
            refinements: Steps after each test frame but the last, see :meth:`unroll`.

        Returns:
            Logits (T, S, H, W).
        """
        train, test = self.extract_both(train_images, test_images)
        return self.unroll(train, test, train_masks_nshw, None, iterations, refinements)


def lwl(box_start: bool = False) -> LWL:
    """The network of the published checkpoints, which read 480x832."""
    return LWL(caffe_resnet50(), box_start=box_start)
