"""RTS: robust visual tracking by segmentation (Paul et al., ECCV 2022), the network.

Names of parameters are those of the published checkpoint. Paper's names: backbone B; F, E, W, A, T
in ``few_shot``; here G, P and the instance model (section 3.3), H and the conditioning
x_f = x_m + H(s) (section 3.4).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spectrack.errors import InputError
from spectrack.networks.dcf import Descent, apply_filters, descend, feature_head, hinge_residual
from spectrack.networks.few_shot import FewShotSegmenter
from spectrack.networks.filter_initializer import FilterInitializer
from spectrack.networks.label_encoder import LabelEncoder, start
from spectrack.networks.resnet import ResNet, caffe_resnet50

POOL_SCALE = 1 / 16
"""Scale of boxes when the first filter is pooled. The maps have stride 32, so that twice the box is
read, often past the maps' edge; the published checkpoint learned it so."""

INSTANCE_REGULARISATION = 0.01


class InstanceBranch(nn.Module):
    """Features G and the first filter P of the instance model.

    Args:
        inputs: Maps of the backbone's layer 3.
        features: Maps of G.
        filter_size: Height and width of the filter.
        pool_scale: What boxes are multiplied by to be pooled.
    """

    def __init__(self, inputs: int, features: int, filter_size: int, pool_scale: float) -> None:
        super().__init__()
        self.filter_initializer = FilterInitializer(features, filter_size, pool_scale)
        self.feature_extractor = feature_head(inputs, features, stride=2)
        start(self)
        nn.init.zeros_(self.filter_initializer.filter_conv.get_parameter("bias"))

    def learn(
        self,
        filters: Tensor,
        features_nschw: Tensor,
        labels_nshw: Tensor,
        weights: Tensor | None,
        iterations: int,
        keep: bool = False,
    ) -> Descent:
        """Improve filters (S, 1, C, K, K) on samples with Gaussian labels; see :func:`descend`."""
        residual = hinge_residual(labels_nshw[:, :, None], weights)
        return descend(filters, features_nschw, residual, INSTANCE_REGULARISATION, iterations, keep)


@dataclass(frozen=True)
class RTSOutput:
    """What training looks at.

    Attributes:
        logits_tshw: Masks of the test frames.
        scores_itshw: Scores of the instance branch on them, by each iterate of its filter with
            the first one.
    """

    logits_tshw: Tensor
    scores_itshw: Tensor


class RTS(FewShotSegmenter):
    """The network of RTS; :func:`rts50` is the published one.

    Args:
        backbone: Gives layer1 to layer4.
        features: Maps of F and G.
        encoding: Maps of labels, weights and mask encodings.
        decoder_maps: Maps of the decoder at its finest level.
        filter_size: Height and width of the instance filter, even.
        pool_scale: What boxes are multiplied by to pool the first instance filter; 1 / 32 is where
            they are in the maps of G.
    """

    def __init__(
        self,
        backbone: ResNet,
        features: int = 512,
        encoding: int = 16,
        decoder_maps: int = 64,
        filter_size: int = 4,
        pool_scale: float = POOL_SCALE,
    ) -> None:
        super().__init__(backbone, features, encoding, decoder_maps)
        self.clf_encoder = LabelEncoder(encoding, stride=1)
        self.classifier = InstanceBranch(
            backbone.channels["layer3"], features, filter_size, pool_scale
        )

    def instance_features(self, layer3_nchw: Tensor) -> Tensor:
        """G: what the instance model reads, (N, features, H/32, W/32)."""
        return self.classifier.feature_extractor(layer3_nchw)

    def first_instance_filter(self, features_nchw: Tensor, boxes_xywh: Tensor) -> Tensor:
        """P: the instance filter before learning.

        Args:
            features_nchw: (N, C, h, w) by :meth:`instance_features`, samples of one target.
            boxes_xywh: (N, 4), the target's box in each, in pixels of the network's input.

        Returns:
            (C, K, K).
        """
        if boxes_xywh.shape != (len(features_nchw), 4):
            raise InputError(
                f"boxes have shape {tuple(boxes_xywh.shape)}; give one box (x, y, w, h) for each"
                f" of the {len(features_nchw)} samples"
            )
        return self.classifier.filter_initializer(features_nchw[:, None], boxes_xywh[:, None])[0, 0]

    def learn_instance(
        self,
        filter_ckk: Tensor,
        features_nchw: Tensor,
        labels_nhw: Tensor,
        weights_n: Tensor | None = None,
        iterations: int = 10,
    ) -> Tensor:
        """Improve the instance filter on samples of one target.

        Args:
            filter_ckk: (C, K, K), start.
            features_nchw: (N, C, h, w) by :meth:`instance_features`.
            labels_nhw: (N, h + 1, w + 1), a Gaussian at the target.
            weights_n: (N,), not negative; 1 / N where left out.
            iterations: Gauss-Newton steps.

        Returns:
            (C, K, K).
        """
        found = self.classifier.learn(
            filter_ckk[None, None], features_nchw[:, None], labels_nhw[:, None], weights_n,
            iterations,
        )  # fmt: skip
        return found.filters[0, 0]

    def instance_scores(self, filter_ckk: Tensor, features_nchw: Tensor) -> Tensor:
        """Scores of the target, (N, h + 1, w + 1)."""
        return apply_filters(features_nchw[:, None], filter_ckk[None, None])[:, 0, 0]

    def condition(self, encoding_nchw: Tensor, scores_nhw: Tensor | None) -> Tensor:
        """x_f = x_m + H(s): the mask encoding, with the encoded scores where there are any."""
        if scores_nhw is None:
            return encoding_nchw
        encoded = self.clf_encoder.labels(scores_nhw[:, None])
        size = encoding_nchw.shape[-2:]
        return encoding_nchw + F.interpolate(encoded, size, mode="bilinear", align_corners=False)

    def forward(
        self,
        train_images: Tensor,
        test_images: Tensor,
        train_masks_nshw: Tensor,
        train_boxes_nsxywh: Tensor,
        train_labels_nshw: Tensor,
        iterations: int = 5,
        refinements: int = 0,
    ) -> RTSOutput:
        """Learn from frames and segment later ones, differentiable throughout.

        Args:
            train_images: (N, S, 3, H, W) made ready by :meth:`normalise`.
            test_images: (T, S, 3, H, W).
            train_masks_nshw: (N, S, H, W) in [0, 1].
            train_boxes_nsxywh: (N, S, 4) in pixels.
            train_labels_nshw: (N, S, H/32 + 1, W/32 + 1), a Gaussian at the target.
            iterations: Steps of both branches.
            refinements: Steps after each test frame but the last, see :meth:`unroll`.

        Returns:
            Logits, and scores of all iterates.
        """
        train, test = self.extract_both(train_images, test_images)
        sequences = train_images.shape[1]
        layer3 = torch.cat((train.layers["layer3"], test.layers["layer3"]))
        maps = self.instance_features(layer3)
        maps = maps.view(-1, sequences, *maps.shape[1:])
        learned, looked_at = maps[: len(train_images)], maps[len(train_images) :]
        first = self.classifier.filter_initializer(learned, train_boxes_nsxywh)
        found = self.classifier.learn(
            first, learned, train_labels_nshw, None, iterations, keep=True
        )
        scores = torch.stack([apply_filters(looked_at, f)[:, :, 0] for f in found.iterates])
        logits = self.unroll(train, test, train_masks_nshw, scores[-1], iterations, refinements)
        return RTSOutput(logits, scores)


def rts50() -> RTS:
    """The network of the published checkpoint; its input is 480x832."""
    return RTS(caffe_resnet50())
