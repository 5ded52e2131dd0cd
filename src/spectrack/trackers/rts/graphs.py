"""RTS's network as graphs: those of the segmentation branch, and those of the instance branch."""

from __future__ import annotations

import torch
from torch import Tensor

from spectrack.networks.resnet import LAYERS
from spectrack.runtimes.few_shot import (
    cells,
    convolved,
    decoded,
    descended,
    features_of,
    filter_of,
    learner_graphs,
    maps_of,
    patches,
    width_of,
)
from spectrack.runtimes.graph import Given, Graph
from spectrack.trackers.rts.network import INSTANCE_REGULARISATION, RTS

_NEAR, _BACKGROUND = 0.05, 0.1
"""Labels above are near the target; how much residuals count away from it (``hinge_residual``)."""


def graphs_of(network: RTS) -> tuple[Graph, ...]:
    """``look`` at patches, what learns both models by steps, ``score``, and ``segment`` with both.

    The target model has ``encode_masks`` and ``learn_target``; the instance model
    ``first_instance`` and ``learn_instance``, and scores a row and a column larger than its maps.
    """
    layers = maps_of(network)
    side = network.classifier.filter_initializer.size
    instance = Given(("n", width_of(network), *cells(32)), -0.1, 0.1)
    kernel = Given((width_of(network), side, side), -0.1, 0.1)
    boxes = Given(("n", 4), 20, 60)
    seen = {
        "filter": filter_of(network),
        "features": features_of(network),
        **layers,
        "instance": instance,
        "instance_filter": kernel,
    }
    return (
        Graph("look", _look, {"rgb": patches()}, (*layers, "features", "instance")),
        *learner_graphs(network),
        Graph(
            "first_instance",
            _first_instance,
            {"instance": instance, "boxes_xywh": boxes},
            ("instance_filter",),
        ),
        Graph(
            "learn_instance",
            _learn_instance,
            {
                "instance": instance,
                "middles_yx": Given(("n", 2), 0, 3),
                "sigma": Given((), 0.5, 1),
                "sample_weights": Given(("n",), 0.1, 1),
                "instance_filter": kernel,
            },
            ("learned",),
        ),
        Graph("score", _score, {"instance_filter": kernel, "instance": instance}, ("scores",)),
        Graph("segment", _segment, seen, ("logits", "scores")),
    )


def _look(network: RTS, rgb: Tensor) -> tuple[Tensor, ...]:
    layers = network.extract(network.normalise(rgb))
    maps = network.target_features(layers["layer3"]), network.instance_features(layers["layer3"])
    return *(layers[name] for name in LAYERS), *maps


def _segment(network: RTS, *given: Tensor) -> tuple[Tensor, Tensor]:
    (filters, features), (instance, kernel) = given[:2], given[-2:]
    layers = dict(zip(LAYERS, given[2:-2], strict=True))
    scores = _score(network, kernel, instance)
    joined = network.condition(convolved(features, filters), scores)
    return decoded(network, joined, layers), scores


def _score(network: RTS, kernel_ckk: Tensor, instance: Tensor) -> Tensor:
    del network  # the filter is all
    return convolved(instance, kernel_ckk[None])[:, 0]


def _learn_instance(
    network: RTS,
    instance: Tensor,
    middles_yx: Tensor,
    sigma: Tensor,
    sample_weights: Tensor,
    kernel_ckk: Tensor,
) -> Tensor:
    """A step on labels that are Gaussians about the middles, in cells of the score maps."""
    del network
    scores = convolved(instance, kernel_ckk[None])
    down, across = (
        torch.exp(-((torch.arange(scores.shape[axis]) - at[:, None]) ** 2) / (2 * sigma**2))
        for axis, at in zip((2, 3), middles_yx.unbind(1), strict=True)
    )
    labels = (down[:, :, None] * across[:, None])[:, None]
    mask = ((labels > _NEAR).to(labels.dtype) + _BACKGROUND).clamp(max=1)
    factor = sample_weights.sqrt()[:, None, None, None]
    slopes = (1 - mask) / 2 * scores.sign() + (1 + mask) / 2
    values = factor * (slopes * scores - mask * labels)
    strength = INSTANCE_REGULARISATION**2
    return descended(instance, kernel_ckk[None], values, factor * slopes, strength)[0]


def _first_instance(network: RTS, instance: Tensor, boxes_xywh: Tensor) -> Tensor:
    """P by the means of all pixels: where the others read near a box alone, a graph cannot."""
    part = network.classifier.filter_initializer
    maps = part.filter_conv(instance)
    start, size = boxes_xywh[:, :2] * part.pool_scale, boxes_xywh[:, 2:] * part.pool_scale
    down = _bins(start[:, 1], size[:, 1], part.size, maps.shape[2])
    across = _bins(start[:, 0], size[:, 0], part.size, maps.shape[3])
    means = down[:, None] @ maps @ across[:, None].mT
    return means.mean(0)


def _bins(start: Tensor, size: Tensor, bins: int, pixels: int) -> Tensor:
    """Weights (N, bins, pixels) of a line of pixels, bilinear between them, in equal bins."""
    edges = start[:, None] + size[:, None] * torch.arange(bins + 1) / bins
    t = (edges[:, :, None] - torch.arange(pixels)).clamp(-1, 1)
    below = torch.where(t < 0, (t + 1) ** 2 / 2, 1 - (1 - t) ** 2 / 2)
    share = torch.where(size > 0, bins / size.clamp(min=1e-12), 0.0)
    return share[:, None, None] * (below[:, 1:] - below[:, :-1])
