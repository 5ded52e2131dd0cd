"""NanoTrack's published ONNX graphs, told layer by layer, as weights of its network.

Their normalisations are folded into the convolutions. Here those become ones that do nothing but
add the bias, so that the tensors have the names of the checkpoints and load like them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from spectrack.trackers.nanotrack.network import NanoTrack, Version
from spectrack.weights.onnx import GraphLayer

ORDER: dict[Version, tuple[str, ...]] = {
    "v1": ("corr_pw", "cls_tower", "cls_logits", "bbox_tower", "bbox_pred"),
    "v2": (
        "corr_pw_reg",
        "corr_pw_cls",
        "cls_pw_tower",
        "cls_pred",
        "bbox_pw_tower",
        "bbox_pred",
    ),
    "v3": (
        "corr_pw_reg",
        "corr_pw_cls",
        "corr_dw_reg",
        "corr_dw_cls",
        "down_reg",
        "down_cls",
        "cls_tower",
        "cls_logits",
        "bbox_tower",
        "bbox_pred",
    ),
}
"""Parts of the head in the order of the published graph; the backbone comes before."""

Layer = nn.Conv2d | nn.Linear
Pair = tuple[Layer, nn.BatchNorm2d | None]


def weights_of_graphs(layers: Sequence[GraphLayer]) -> dict[str, Tensor] | None:
    """The tensors of NanoTrack, any version, from the layers of backbone and head.

    Args:
        layers: Of the backbone's graph, then of the head's.

    Returns:
        Name to tensor as in the published checkpoints; None where they are of another network.
    """
    given = [tuple(layer.weight.shape) for layer in layers]
    for version in ORDER:
        network = NanoTrack(version)
        own = list(_pairs(network))
        fits = given == [tuple(layer.weight.shape) for layer, _ in own]
        if fits and all(_takes(pair, found) for pair, found in zip(own, layers, strict=True)):
            _fill(network, own, layers)
            return network.state_dict()
    return None


def _pairs(network: NanoTrack) -> Iterator[Pair]:
    """Every layer in the order of the graphs, with the normalisation behind it."""
    head = (network.ban_head.get_submodule(name) for name in ORDER[network.version])
    for part in (network.backbone, *head):
        following: dict[int, nn.Module] = {}
        for module in part.modules():
            if isinstance(module, nn.Sequential):
                following |= {id(one): after for one, after in pairwise(module.children())}
        for module in part.modules():
            if isinstance(module, Layer):
                after = following.get(id(module))
                yield module, after if isinstance(after, nn.BatchNorm2d) else None


def _takes(pair: Pair, found: GraphLayer) -> bool:
    """Whether there is a bias where one has a place, of as many numbers as there are maps."""
    layer, norm = pair
    if found.bias is None:
        return layer.bias is None and norm is None
    return tuple(found.bias.shape) == (len(layer.weight),) and bool(norm or layer.bias is not None)


@torch.no_grad()
def _fill(network: NanoTrack, own: Sequence[Pair], layers: Sequence[GraphLayer]) -> None:
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_var is not None
            module.running_var.fill_(1 - module.eps)
    for unused in network.neck.parameters():
        unused.fill_(1)  # no graph has them, as no answer needs them
    for (layer, norm), found in zip(own, layers, strict=True):
        layer.weight.copy_(found.weight)
        if layer.bias is not None:
            layer.bias.zero_()
        if found.bias is None:
            continue
        bias = layer.bias if norm is None else norm.bias
        assert bias is not None
        bias.copy_(found.bias)
