"""Feature extractors of the local network: VGG up to pool4, or MobileNetV2 up to its stride 16.

Both are cut where the mask of the first frame enters: right before the first pooling of VGG, and
after MobileNetV2's first block, whose maps have stride 2 already. What is learned behind them never
changes them (paper, section 3.1).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spectrack.errors import InputError
from spectrack.networks.mobilenet_v2 import MobileNetV2, normalised
from spectrack.networks.vgg import VGG, WIDTHS, of_torchvision


class Extracted(NamedTuple):
    """What is behind the cut.

    Attributes:
        deep: The features that the memory reads, stride 16.
        finer: Those of strides 2, 4 and 8, for a decoder that wants them.
    """

    deep: Tensor
    finer: tuple[Tensor, Tensor, Tensor]


class VGGExtractor(nn.Module):
    """VGG-16 up to pool4, the mask before pool1.

    Args:
        width: Share of its maps; 1 is published.
    """

    cut_stride = 1

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        widths = [round(w * width) for w in WIDTHS]
        self.network = VGG(widths)
        self.deep, self.finer = widths[3], tuple(widths[:3])

    def early(self, images_nchw: Tensor) -> Tensor:
        """Maps at the cut, of RGB in 0 to 255."""
        return self.network.before_pool1(self.network.normalise(images_nchw))

    def late(self, maps_nchw: Tensor) -> Extracted:
        """What is behind the cut."""
        at2, at4, at8, at16 = self.network.from_pool1(maps_nchw)
        return Extracted(at16, (at2, at4, at8))

    def take(self, tensors: Mapping[str, Tensor]) -> None:
        """Start from a checkpoint of VGG-16 with torchvision's names.

        Raises:
            InputError: If layers are missing.
        """
        self.network.load_state_dict(of_torchvision(tensors))


class MobileNetExtractor(nn.Module):
    """MobileNetV2 up to its thirteenth block, with the features of stride 8 beside them.

    Args:
        width: Share of its maps.
    """

    cut_stride = 2
    BLOCKS = 13

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        whole = MobileNetV2(width)
        self.stem = whole.stem
        self.blocks = nn.ModuleList(list(whole.blocks)[: self.BLOCKS])
        at2, at4, at8, at16 = (round(w * width) for w in (16, 24, 32, 96))
        self.deep, self.finer = at16 + at8, (at2, at4, at8)

    def early(self, images_nchw: Tensor) -> Tensor:
        """Maps at the cut, of RGB in 0 to 255."""
        maps: Tensor = self.blocks[0](F.relu6(self.stem(normalised(images_nchw))))
        return maps

    def late(self, maps_nchw: Tensor) -> Extracted:
        """What is behind the cut."""
        x, kept = maps_nchw, [maps_nchw]
        for number in range(1, self.BLOCKS):
            x = self.blocks[number](x)
            if number in (2, 5):
                kept.append(x)
        at2, at4, at8 = kept
        return Extracted(torch.cat([x, F.avg_pool2d(at8, 2)], 1), (at2, at4, at8))

    def take(self, tensors: Mapping[str, Tensor]) -> None:
        """Start from MobileNetV2, or from a network that has one as its ``backbone``.

        Raises:
            InputError: If layers are missing.
        """
        prefix = "backbone." if any(n.startswith("backbone.") for n in tensors) else ""
        given = {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
        own = self.state_dict()
        wrong = [n for n, t in own.items() if n not in given or given[n].shape != t.shape]
        if wrong:
            raise InputError(f"{wrong[0]} is missing or of another size; give MobileNetV2")
        self.load_state_dict({name: given[name] for name in own})


EXTRACTORS = ("vgg16", "mobilenet_v2")
"""Names that a description of a network may have."""

Extractor = VGGExtractor | MobileNetExtractor
TOGETHER = 2
"""So many pictures go through at a time on a CPU: maps of more leave its caches, and a clip of 32
takes twice as long at once."""


@torch.no_grad()
def extracted(extractor: Extractor, images_nchw: Tensor) -> Extracted:
    """What an extractor sees in pictures, RGB in 0 to 255; nothing in it learns."""
    together = TOGETHER if images_nchw.device.type == "cpu" else max(len(images_nchw), 1)
    seen = [extractor.late(extractor.early(some)) for some in images_nchw.split(together)]
    if len(seen) == 1:
        return seen[0]
    at2, at4, at8 = (torch.cat(maps) for maps in zip(*(one.finer for one in seen), strict=True))
    return Extracted(torch.cat([one.deep for one in seen]), (at2, at4, at8))


def make_extractor(name: str, width: float = 1.0) -> Extractor:
    """An extractor by its name; nothing in it learns.

    Raises:
        InputError: If there is none of that name.
    """
    if name not in EXTRACTORS:
        raise InputError(f"the extractor is {name!r}; give one of {', '.join(EXTRACTORS)}")
    made: Extractor = VGGExtractor(width) if name == "vgg16" else MobileNetExtractor(width)
    made.requires_grad_(False)
    return made
