"""The cost volume of two feature maps: how alike every cell of one is to every cell of the other.

Optical flow networks compare a cell with its neighbourhood in the other frame, one displacement at
a time (Dosovitskiy et al., ICCV 2015, section 3). Here the answer is wanted by cells, not by
displacements (Bhat et al., ECCV 2020, section 3.3), and both maps are small. So all products of
two cells come first, as one matrix product, and a patch is a sum along their diagonal: the work of
a patch of any size is little more than that of single cells, and nothing is rearranged afterwards.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from spectrack.errors import InputError


def cost_volume(
    current_nchw: Tensor, previous_nchw: Tensor, reach: int = 9, patch: int = 3
) -> Tensor:
    """Scalar products of the patches about every two cells of two maps.

    Args:
        current_nchw: (N, C, H, W), any floating type; products are summed in single precision at
            least, as half precision overflows.
        previous_nchw: Of the same shape.
        reach: Cells that lie further apart, down or across, are not compared: their cost is 0.
        patch: Side of the patches, odd; cells outside a map are zero.

    Returns:
        (N, H', W', H, W): first the cell of ``previous_nchw``, then that of ``current_nchw``.

    Raises:
        InputError: If the shapes differ, the patch is even or the reach negative.
    """
    if current_nchw.ndim != 4 or current_nchw.shape != previous_nchw.shape:
        raise InputError(
            f"feature maps have shapes {tuple(current_nchw.shape)} and "
            f"{tuple(previous_nchw.shape)}; give two of one shape (N, C, H, W)"
        )
    if patch % 2 != 1 or reach < 0:
        raise InputError(f"patch is {patch} and reach {reach}; give an odd patch and 0 or more")
    height, width = current_nchw.shape[-2:]
    with torch.autocast(current_nchw.device.type, enabled=False):
        current, previous = (
            maps.float() if maps.dtype in (torch.float16, torch.bfloat16) else maps
            for maps in (current_nchw.flatten(2), previous_nchw.flatten(2))
        )
        products = (previous.mT @ current).view(-1, height, width, height, width)
    for axis in (1, 2):
        products = _along_diagonal(products, axis, patch)
    near = _near(height, reach, products)[:, None, :, None] * _near(width, reach, products)[:, None]
    return products * near


def _along_diagonal(products: Tensor, axis: int, patch: int) -> Tensor:
    """Sums over ``patch`` steps that both cells take together, down (1) or across (2)."""
    size, margin = products.shape[axis], patch // 2
    both, none = (margin, margin), (0, 0)
    sides = (*none, *both, *none, *both) if axis == 1 else (*both, *none, *both)
    padded = F.pad(products, sides)
    shifted = [
        padded.narrow(axis, step, size).narrow(axis + 2, step, size) for step in range(patch)
    ]
    return torch.stack(shifted).sum(0)


def _near(size: int, reach: int, like: Tensor) -> Tensor:
    """1 where two of ``size`` places are at most ``reach`` apart, (size, size)."""
    places = torch.arange(size, device=like.device)
    return ((places[:, None] - places).abs() <= reach).to(like.dtype)
