"""Variations of the first frame's patch, and the label of a target in a patch's score map.

A filter that learns from one frame is shown it a few times over: mirrored, blurred, moved.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from spectrack.tracking.patches import PairYX, pair


def mirror(patch_nchw: Tensor) -> Tensor:
    """Left and right exchanged."""
    return patch_nchw.flip(3)


def blur(patch_nchw: Tensor, sigma_yx: tuple[float, float]) -> Tensor:
    """Gaussian blur, darker towards the edges, as nothing lies beyond them.

    Args:
        patch_nchw: Float images.
        sigma_yx: Standard deviation down and across, in pixels, over 0; the kernel ends after two
            of them and sums to 1.
    """
    channels = patch_nchw.shape[1]
    for axis, sigma in zip((2, 3), sigma_yx, strict=True):
        half = math.ceil(2 * sigma)
        at = torch.arange(-half, half + 1, device=patch_nchw.device, dtype=patch_nchw.dtype)
        taps = torch.exp(-(at**2) / (2 * sigma**2))
        shape = [1, 1, 1, 1]
        shape[axis] = 2 * half + 1
        kernel = (taps / taps.sum()).reshape(shape).expand(channels, *[-1] * 3)
        padding = (half, 0) if axis == 2 else (0, half)
        patch_nchw = F.conv2d(patch_nchw, kernel, padding=padding, groups=channels)
    return patch_nchw


def rotate(patch_nchw: Tensor, degrees: float) -> Tensor:
    """Turned about the middle; edge pixels go on beyond the patch.

    Args:
        patch_nchw: Float images on the CPU.
        degrees: Counter-clockwise as one sees it, rows running down.
    """
    angle = math.radians(degrees)
    cos, sin = math.cos(angle), math.sin(angle)
    turn = np.array([[cos, sin], [-sin, cos]])
    # Rows and columns change places in the centre: the published trackers turn square patches only,
    # where it does not matter.
    centre = (np.array(patch_nchw.shape[2:]) - 1) / 2
    matrix = np.column_stack([turn, centre - turn @ centre])
    size_wh = (patch_nchw.shape[3], patch_nchw.shape[2])
    turned = [
        cv2.warpAffine(
            np.ascontiguousarray(image.permute(1, 2, 0).numpy()),
            matrix,
            size_wh,
            borderMode=cv2.BORDER_REPLICATE,
        )
        for image in patch_nchw
    ]
    return torch.from_numpy(np.stack(turned)).permute(0, 3, 1, 2)


def gaussian_label(
    centre_yx: tuple[float, float],
    sigma: float,
    feature_hw: tuple[int, int],
    kernel: int,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Score map that a filter should give: a Gaussian with peak 1 about the target.

    Args:
        centre_yx: Of the target, in cells from the middle of the map.
        sigma: Standard deviation in cells.
        feature_hw: Size of the feature map.
        kernel: Side of the filter; one of even side gives a map larger by one.
        device: Where it is wanted.

    Returns:
        float32 (h, w), or (h + 1, w + 1).
    """
    lines = []
    for size, centre in zip(feature_hw, centre_yx, strict=True):
        cells = size + (1 - kernel % 2)
        at = torch.arange(cells, device=device, dtype=torch.float32) - (size - 1) / 2
        lines.append(torch.exp(-((at - centre) ** 2) / (2 * sigma**2)))
    return lines[0][:, None] * lines[1][None, :]


def box_in_patch(
    pos_yx: PairYX,
    size_hw: PairYX,
    patch_pos_yx: PairYX,
    patch_scale: float,
    patch_hw: tuple[int, int],
) -> tuple[float, float, float, float]:
    """A target's box (x, y, w, h) in pixels of a patch.

    Args:
        pos_yx: The target's centre in the frame.
        size_hw: Its size there.
        patch_pos_yx: The patch's centre in the frame.
        patch_scale: Pixels of the frame for one of the patch.
        patch_hw: Size of the patch.
    """
    cy, cx = (pair(pos_yx) - patch_pos_yx) / patch_scale + (pair(patch_hw) - 1) / 2
    h, w = pair(size_hw) / patch_scale
    return float(cx - (w - 1) / 2), float(cy - (h - 1) / 2), float(w), float(h)
