"""Decoded planes to RGB, honouring the colour matrix, the range and the rotation of the file.

The common 8-bit planar formats are converted here: chroma enlarged linearly, one matrix product
with correct rounding. swscale's default path is about as fast but one to two levels too dark. All
other formats (10-bit, NV12, RGB, grey) go through swscale.
"""

from __future__ import annotations

from typing import Any, cast

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from spectrack.structures import FrameHWC

_PLANAR = frozenset(f"yuv{j}{kind}p" for j in ("", "j") for kind in ("420", "422", "440", "444"))
_LUMA = {1: (0.2126, 0.0722), 7: (0.212, 0.087), 9: (0.2627, 0.0593), 10: (0.2627, 0.0593)}
"""(Kr, Kb) by the number of the colour space in ITU-T H.273; all others are BT.601."""
_BT601 = (0.299, 0.114)
_FULL_RANGE = 2


def to_rgb(frame: av.VideoFrame) -> FrameHWC:
    """Convert a decoded frame to uint8 RGB of shape (H, W, 3), not rotated.

    An unmarked colour space is read as BT.601 and an unmarked range as limited, as FFmpeg does.
    """
    if frame.format.name not in _PLANAR:
        rgb: FrameHWC = np.ascontiguousarray(frame.to_ndarray(format="rgb24"))
        return rgb
    full = frame.color_range == _FULL_RANGE or frame.format.name.startswith("yuvj")
    luma, *chroma = (_plane(plane) for plane in frame.planes)
    size_wh = (frame.width, frame.height)
    enlarged = [cv2.resize(c, size_wh, interpolation=cv2.INTER_LINEAR) for c in chroma]
    out: FrameHWC = np.asarray(
        cv2.transform(cv2.merge([luma, *enlarged]), yuv_matrix(frame.colorspace, full)),
        dtype=np.uint8,
    )
    return out


def yuv_matrix(colorspace: int, full: bool) -> NDArray[np.float32]:
    """Matrix of shape (3, 4) from (Y, Cb, Cr, 1) in 0..255 to RGB in 0..255.

    Args:
        colorspace: Number of the matrix in ITU-T H.273; 1 is BT.709, 5 and 6 BT.601, 9 BT.2020.
        full: Whether the values use 0..255 (JPEG) rather than 16..235 and 16..240.
    """
    kr, kb = _LUMA.get(int(colorspace), _BT601)
    kg = 1 - kr - kb
    y, c = (1.0, 1.0) if full else (255 / 219, 255 / 224)
    matrix = np.array(
        [
            [y, 0.0, 2 * (1 - kr) * c],
            [y, -2 * (1 - kb) * kb / kg * c, -2 * (1 - kr) * kr / kg * c],
            [y, 2 * (1 - kb) * c, 0.0],
        ]
    )
    offset = -matrix @ np.array([0.0 if full else 16.0, 128.0, 128.0])
    return np.hstack([matrix, offset[:, None]]).astype(np.float32)


def display_matrix(frame: av.VideoFrame) -> tuple[int, int, int, int]:
    """How the picture is to be shown: signs (a, b, c, d) with x' = a x + c y, y' = b x + d y.

    Upright is (1, 0, 0, 1). Angles that are no multiple of 90 degrees count as upright.
    """
    for data in cast(Any, frame.side_data):
        if "DISPLAYMATRIX" in str(data.type):
            values = np.frombuffer(bytes(data)[:36], dtype=np.int32)
            a, b, c, d = (round(int(values[i]) / 65536) for i in (0, 1, 3, 4))
            if abs(a * d - b * c) == 1 and abs(a) + abs(b) == 1:
                return a, b, c, d
    return 1, 0, 0, 1


def upright(image: NDArray[Any], matrix: tuple[int, int, int, int]) -> NDArray[Any]:
    """Turn and mirror an image of shape (H, W, ...) as a display matrix asks; C-contiguous."""
    a, b, c, d = matrix
    if a == 0:
        # x' follows y and y' follows x: swap the axes first, then mirror like the others.
        image, a, d = image.swapaxes(0, 1), c, b
    return np.ascontiguousarray(image[:: 1 if d > 0 else -1, :: 1 if a > 0 else -1])


def _plane(plane: Any) -> NDArray[np.uint8]:
    """One 8-bit plane as an array of shape (height, width), without copying."""
    rows = np.frombuffer(plane, dtype=np.uint8).reshape(plane.height, plane.line_size)
    return rows[:, : plane.width]
