"""The two backbones of D3S: the segmentation network's own, and the one that the filter reads.

They are not to be exchanged: the published segmentation network was trained with statistics of its
normalisations that it counted on, and the filter's thresholds belong to torchvision's network.
"""

from __future__ import annotations

from typing import TypeVar

from torch import nn

from spectrack.errors import InputError
from spectrack.networks.resnet import ResNet
from spectrack.trackers.d3s.network import D3S
from spectrack.weights.networks import load_network

M = TypeVar("M", bound=nn.Module)
USUAL = "resnet50"
"""Weights that the published filter reads features with."""
UNUSED = ("layer4", "fc")


def filter_backbone(weights: str, network: D3S) -> ResNet | D3S:
    """What a filter reads features with.

    Args:
        weights: See :class:`~spectrack.trackers.d3s.settings.D3SSettings`.
        network: Of the segmentation.

    Returns:
        A ResNet of its own; the network where its backbone serves both.

    Raises:
        InputError: If such weights are not to be had, or are of no ResNet.
    """
    if not weights and not isinstance(network.feature_extractor, ResNet):
        return network
    try:
        return load_network(weights or USUAL, ResNet).network
    except InputError as error:
        raise InputError(f"for the filter of D3S: {error}") from error


def without_classes(module: M) -> M:
    """The same module; its ResNets have lost what no tracker asks for."""
    for part in module.modules():
        if isinstance(part, ResNet):
            for name in UNUSED:
                if name in part._modules:
                    del part._modules[name]
            part.channels.pop("layer4", None)
    return module
