"""RTS's and LWL's common network as graphs: look, encode masks, learn the target, segment.

The learner is one step of steepest descent: a graph has no loop that somebody else counts, and as
many calls give the same as so many iterations of :func:`spectrack.networks.dcf.minimise`. It is
written by plain convolutions here, which every runtime has.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from spectrack.networks.dcf import LEAST_CURVATURE
from spectrack.networks.few_shot import FewShotSegmenter
from spectrack.networks.resnet import LAYERS
from spectrack.networks.target_model import FILTER_SIZE
from spectrack.runtimes.graph import Given, Graph

STRIDES = {"layer1": 4, "layer2": 8, "layer3": 16, "layer4": 32}
PATCH = 32
"""Sides of patches are multiples of this."""


def maps_of(network: FewShotSegmenter) -> dict[str, Given]:
    """The backbone's layers by name."""
    return {
        name: Given(("n", network.feature_extractor.channels[name], *cells(STRIDES[name])), 0, 1)
        for name in LAYERS
    }


def cells(stride: int) -> tuple[str, str]:
    """Axes of maps of a stride."""
    return f"{PATCH // stride}h", f"{PATCH // stride}w"


def features_of(network: FewShotSegmenter) -> Given:
    """F, what the target model reads."""
    return Given(("n", width_of(network), *cells(16)), -0.1, 0.1)


def width_of(network: FewShotSegmenter) -> int:
    """Maps of F."""
    conv: torch.nn.Conv2d = network.target_model.feature_extractor[0]  # type: ignore[assignment]
    return conv.out_channels


def filter_of(network: FewShotSegmenter) -> Given:
    """The target model."""
    outputs = network.target_model.filter_optimizer.maps
    return Given((outputs, width_of(network), FILTER_SIZE, FILTER_SIZE), -0.1, 0.1)


def patches() -> Given:
    """Pictures, RGB of 0 to 255."""
    return Given(("n", 3, *cells(1)), 0, 255)


def learner_graphs(network: FewShotSegmenter) -> tuple[Graph, ...]:
    """``encode_masks`` and ``learn_target``, which are the same for all networks of the kind."""
    outputs = network.target_model.filter_optimizer.maps
    encoded = Given(("n", outputs, *cells(16)), 0, 1)
    return (
        Graph(
            "encode_masks",
            FewShotSegmenter.encode_masks,
            {"masks": Given(("n", 1, *cells(1)))},
            ("labels", "weights"),
        ),
        Graph(
            "learn_target",
            _learn_target,
            {
                "features": features_of(network),
                "labels": encoded,
                "weights": encoded,
                "filter": filter_of(network),
            },
            ("learned",),
        ),
    )


def _learn_target(
    network: FewShotSegmenter, features: Tensor, labels: Tensor, weights: Tensor, filters: Tensor
) -> Tensor:
    values = weights * (convolved(features, filters) - labels)
    strength = network.target_model.filter_optimizer.residual_module.filter_reg**2
    return descended(features, filters, values, weights, strength)


def descended(
    features: Tensor, filters: Tensor, values: Tensor, slopes: Tensor, strength: Tensor | float
) -> Tensor:
    """One step of Gauss-Newton descent with the exact length, see :mod:`spectrack.networks.dcf`.

    Args:
        features: (N, C, h, w).
        filters: (O, C, K, K).
        values: Residuals, (N, O, h', w').
        slopes: Of the residuals in the scores.
        strength: What strength |f|^2 adds to the objective.

    Returns:
        (O, C, K, K).
    """
    padding = filters.shape[-1] // 2
    # every filter's gradient is its residuals slid over the features, summed over samples
    slid = F.conv2d(features.transpose(0, 1), (slopes * values).transpose(0, 1), padding=padding)
    gradient = slid.transpose(0, 1) + strength * filters
    size = gradient.square().sum()
    curvature = (slopes * convolved(features, gradient)).square().sum() + strength * size
    return filters - size / curvature.clamp(min=LEAST_CURVATURE) * gradient


def convolved(features: Tensor, filters: Tensor) -> Tensor:
    """Scores of filters on features."""
    return F.conv2d(features, filters, padding=filters.shape[-1] // 2)


def decoded(network: FewShotSegmenter, encoding: Tensor, layers: dict[str, Tensor]) -> Tensor:
    """Logits of the size of the patches."""
    height, width = layers["layer1"].shape[-2:]
    size = STRIDES["layer1"] * height, STRIDES["layer1"] * width
    logits: Tensor = network.decoder(encoding, layers, size)
    return logits
