"""What RTS, LWL and STA share: features, a filter learned from labelled frames, a decoder.

The target model T is a 3x3 filter on features F; it is learned at run time from the labels E that
an encoder makes of masks, with weights W that it makes as well (LWL section 3; RTS section 3.2).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from spectrack.errors import InputError
from spectrack.networks.dcf import Descent, apply_filters, descend, feature_head, weighted_residual
from spectrack.networks.label_encoder import LabelEncoder
from spectrack.networks.resnet import LAYERS, ResNet
from spectrack.networks.segmentation_decoder import SegmentationDecoder

FILTER_SIZE = 3


class _Regularisation(nn.Module):
    """The strength of the filter's regularisation, learned; its square counts."""

    def __init__(self) -> None:
        super().__init__()
        self.filter_reg = nn.Parameter(torch.full((1,), 0.01))


class FilterLearner(nn.Module):
    """Steepest descent on the few-shot objective (LWL Eq. 3-5).

    Args:
        maps: O, maps that the filter gives.
    """

    def __init__(self, maps: int) -> None:
        super().__init__()
        self.maps = maps
        self.residual_module = _Regularisation()

    def forward(
        self,
        features_nschw: Tensor,
        labels_nsohw: Tensor,
        weights_nsohw: Tensor | None,
        iterations: int,
        start: Tensor | None = None,
        keep: bool = False,
    ) -> Descent:
        """Learn filters (S, O, C, 3, 3), from zero or from ``start``; see :func:`descend`."""
        if start is None:
            sequences, channels = features_nschw.shape[1:3]
            shape = (sequences, self.maps, channels, FILTER_SIZE, FILTER_SIZE)
            start = features_nschw.new_zeros(shape)
        return descend(
            start,
            features_nschw,
            weighted_residual(labels_nsohw, weights_nsohw),
            self.residual_module.filter_reg,
            iterations,
            keep,
        )


class TargetModel(nn.Module):
    """Features F and the learner of the filter on them.

    Args:
        inputs: Maps of the backbone's layer 3.
        features: Maps of F.
        maps: Maps that the filter gives.
    """

    def __init__(self, inputs: int, features: int, maps: int) -> None:
        super().__init__()
        self.feature_extractor = feature_head(inputs, features)
        self.filter_optimizer = FilterLearner(maps)


class FewShotSegmenter(nn.Module):
    """A network that learns from labelled frames what to segment.

    Args:
        backbone: Gives layer1 to layer4.
        features: Maps of F.
        encoding: Maps of labels, weights and mask encodings.
        decoder_maps: Maps of the decoder at its finest level.
    """

    def __init__(
        self, backbone: ResNet, features: int = 512, encoding: int = 16, decoder_maps: int = 64
    ) -> None:
        super().__init__()
        self.feature_extractor = backbone
        self.target_model = TargetModel(backbone.channels["layer3"], features, encoding)
        self.label_encoder = LabelEncoder(encoding)
        self.decoder = SegmentationDecoder(backbone.channels, encoding, decoder_maps)

    def normalise(self, rgb_nchw: Tensor) -> Tensor:
        """What the network reads, from pictures (N, 3, H, W) with values 0 to 255."""
        return self.feature_extractor.normalise(rgb_nchw)

    def extract(self, images_nchw: Tensor, layers: Iterable[str] = LAYERS) -> dict[str, Tensor]:
        """Layers of the backbone, of pictures made ready by :meth:`normalise`."""
        return self.feature_extractor(images_nchw, layers)

    def target_features(self, layer3_nchw: Tensor) -> Tensor:
        """F: what the target model reads, (N, features, H/16, W/16)."""
        return self.target_model.feature_extractor(layer3_nchw)

    def encode_masks(self, masks_n1hw: Tensor) -> tuple[Tensor, Tensor]:
        """E and W of masks in [0, 1]: labels and weights, both (N, encoding, H/16, W/16)."""
        return self.label_encoder(masks_n1hw)

    def learn_target(
        self,
        features_nchw: Tensor,
        labels_nchw: Tensor,
        weights_nchw: Tensor | None = None,
        filter_ockk: Tensor | None = None,
        iterations: int = 20,
    ) -> Tensor:
        """A: learn the target model of one sequence (RTS Eq. 1).

        Args:
            features_nchw: (N, C, h, w) by :meth:`target_features`.
            labels_nchw: (N, O, h, w) by :meth:`encode_masks`.
            weights_nchw: What residuals are multiplied by, broadcast over the labels; the objective
                has their squares. sqrt(1 / N) where left out.
            filter_ockk: Start; zeros where left out.
            iterations: Steps of steepest descent.

        Returns:
            The filter, (O, C, 3, 3).
        """
        found = self.target_model.filter_optimizer(
            features_nchw[:, None],
            labels_nchw[:, None],
            None if weights_nchw is None else weights_nchw[:, None],
            iterations,
            None if filter_ockk is None else filter_ockk[None],
        )
        return found.filters[0]

    def encode_target(self, filter_ockk: Tensor, features_nchw: Tensor) -> Tensor:
        """T: the mask encoding x_m of the frames, (N, O, h, w)."""
        return apply_filters(features_nchw[:, None], filter_ockk[None])[:, 0]

    def condition(self, encoding_nchw: Tensor, scores_nhw: Tensor | None) -> Tensor:
        """Join the mask encoding with scores of an instance branch, where a network has one."""
        if scores_nhw is not None:
            raise InputError("scores were given to a network without instance branch; give None")
        return encoding_nchw

    def segment(
        self,
        filter_ockk: Tensor,
        layers: Mapping[str, Tensor],
        target_features: Tensor,
        scores_nhw: Tensor | None,
        size_hw: tuple[int, int],
    ) -> Tensor:
        """D(T(x) + H(s)): logits of the target in frames of one sequence.

        Args:
            filter_ockk: By :meth:`learn_target`.
            layers: By :meth:`extract`.
            target_features: By :meth:`target_features`, (N, C, h, w).
            scores_nhw: Of the instance branch, or None to leave it out.
            size_hw: Height and width of the answer.

        Returns:
            (N, 1, *size_hw).
        """
        encoding = self.encode_target(filter_ockk, target_features)
        return self.decoder(self.condition(encoding, scores_nhw), layers, size_hw)
