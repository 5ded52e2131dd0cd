"""Precise RoI pooling: exact means of a bilinear map over boxes (Jiang et al., ECCV 2018).

The map is taken as a function of real coordinates, bilinear between pixels (pixel i is at i) and
zero outside. Its mean over a bin is separable, so that pooling is two small matrix products,
differentiable in the maps and in the boxes. Maps are read where they lie: many boxes in one image
cost no copies of it.
"""

from __future__ import annotations

import math

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
    return BoxMeans(features_nchw, boxes_xyxy[:, None], size_hw, scale).maps[:, 0]


class BoxMeans:
    """Means of maps over the bins of P boxes in each image, and their gradient in the boxes.

    Args:
        features_nchw: (N, C, H, W) maps; fastest where their memory is channels last.
        boxes_npxyxy: (N, P, 4) left, top, right, bottom; all is computed in their dtype.
        size_hw: Bins along the height and the width of a box.
        scale: What box coordinates are multiplied by to be those of the maps.

    Attributes:
        means: (N, P, *size_hw, C); zero for a box without area. Differentiable by autograd.
    """

    def __init__(
        self,
        features_nchw: Tensor,
        boxes_npxyxy: Tensor,
        size_hw: tuple[int, int],
        scale: float = 1.0,
    ) -> None:
        self._scale = scale
        left, top, right, bottom = (boxes_npxyxy * scale).unbind(2)
        rows = _reach(top, bottom, features_nchw.shape[2])
        columns = _reach(left, right, features_nchw.shape[3])
        near_nchw = features_nchw[:, :, rows.start : rows.stop, columns.start : columns.stop]
        self._features_nhwc = near_nchw.permute(0, 2, 3, 1).to(boxes_npxyxy.dtype)
        images, _, width, maps = self._features_nhwc.shape
        self._down = _Bins(top, bottom, size_hw[0], rows)
        self._across = _Bins(left, right, size_hw[1], columns)
        lines = self._down.weights.flatten(1, 2) @ self._features_nhwc.flatten(2)
        self._lines = lines.view(images, -1, size_hw[0], width, maps)
        self.means = self._across.weights[:, :, None] @ self._lines

    @property
    def maps(self) -> Tensor:
        """The means in the order of maps, (N, P, C, *size_hw)."""
        return self.means.permute(0, 1, 4, 2, 3)

    def box_gradient(self, gradient_nphwc: Tensor) -> Tensor:
        """Gradient of a function of the means in the boxes, without automatic differentiation.

        Args:
            gradient_nphwc: Of the function in ``means``.

        Returns:
            (N, P, 4) in left, top, right, bottom as they were given.
        """
        across = (gradient_nphwc @ self._lines.mT).sum(2)
        spread = self._across.weights[:, :, None].mT @ gradient_nphwc
        down = spread.flatten(3).flatten(1, 2) @ self._features_nhwc.flatten(2).mT
        left, right = self._across.gradient(across)
        top, bottom = self._down.gradient(down.view(self._down.weights.shape))
        return self._scale * torch.stack((left, top, right, bottom), -1)


class _Bins:
    """Weights of a line of pixels in the means over equal bins of intervals.

    Args:
        start: (N, P), where intervals begin.
        end: Where they end.
        bins: Of an interval.
        pixels: Of the line.

    Attributes:
        weights: (N, P, bins, pixels); zero where an interval is empty.
    """

    def __init__(self, start: Tensor, end: Tensor, bins: int, pixels: range) -> None:
        size = (end - start)[..., None, None]
        self._steps = torch.arange(bins + 1, device=start.device, dtype=start.dtype) / bins
        edges = start[..., None, None] + size * self._steps[:, None]
        self._offsets = edges - torch.arange(
            pixels.start, pixels.stop, device=start.device, dtype=start.dtype
        )
        below = _hat_integral(self._offsets)
        filled = size > 0
        self._share = torch.where(filled, 1 / size.where(filled, 1), 0)
        self.weights = bins * self._share * (below[..., 1:, :] - below[..., :-1, :])

    def gradient(self, of_weights: Tensor) -> tuple[Tensor, Tensor]:
        """Gradients (N, P) in start and end of a function, from its gradient in the weights."""
        bins, share = self.weights.shape[2], self._share[..., 0, 0]
        shrinking = share * (of_weights * self.weights).sum((2, 3))
        hats = (1 - self._offsets.abs()).clamp(min=0)
        # by how much each edge moves the bin before it, less the bin behind it
        before, behind = (of_weights * hats[..., 1:, :], of_weights * hats[..., :-1, :])
        before, behind = before.sum(3), behind.sum(3)
        moved = [
            bins * share * (before @ part[1:] - behind @ part[:-1])
            for part in (1 - self._steps, self._steps)
        ]
        return moved[0] + shrinking, moved[1] - shrinking


def _reach(start: Tensor, end: Tensor, length: int) -> range:
    """The pixels of a line that intervals reach, at least one; on a GPU, which need not wait, all.

    A target fills a small part of a search region, and so do proposals about it.
    """
    if start.device.type != "cpu" or not start.numel():
        return range(length)
    edges = torch.cat((start, end)).detach()
    low, high = torch.stack(edges.aminmax()).tolist()
    if math.isnan(low):
        return range(length)
    first, last = (min(max(edge, 0), length - 1) for edge in (low, high))
    return range(math.floor(first), math.ceil(last) + 1)


def _hat_integral(t: Tensor) -> Tensor:
    """Integral up to t of the hat function max(0, 1 - abs(.))."""
    inner = t.clamp(-1, 1)
    return torch.where(inner < 0, (inner + 1) ** 2 / 2, 1 - (1 - inner) ** 2 / 2)
