"""The objects cut out of their video: PNG frames, or a video, with an alpha channel.

Alpha is straight: colours are those of the frame, not darkened towards the edge. Away from the
objects they are black, so that nothing of the background is handed on but a rim of some pixels,
which keeps lossy codecs from darkening the edges.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from spectrack.errors import InputError
from spectrack.exports.base import About
from spectrack.structures import FrameHWC
from spectrack.tracks import Tracks

PICTURES = "cutouts"
RIM = 8
"""Pixels of background kept about the objects in videos; pictures lose nothing and have none."""

RgbaHW4 = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class AlphaVideo:
    """How a kind of video with alpha is written.

    Args:
        codec: Encoder.
        pixels: Pixel format.
        container: Format of the file.
        options: Of the encoder.
        even: Whether width and height must be even.
    """

    codec: str
    pixels: str
    container: str
    options: dict[str, str]
    even: bool


PRORES = AlphaVideo(
    "prores_ks", "yuva444p10le", "mov", {"profile": "4444", "alpha_bits": "16"}, True
)
VP9 = AlphaVideo(
    "libvpx-vp9",
    "yuva420p",
    "webm",
    # Reordered frames would lose their alpha.
    {"crf": "24", "b": "0", "auto-alt-ref": "0", "row-mt": "1", "cpu-used": "4"},
    True,
)


def write_pictures(tracks: Tracks, folder: Path, about: About) -> None:
    """Write ``cutouts/STEM.png`` for every frame, RGBA; what is not cut out is all zero."""
    pictures = folder / PICTURES
    pictures.mkdir()
    for stem, rgba in zip(tracks.first.stems, cut_out(tracks, about, "cutouts"), strict=True):
        rgba[rgba[..., 3] == 0] = 0
        Image.fromarray(rgba).save(pictures / f"{stem}.png", compress_level=4)


def write_prores(tracks: Tracks, path: Path, about: About) -> None:
    """Write ProRes 4444 with 16 bits of alpha, as editors take it."""
    _write(tracks, path, about, PRORES)


def write_vp9(tracks: Tracks, path: Path, about: About) -> None:
    """Write VP9 with alpha, as browsers play it."""
    _write(tracks, path, about, VP9)


def cut_out(tracks: Tracks, about: About, of: str) -> Iterator[RgbaHW4]:
    """Every frame with the union of the objects' masks as alpha, uint8 (H, W, 4).

    Raises:
        InputError: If there is no video, or it ends before the tracks.
    """
    frames, total = about.video(of), len(tracks.first)
    done = 0
    for done, (frame, t) in enumerate(zip(frames, range(total), strict=False), start=1):
        inside = np.logical_or.reduce([track.mask(t) for track in tracks.values()])
        yield np.dstack([frame, np.where(inside, np.uint8(255), np.uint8(0))])
        about.progress(done, total)
    if done < total:
        raise InputError(
            f"{frames.source} ends after {done} frames but the track has {total}; "
            "give the video that was tracked"
        )


def _write(tracks: Tracks, path: Path, about: About, kind: AlphaVideo) -> None:
    try:
        av.codec.Codec(kind.codec, "w")
    except ValueError as error:  # PyAV's UnknownCodecError
        raise InputError(
            f"the encoder {kind.codec} is not in this build of PyAV; install a wheel of av from "
            "PyPI, or export cutouts"
        ) from error
    frames = about.video(kind.container)
    width, height = tracks.first.size_wh
    rate = Fraction(frames.fps).limit_denominator(1001)
    # Frames whose rate varies keep their own times, in milliseconds, the finest that WebM has.
    times_s = frames.times_s
    timed = times_s is not None and len(times_s) >= len(tracks.first)
    beat = Fraction(1, 1000) if timed and tracks.first.info.get("variable_frame_rate") else 1 / rate
    with av.open(str(path), "w", format=kind.container) as container:
        stream: Any = container.add_stream(kind.codec, rate=rate)
        stream.width, stream.height = width + width % 2, height + height % 2
        stream.pix_fmt, stream.options = kind.pixels, kind.options
        context = stream.codec_context
        context.time_base = beat
        context.colorspace = context.color_primaries = context.color_trc = 1  # BT.709
        context.color_range = 1  # limited
        if kind is VP9:
            stream.metadata["alpha_mode"] = "1"
        last = -1
        for t, rgba in enumerate(cut_out(tracks, about, kind.container)):
            frame = av.VideoFrame.from_ndarray(_padded(_blackened(rgba)), format="rgba")
            frame = frame.reformat(format=kind.pixels, dst_colorspace="ITU709")
            last = t if beat == 1 / rate else max(_ticks(times_s, t), last + 1)
            frame.pts, frame.time_base = last, beat
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _ticks(times_s: Any, t: int) -> int:
    """Milliseconds from the first frame."""
    return round(1000 * float(times_s[t] - times_s[0]))


def _blackened(rgba: RgbaHW4) -> RgbaHW4:
    """Black beyond a rim about the objects."""
    side = 2 * RIM + 1
    near = cv2.dilate(rgba[..., 3], np.ones((side, side), np.uint8))
    rgba[..., :3][near == 0] = 0
    return rgba


def _padded(rgba: RgbaHW4) -> FrameHWC:
    """Even width and height, as codecs want them; the last column or row repeated."""
    height, width = rgba.shape[:2]
    pads = ((0, height % 2), (0, width % 2), (0, 0))
    return np.ascontiguousarray(
        np.pad(rgba, pads, mode="edge") if height % 2 or width % 2 else rgba
    )
