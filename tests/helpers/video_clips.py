"""Small clips whose frames carry their own number, written with PyAV."""

from __future__ import annotations

from collections.abc import Callable, Collection
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

BITS = 8


def numbered_frame(number: int, size_wh: tuple[int, int] = (96, 64)) -> np.ndarray:
    """A frame with its number as eight black or white columns over a moving gradient."""
    width, height = size_wh
    y, x = np.mgrid[:height, :width]
    channels = [(x * 2 + number * 3) % 256, (y * 3) % 256, (x + y + number) % 256]
    frame = np.stack(channels, axis=-1).astype(np.uint8)
    for bit in range(BITS):
        left, right = bit * width // BITS, (bit + 1) * width // BITS
        frame[: height // 2, left:right] = 235 * (number >> bit & 1)
    return frame


def read_number(frame_hwc: np.ndarray) -> int:
    height, width = frame_hwc.shape[:2]
    total = 0
    for bit in range(BITS):
        column = (2 * bit + 1) * width // (2 * BITS)
        total |= int(frame_hwc[height // 4, column].mean() > 117) << bit
    return total


def write_clip(
    path: Path,
    count: int = 40,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    size_wh: tuple[int, int] = (96, 64),
    stamps: list[int] | None = None,
    time_base: Fraction = Fraction(1, 25),
    options: dict[str, str] | None = None,
    muxer: dict[str, str] | None = None,
    prepare: Callable[[av.video.stream.VideoStream], None] | None = None,
) -> Path:
    with av.open(str(path), "w", options=muxer or {}) as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height = size_wh
        stream.pix_fmt = pix_fmt
        stream.options = options or {}
        stream.codec_context.time_base = time_base
        if prepare is not None:
            prepare(stream)
        for i in range(count):
            frame = av.VideoFrame.from_ndarray(numbered_frame(i, size_wh), format="rgb24")
            frame.pts = i if stamps is None else stamps[i]
            frame.time_base = time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def without(path: Path, out: Path, dropped: Collection[int]) -> Path:
    """A copy of a video that lacks some packets of its pictures, counted as they are stored."""
    with av.open(str(path)) as source, av.open(str(out), "w") as copy:
        streams = {s.index: copy.add_stream_from_template(s) for s in source.streams}
        number = 0
        for packet in source.demux():
            if not packet.size:
                continue
            picture = packet.stream.type == "video"
            number += picture
            if not picture or number - 1 not in dropped:
                packet.stream = streams[packet.stream.index]
                copy.mux(packet)
    return out
