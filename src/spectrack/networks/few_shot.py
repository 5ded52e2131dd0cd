"""What RTS and LWL share: a network that learns from labelled frames what to segment.

Its target model is learned at run time from the labels E that an encoder makes of masks, with
weights W that it makes as well (LWL section 3; RTS section 3.2).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from spectrack.errors import InputError
from spectrack.networks.dcf import apply_filters
from spectrack.networks.label_encoder import LabelEncoder
from spectrack.networks.resnet import LAYERS, ResNet
from spectrack.networks.segmentation_decoder import SegmentationDecoder
from spectrack.networks.target_model import TargetModel


@dataclass(frozen=True)
class Frames:
    """What the backbone and F say of frames of several sequences.

    Attributes:
        layers: Maps of the backbone, (N * S, C, H / s, W / s), frames first.
        features: F, (N, S, C, H / 16, W / 16).
        size_hw: Height and width of the frames.
    """

    layers: dict[str, Tensor]
    features: Tensor
    size_hw: tuple[int, int]


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

    def extract_both(self, train_images: Tensor, test_images: Tensor) -> tuple[Frames, Frames]:
        """Run the backbone and F once over training and test frames, (N, S, 3, H, W) each."""
        both = torch.cat((train_images, test_images))
        frames, sequences, _, height, width = both.shape
        layers = self.extract(both.flatten(0, 1))
        features = self.target_features(layers["layer3"])
        cut = len(train_images) * sequences

        def part(of: slice, frames: int) -> Frames:
            grid = (frames, sequences, *features.shape[1:])
            own = {name: maps[of] for name, maps in layers.items()}
            return Frames(own, features[of].view(grid), (height, width))

        train, test = len(train_images), frames - len(train_images)
        return part(slice(None, cut), train), part(slice(cut, None), test)

    def unroll(
        self,
        train: Frames,
        test: Frames,
        train_masks_nshw: Tensor,
        scores_tshw: Tensor | None,
        iterations: int,
        refinements: int = 0,
    ) -> Tensor:
        """Learn the target models of all sequences and segment the test frames in their order.

        Args:
            train: Frames with masks.
            test: Frames to segment.
            train_masks_nshw: (N, S, H, W) in [0, 1].
            scores_tshw: Of the instance branch on the test frames, or None.
            iterations: Steps on the training frames.
            refinements: Steps after each test frame but the last, on all frames so far with the
                masks found; the next frame is segmented with the refined filter, as the papers
                say. 0 is what the published training does in effect: it refines, but segments
                all frames with the first filter.

        Returns:
            Logits (T, S, H, W).
        """
        learn = self.target_model.filter_optimizer
        features = train.features
        labels, weights = self._encode(train_masks_nshw)
        filters = learn(features, labels, weights, iterations).filters
        frames = len(test.features)
        if not refinements:
            return self._decode(filters, test, scores_tshw, range(frames))
        logits: list[Tensor] = []
        for t in range(frames):
            if t > 0:
                found = self._encode(logits[-1].sigmoid().detach())
                features = torch.cat((features, test.features[t - 1 : t]))
                labels, weights = torch.cat((labels, found[0])), torch.cat((weights, found[1]))
                filters = learn(features, labels, weights, refinements, filters).filters
            logits.append(self._decode(filters, test, scores_tshw, range(t, t + 1)))
        return torch.cat(logits)

    def _encode(self, masks_nshw: Tensor) -> tuple[Tensor, Tensor]:
        labels, weights = self.encode_masks(masks_nshw.flatten(0, 1)[:, None])
        grid = (*masks_nshw.shape[:2], *labels.shape[1:])
        return labels.view(grid), weights.view(grid)

    def _decode(
        self, filters: Tensor, frames: Frames, scores_tshw: Tensor | None, which: range
    ) -> Tensor:
        chosen = slice(which.start, which.stop)
        encoding = apply_filters(frames.features[chosen], filters)
        sequences = encoding.shape[1]
        flat = slice(which.start * sequences, which.stop * sequences)
        layers = {name: maps[flat] for name, maps in frames.layers.items()}
        scores = None if scores_tshw is None else scores_tshw[chosen].flatten(0, 1)
        joined = self.condition(encoding.flatten(0, 1), scores)
        logits = self.decoder(joined, layers, frames.size_hw)
        return logits.view(len(which), sequences, *frames.size_hw)
