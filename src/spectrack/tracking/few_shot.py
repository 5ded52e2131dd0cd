"""The segmentation branch online: the first frame's sample, the memory, and the learned filter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from spectrack.networks.few_shot import FewShotSegmenter
from spectrack.networks.folding import for_inference
from spectrack.structures import FrameHWC
from spectrack.tracking.memory import SampleMemory, SampleWeights
from spectrack.tracking.patches import CentreCrop, pair, plan_patch
from spectrack.tracking.search_region import Placement
from spectrack.tracking.soft_window import SoftWindow

M = TypeVar("M", bound=FewShotSegmenter)


def first_sample(
    frame_hwc: FrameHWC,
    mask: SoftWindow,
    placement: Placement,
    patch_hw: tuple[int, int],
) -> tuple[Tensor, Tensor]:
    """The first frame's patch and its mask.

    Unlike later patches it is cut out of one of twice the size, so that a region that sticks out
    of the frame is moved inside by whole pixels of the patch.

    Args:
        frame_hwc: uint8 RGB.
        mask: Of the target, values in [0, 1]; its device is where the results are.
        placement: Where the target is.
        patch_hw: Size of the patch.

    Returns:
        float32 (1, 3, *patch_hw), 0 to 255, and (1, 1, *patch_hw).
    """
    patch, frame = pair(patch_hw), pair(frame_hwc.shape[:2])
    sample = np.float32(placement.scale) * patch
    sample = sample / max((sample / frame).min(), np.float32(1))
    sides = sample / patch
    scale = np.sqrt(sides[0] * sides[1])
    low = placement.pos_yx - (sample - 1) / 2
    high = placement.pos_yx + sample / 2 + 1
    shift = np.trunc((np.maximum(high - frame, 0) - np.maximum(-low, 0)) / scale)
    double_hw = (2 * patch_hw[0], 2 * patch_hw[1])
    plan = plan_patch(
        np.round(placement.pos_yx),
        scale * pair(double_hw),
        double_hw,
        (frame_hwc.shape[0], frame_hwc.shape[1]),
        "replicate",
    )
    middle = CentreCrop(double_hw, patch_hw, (int(shift[0]), int(shift[1])))
    return middle(plan.cut(frame_hwc, mask.values_hw.device)), middle(mask.cut(plan))


def for_tracking(network: M, device: torch.device, half: bool) -> M:
    """A copy of a network, made for answering, where it runs.

    Args:
        network: RTS or LWL; stays as it is.
        device: Where the copy runs.
        half: Backbone and decoder in half precision, if that is a GPU; what learns stays in single
            precision, as its sums of squares do not fit.
    """
    copy = for_inference(network).to(device)
    if half and device.type == "cuda":
        copy.feature_extractor.half()
        copy.decoder.half()
    return copy


def backbone_layers(
    network: FewShotSegmenter, patch_nchw: Tensor, layers: tuple[str, ...]
) -> Mapping[str, Tensor]:
    """Layers of the backbone for patches (N, 3, H, W) with values 0 to 255."""
    kind = next(network.feature_extractor.parameters()).dtype
    return network.extract(network.normalise(patch_nchw).to(kind), layers)


def decode(
    network: FewShotSegmenter,
    encoding_nchw: Tensor,
    layers: Mapping[str, Tensor],
    size_hw: tuple[int, int],
) -> Tensor:
    """Logits (H, W) of one patch from its mask encoding (1, O, h, w)."""
    kind = next(network.decoder.parameters()).dtype
    logits: Tensor = network.decoder(encoding_nchw.to(kind), layers, size_hw)
    return logits[0, 0].float()


class SegmentationBranch:
    """The filter that gives the mask encoding, learned from frames and their masks.

    Masks are encoded once, when they come in: encoder and memory hold no more than what learning
    reads.

    Args:
        network: RTS or LWL.
        weights: How samples are weighed; one sample is the first frame's.
        capacity: Samples in the memory.
        features_nchw: F of the first frame, (1, C, h, w).
        mask_n1hw: Its mask, (1, 1, H, W).
        steps: Of the learner in the first frame.
    """

    def __init__(
        self,
        network: FewShotSegmenter,
        weights: SampleWeights,
        capacity: int,
        features_nchw: Tensor,
        mask_n1hw: Tensor,
        steps: int,
    ) -> None:
        self._network = network
        labels, importance = network.encode_masks(mask_n1hw)
        self.filter_ockk = network.learn_target(features_nchw, labels, importance, None, steps)
        self.memory = SampleMemory(
            weights,
            capacity,
            {"features": features_nchw, "labels": labels, "importance": importance},
        )

    @property
    def cells_hw(self) -> tuple[int, int]:
        """Size of the feature maps."""
        shape = self.memory["features"].shape
        return shape[2], shape[3]

    def remember(self, features_nchw: Tensor, mask_n1hw: Tensor) -> None:
        """Take a frame with its soft mask into the memory."""
        labels, importance = self._network.encode_masks(mask_n1hw)
        self.memory.add(features=features_nchw, labels=labels, importance=importance)

    def encode(self, features_nchw: Tensor) -> Tensor:
        """Mask encoding x_m of a frame by F of it, (1, O, h, w)."""
        return self._network.encode_target(self.filter_ockk, features_nchw)

    def learn(self, steps: int) -> None:
        """Improve the filter on all that is remembered."""
        memory = self.memory
        share = memory.weights_n("importance")[:, None, None, None]
        self.filter_ockk = self._network.learn_target(
            memory["features"],
            memory["labels"],
            memory["importance"] * share,
            self.filter_ockk,
            steps,
        )
