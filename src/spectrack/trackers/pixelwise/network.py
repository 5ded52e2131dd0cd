"""Both networks of pixel-wise tracking as one, with one file of weights."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from spectrack.trackers.pixelwise.global_attention import GlobalAttention
from spectrack.trackers.pixelwise.local_segmentation import LocalSegmentation
from spectrack.trackers.pixelwise.settings import NETWORKS


class Pixelwise(nn.Module):
    """The local and the global network; sizes are Table 1's where left out.

    Args:
        extractor: See :class:`LocalSegmentation`, as for all up to ``skips``.
        side: Of regions.
        maps: Of F-CNN.
        memory: Of the local network.
        decoder: Maps of the deconvolutions.
        skips: Whether they see finer features.
        map_side: See :class:`GlobalAttention`, as for all up to ``relative``.
        convolutions: Of the global network.
        attention: Its memory.
        full: Its full layer.
        relative: What it answers with.
        peepholes: Of both.
        width: Share of the extractor's maps.

    Raises:
        InputError: If sizes do not fit.
    """

    def __init__(
        self,
        extractor: str = "vgg16",
        side: int = 224,
        maps: int = 512,
        memory: int = 256,
        decoder: Sequence[int] = (128, 64, 32),
        skips: bool = False,
        map_side: int = 224,
        convolutions: Sequence[int] = (8, 16, 32, 64),
        attention: int = 64,
        full: int = 1024,
        relative: bool = False,
        peepholes: bool = True,
        width: float = 1.0,
    ) -> None:
        super().__init__()
        self.local_segmentation = LocalSegmentation(
            extractor, side, maps, memory, decoder, skips, peepholes, width
        )
        self.global_attention = GlobalAttention(
            map_side, convolutions, attention, full, relative, peepholes
        )


def small_pixelwise() -> Pixelwise:
    """The small form, with fresh weights."""
    return Pixelwise(**{name: v for name, v in NETWORKS["small"].items() if name != "kind"})
