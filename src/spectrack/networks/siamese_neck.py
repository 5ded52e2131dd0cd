"""Between backbone and heads of Siamese trackers: fewer maps, and the middle of the template.

SiamRPN++ (Li et al., CVPR 2019, section 3.2). Names of parameters are those of the published
checkpoints.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

MIDDLE = 7
"""Cells of the template's side that are compared with the search region."""
WIDE = 20
"""Maps of this width and more are those of a search region."""


def middle(maps_nchw: Tensor, side: int = MIDDLE) -> Tensor:
    """The cells in the middle of a template; a search region as it is.

    Args:
        maps_nchw: (N, C, n, n); its width alone tells a template from a search region.
        side: Cells that are kept along either axis.

    Returns:
        (N, C, side, side), or the maps themselves.
    """
    width = maps_nchw.shape[-1]
    if width >= WIDE:
        return maps_nchw
    first = (width - side) // 2
    return maps_nchw[..., first : first + side, first : first + side]


class AdjustLayer(nn.Module):
    """One level: a convolution of 1x1, normalised, then the middle.

    Args:
        inputs: Maps of the backbone.
        maps: Maps that go out.
    """

    def __init__(self, inputs: int, maps: int) -> None:
        super().__init__()
        self.downsample = nn.Sequential(
            nn.Conv2d(inputs, maps, 1, bias=False), nn.BatchNorm2d(maps)
        )

    def forward(self, x_nchw: Tensor) -> Tensor:
        """(N, inputs, n, n) -> (N, maps, 7, 7) of a template, else (N, maps, n, n)."""
        return middle(self.downsample(x_nchw))


class SiameseNeck(nn.Module):
    """All levels; a single one is called ``downsample``, several ``downsample2`` and so on.

    Args:
        inputs: Maps of the backbone, level by level.
        maps: Maps that go out, the same of all levels or level by level.
    """

    def __init__(self, inputs: Sequence[int], maps: int | Sequence[int] = 256) -> None:
        super().__init__()
        out = [maps] * len(inputs) if isinstance(maps, int) else maps
        several = [f"downsample{number + 2}" for number in range(len(inputs))]
        self._names = several if len(inputs) > 1 else ["downsample"]
        for name, before, after in zip(self._names, inputs, out, strict=True):
            self.add_module(name, AdjustLayer(before, after))

    def forward(self, levels: Sequence[Tensor]) -> list[Tensor]:
        """Maps of the backbone, level by level, to as many of the neck."""
        pairs = zip(self._names, levels, strict=True)
        return [self.get_submodule(name)(maps) for name, maps in pairs]
