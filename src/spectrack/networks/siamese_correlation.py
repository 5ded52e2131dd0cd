"""Template against search region in Siamese networks: over all maps, map by map, cell by cell.

Letters: T cells of the template, each a map of the cell-by-cell correlation.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def pixelwise_correlation(template_nchw: Tensor, search_nchw: Tensor) -> Tensor:
    """Inner products of every cell of the template with every cell of the search region.

    Args:
        template_nchw: (N, C, h, w).
        search_nchw: (N, C, H, W).

    Returns:
        (N, h * w, H, W); map ``row * w + column`` belongs to that cell of the template.
    """
    cells_nct, search_ncp = template_nchw.flatten(2), search_nchw.flatten(2)
    # in this order the result is channels last in memory, as the convolutions behind it want it
    products_npt = search_ncp.transpose(1, 2) @ cells_nct
    return products_npt.transpose(1, 2).unflatten(2, search_nchw.shape[-2:])


def depthwise_correlation(template_nchw: Tensor, search_nchw: Tensor, padding: int = 0) -> Tensor:
    """Every map of the search region filtered by the template's map (SiamRPN++, section 3.3).

    Args:
        template_nchw: (N, C, h, w).
        search_nchw: (N, C, H, W).
        padding: Zeros around the search region.

    Returns:
        (N, C, H + 2 * padding - h + 1, W + 2 * padding - w + 1).
    """
    n, c, h, w = template_nchw.shape
    joint = search_nchw.reshape(1, n * c, *search_nchw.shape[-2:])
    kernels = template_nchw.reshape(n * c, 1, h, w)
    if joint.is_contiguous(memory_format=torch.channels_last):
        # kernels of one map look like either layout; told so, the result is channels last, too
        kernels = kernels.contiguous(memory_format=torch.channels_last)
    return F.conv2d(joint, kernels, padding=padding, groups=n * c).unflatten(1, (n, c))[0]


def cross_correlation(kernels_nkchw: Tensor, search_nchw: Tensor) -> Tensor:
    """Every search region filtered by its own filters over all maps (SiamFC, Eq. 1).

    Args:
        kernels_nkchw: (N, K, C, h, w): K filters for each, 1 where a template is the filter; or
            (1, K, C, h, w), the same for all.
        search_nchw: (N, C, H, W).

    Returns:
        (N, K, H - h + 1, W - w + 1).
    """
    n, k = kernels_nkchw.shape[:2]
    if n == 1:
        return F.conv2d(search_nchw, kernels_nkchw[0])
    joint = search_nchw.reshape(1, -1, *search_nchw.shape[-2:])
    return F.conv2d(joint, kernels_nkchw.flatten(0, 1), groups=n).unflatten(1, (n, k))[0]


def projection(maps: int) -> nn.Sequential:
    """A convolution of 1x1 with bias, and batch normalisation; parameters ``0`` and ``1``."""
    return nn.Sequential(nn.Conv2d(maps, maps, 1), nn.BatchNorm2d(maps))


class ChannelAttention(nn.Module):
    """Every map times a number in (0, 1) that the means of all maps decide."""

    def __init__(self, maps: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(maps, maps, 1)
        self.fc2 = nn.Conv2d(maps, maps, 1)

    def forward(self, x_nchw: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H, W)."""
        means = x_nchw.mean((2, 3), keepdim=True)
        return x_nchw * torch.sigmoid(self.fc2(F.relu(self.fc1(means))))


class PixelwiseCorrelation(nn.Module):
    """Cell-by-cell correlation, its maps weighed by attention.

    Args:
        cells: Of the template.
        maps: Of template and search region, which are then projected first; they are taken as
            they are where left out.
        narrow: With a filter of 2x2 behind, which makes the result a row and a column smaller.
    """

    def __init__(self, cells: int, maps: int | None = None, narrow: bool = False) -> None:
        super().__init__()
        self.conv_kernel = projection(maps) if maps else nn.Identity()
        self.conv_search = projection(maps) if maps else nn.Identity()
        self.CA_layer = ChannelAttention(cells)
        self.conv: nn.Module = nn.Identity()
        if narrow:
            self.conv = nn.Sequential(
                nn.Conv2d(cells, cells, 2, groups=cells, bias=False),
                nn.BatchNorm2d(cells),
                nn.ReLU6(),
                nn.Conv2d(cells, cells, 1),
                nn.BatchNorm2d(cells),
            )

    def kernel(self, template_nchw: Tensor) -> Tensor:
        """What is made of the template alone, the same for every search region."""
        projected: Tensor = self.conv_kernel(template_nchw)
        return projected

    def forward(self, kernel_nchw: Tensor, search_nchw: Tensor) -> Tensor:
        """Of :meth:`kernel` and (N, C, H, W): (N, cells, H, W), or of H - 1 and W - 1."""
        products = pixelwise_correlation(kernel_nchw, self.conv_search(search_nchw))
        found: Tensor = self.conv(self.CA_layer(products))
        return found


class DepthwiseCorrelation(nn.Module):
    """Map-by-map correlation with the middle of the template, both projected.

    Args:
        maps: Of template and search region.
        margin: Rows and columns of the template that are cut off on every side.
        padding: Zeros around the search region.
    """

    def __init__(self, maps: int, margin: int, padding: int) -> None:
        super().__init__()
        self.conv_kernel = projection(maps)
        self.conv_search = projection(maps)
        self.margin, self.padding = margin, padding

    def kernel(self, template_nchw: Tensor) -> Tensor:
        """What is made of the template alone, the same for every search region."""
        m = self.margin
        middle = template_nchw[
            ..., m : template_nchw.shape[-2] - m, m : template_nchw.shape[-1] - m
        ]
        projected: Tensor = self.conv_kernel(middle)
        return projected

    def forward(self, kernel_nchw: Tensor, search_nchw: Tensor) -> Tensor:
        """Of :meth:`kernel` and (N, C, H, W): (N, C, H', W') with H' = H + 2 padding - h' + 1."""
        return depthwise_correlation(kernel_nchw, self.conv_search(search_nchw), self.padding)
