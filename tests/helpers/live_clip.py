"""A stream for tests of live work: a bright square that moves over a dark frame, as MPEG-TS."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

SIZE_WH = (64, 48)
SIDE = 16


def place(number: int) -> tuple[int, int]:
    """Left and top of the square in a frame; it moves by a pixel at most."""
    return 8 + abs(number % 64 - 32), 8 + abs(number % 32 - 16)


def frame(number: int) -> Any:
    """uint8 RGB, (48, 64, 3), with a texture that flow can follow."""
    rng = np.random.default_rng(0)
    picture = rng.integers(20, 60, (SIZE_WH[1], SIZE_WH[0], 3), np.uint8)
    left, top = place(number)
    picture[top : top + SIDE, left : left + SIDE] = rng.integers(150, 255, (SIDE, SIDE, 3))
    return picture


def write_stream(target: str | Path | Any, frames: int, fps: int = 25, first: int = 0) -> None:
    """Write MPEG-2 in MPEG-TS, without reordering.

    Args:
        target: A path, or an open file.
        frames: How many.
        fps: Frames a second, by their stamps.
        first: Number of the first one.
    """
    where = str(target) if isinstance(target, str | Path) else target
    with av.open(where, "w", format="mpegts") as container:
        stream: Any = container.add_stream("mpeg2video", rate=fps)
        stream.width, stream.height, stream.pix_fmt = *SIZE_WH, "yuv420p"
        stream.codec_context.max_b_frames = 0
        stream.codec_context.time_base = Fraction(1, fps)
        for number in range(frames):
            picture = av.VideoFrame.from_ndarray(frame(first + number), format="rgb24")
            picture.pts = number
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
