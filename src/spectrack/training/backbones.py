"""Backbones of other weights, for networks whose heads have learned nothing yet."""

from __future__ import annotations

from spectrack.errors import InputError
from spectrack.networks.mask_in_box import MaskInBox
from spectrack.networks.mobilenet_v2 import MobileNetLayers, MobileNetV2
from spectrack.networks.resnet import ResNet
from spectrack.weights.files import read_weights
from spectrack.weights.load import find_weights
from spectrack.weights.matching import compare, shapes_of
from spectrack.weights.networks import load_network

WITHIN = "feature_extractor."
"""How names of a backbone begin in checkpoints of whole trackers."""


def take_backbone(backbone: ResNet | MobileNetLayers, weights: str) -> None:
    """Give a backbone the numbers of other weights.

    Args:
        backbone: Changed in place.
        weights: A name of the table or a file: for MobileNetV2 of one, or of the mask in a box,
            which has one; else of a ResNet of the same depth, alone or within a tracker's.

    Raises:
        InputError: If they cannot be read, or do not fit.
    """
    if isinstance(backbone, MobileNetLayers):
        backbone.start_from(_mobilenet(weights))
        return
    given = read_weights(find_weights(weights)).tensors
    inside = {n.removeprefix(WITHIN): t for n, t in given.items() if n.startswith(WITHIN)}
    found = inside or dict(given)
    differences = compare(shapes_of(backbone.state_dict()), shapes_of(found))
    if len(differences):
        raise InputError(
            f"weights {weights} do not fit the backbone: {differences.text()}; give a ResNet of "
            "the same depth with the names of torchvision"
        )
    backbone.load_state_dict(found)


def _mobilenet(weights: str) -> MobileNetV2:
    try:
        return load_network(weights, MaskInBox).network.backbone
    except InputError:
        return load_network(weights, MobileNetV2).network
