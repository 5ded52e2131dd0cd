"""Write frames as an H.264 video, complete or not at all."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import numpy as np

from spectrack.errors import InputError
from spectrack.storage import Progress, replacing
from spectrack.structures import FrameHWC
from spectrack.video.frames import Frames
from spectrack.video.sound import Sound

_FORMATS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}
_BT709, _LIMITED = 1, 1
LEAST_FPS, MOST_FPS = 1e-3, 1e3
"""Frames per second that a video may have."""
_CLOCK = 90000
"""Ticks a second of timed videos, as MPEG has them."""


class VideoWriter:
    """Write uint8 RGB frames as a video that browsers play: H.264, yuv420p, mp4.

    Odd sizes are padded to even by repeating the last column or row. Leaving the ``with`` block
    normally puts the file in place; leaving it by an error or Ctrl-C removes it.

    Args:
        path: File to write: .mp4, .mov or .mkv.
        fps: Frames per second, from ``LEAST_FPS`` to ``MOST_FPS``.
        size_wh: Width and height of the frames.
        quality: x264's constant rate factor; lower is better, 18 looks like the source.
        lossless: Keep every RGB value exactly (H.264 in RGB; few browsers play it).
        timed: Every frame comes with its own time, for sources whose rate varies.
        sound: Sound to write beside the frames; it is closed with the writer.

    Raises:
        InputError: If the name, the rate or the size cannot be used, or the folder is missing.
    """

    def __init__(
        self,
        path: str | Path,
        fps: float,
        size_wh: tuple[int, int],
        quality: int = 20,
        lossless: bool = False,
        timed: bool = False,
        sound: Sound | None = None,
    ) -> None:
        self.path = Path(path)
        kind = _FORMATS.get(self.path.suffix.lower())
        if kind is None:
            raise InputError(f"{path} cannot be written as video; give a name ending in .mp4")
        if not LEAST_FPS <= fps <= MOST_FPS or min(size_wh) < 1:
            raise InputError(
                f"a video of {size_wh[0]}x{size_wh[1]} at {fps} frames per second was asked for; "
                f"give a size above 0 and a rate from {LEAST_FPS:g} to {MOST_FPS:g}"
            )
        if not self.path.parent.is_dir():
            raise InputError(f"folder {self.path.parent} does not exist; make it first")
        self.size_wh = size_wh
        self._lossless = lossless
        self._whole = replacing(self.path)
        part = self._whole.__enter__()
        self._open = True
        self._count, self._last = 0, -1
        self._rate, self._timed, self._sound = fps, timed, sound
        options = {"movflags": "+faststart"} if kind != "matroska" else {}
        self._container: Any = None
        try:
            self._container = av.open(str(part), "w", format=kind, options=options)
            self._stream = self._add_stream(Fraction(fps).limit_denominator(1001), quality)
            if sound is not None:
                sound.attach(self._container)
            self._container.start_encoding()  # what the file cannot hold is known before any frame
        except BaseException:
            self.abort()
            raise

    def write(self, frame_hwc: FrameHWC, time_s: float | None = None) -> None:
        """Add a frame, uint8 RGB of shape (H, W, 3).

        Args:
            frame_hwc: The frame.
            time_s: When it is shown, in seconds from the start; needed by a timed writer alone.

        Raises:
            InputError: If the frame has another shape or dtype, or the writer is closed.
        """
        if self._container is None:
            raise InputError(f"{self.path} is closed already; write before closing")
        width, height = self.size_wh
        if frame_hwc.shape != (height, width, 3) or frame_hwc.dtype != np.uint8:
            raise InputError(
                f"a frame of dtype {frame_hwc.dtype} and shape {frame_hwc.shape} was given; "
                f"expected uint8 of shape ({height}, {width}, 3)"
            )
        if self._lossless:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame_hwc), format="rgb24")
        else:
            if width % 2 or height % 2:
                pads = ((0, height % 2), (0, width % 2), (0, 0))
                frame_hwc = np.pad(frame_hwc, pads, mode="edge")
            rgb = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame_hwc), format="rgb24")
            frame = rgb.reformat(format="yuv420p", dst_colorspace="ITU709")
        frame.time_base = self._stream.codec_context.time_base
        if self._timed and time_s is not None:
            self._last = max(round(time_s / frame.time_base), self._last + 1)
        else:
            time_s, self._last = self._count / self._rate, self._count
        frame.pts = self._last
        self._container.mux(self._stream.encode(frame))
        self._end = time_s + 1 / self._rate
        self._mux_sound(time_s)
        self._count += 1

    def close(self) -> None:
        """Finish the file and put it in place.

        Raises:
            InputError: If no frame was written; nothing is left then.
        """
        if self._container is None:
            return
        if self._count == 0:
            self.abort()
            raise InputError(f"no frame was written to {self.path}; give at least one")
        try:
            self._container.mux(self._stream.encode())
            self._mux_sound(self._end)
            self._container.close()
        except BaseException:
            self.abort()
            raise
        self._container, self._open = None, False
        self._close_sound()
        self._whole.__exit__(None, None, None)

    def abort(self) -> None:
        """Close and remove the unfinished file; a file of that name from before stays."""
        if not self._open:
            return
        self._open = False
        container, self._container = self._container, None
        self._close_sound()
        if container is not None:
            # The file is thrown away, so it does not matter whether it could be finished.
            with suppress(av.error.FFmpegError, OSError, ValueError):
                container.close()
        given_up = InterruptedError()
        self._whole.__exit__(InterruptedError, given_up, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    def _mux_sound(self, time_s: float) -> None:
        """Write the sound up to a time, beside the frames so that players need not jump."""
        if self._sound is not None:
            for packet in self._sound.up_to(time_s):
                self._container.mux(packet)

    def _close_sound(self) -> None:
        if self._sound is not None:
            self._sound.close()

    def _add_stream(self, rate: Fraction, quality: int) -> Any:
        width, height = self.size_wh
        stream: Any = self._container.add_stream(
            "libx264rgb" if self._lossless else "libx264", rate=rate
        )
        context = stream.codec_context
        context.time_base = Fraction(1, _CLOCK) if self._timed else 1 / rate
        if self._lossless:
            stream.width, stream.height, stream.pix_fmt = width, height, "rgb24"
            stream.options = {"preset": "ultrafast", "qp": "0"}
            return stream
        stream.width, stream.height = width + width % 2, height + height % 2
        stream.pix_fmt = "yuv420p"
        stream.options = {"preset": "veryfast", "crf": str(quality)}
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        context.color_range = _LIMITED
        return stream


def write_video(
    path: str | Path,
    frames: Frames,
    fps: float | None = None,
    lossless: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Write all frames of a source as a video; see :class:`VideoWriter`.

    Args:
        path: File to write.
        frames: The source.
        fps: Frames per second; the source's own where left out.
        lossless: Keep every RGB value.
        progress: Called with (frames done, all frames or None) after each frame.

    Returns:
        The file.
    """
    with VideoWriter(path, fps or frames.fps, frames.size_wh, lossless=lossless) as writer:
        for done, frame in enumerate(frames, start=1):
            writer.write(frame)
            if progress is not None:
                progress(done, frames.length)
    return Path(path)
