"""Precise RoI pooling: exact means of a bilinear map over boxes (Jiang et al., ECCV 2018).

The map is taken as a function of real coordinates, bilinear between pixels (pixel i is at i) and
zero outside. Its integral over a bin is separable, so that pooling is two small matrix products,
differentiable in the maps and in the boxes.
"""

from __future__ import annotations

import torch
from torch import Tensor

from spectrack.errors import InputError


def prroi_pool(
    features_nchw: Tensor,
    boxes_xyxy: Tensor,
    size_hw: tuple[int, int],
    scale: float = 1.0,
    image_of_box: Tensor | None = None,
) -> Tensor:
    """Mean of each map over each bin of each box.

    Args:
        features_nchw: (N, C, H, W) maps.
        boxes_xyxy: (K, 4) left, top, right, bottom.
        size_hw: Bins along the height and the width of a box.
        scale: What box coordinates are multiplied by to be those of the maps.
        image_of_box: (K,) integer, which image a box lies in; box k in image k where left out.

    Returns:
        (K, C, *size_hw); zero for a box without area.

    Raises:
        InputError: For boxes that are not (K, 4), or not one for each image where
            ``image_of_box`` is left out.
    """
    if boxes_xyxy.ndim != 2 or boxes_xyxy.shape[1] != 4:
        raise InputError(f"boxes have shape {tuple(boxes_xyxy.shape)}; give (K, 4)")
    if image_of_box is None:
        if len(boxes_xyxy) != len(features_nchw):
            raise InputError(
                f"{len(boxes_xyxy)} boxes for {len(features_nchw)} images; say by image_of_box"
                " which image each box lies in"
            )
    else:
        features_nchw = features_nchw[image_of_box]
    left, top, right, bottom = (boxes_xyxy * scale).unbind(1)
    height, width = features_nchw.shape[-2:]
    rows = _bin_weights(top, bottom, size_hw[0], height)
    columns = _bin_weights(left, right, size_hw[1], width)
    area = (bottom - top).clamp(min=0) * (right - left).clamp(min=0) / (size_hw[0] * size_hw[1])
    integral = rows[:, None] @ features_nchw @ columns[:, None].mT
    share = torch.where(area > 0, 1 / area.where(area > 0, 1), 0)
    return integral * share[:, None, None, None]


def _bin_weights(start: Tensor, end: Tensor, bins: int, length: int) -> Tensor:
    """Integral of the hat function of every pixel over every bin: (K, bins, length)."""
    steps = torch.arange(bins + 1, device=start.device, dtype=start.dtype) / bins
    edges = start[:, None] + (end - start)[:, None] * steps
    pixels = torch.arange(length, device=start.device, dtype=start.dtype)
    below = _hat_integral(edges[:, :, None] - pixels)
    return below[:, 1:] - below[:, :-1]


def _hat_integral(t: Tensor) -> Tensor:
    """Integral up to t of the hat function max(0, 1 - abs(.))."""
    inner = t.clamp(-1, 1)
    return torch.where(inner < 0, (inner + 1) ** 2 / 2, 1 - (1 - inner) ** 2 / 2)
