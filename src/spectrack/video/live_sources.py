"""Sources that do not wait: cameras, network streams, pipes, and files played at their own rate."""

from __future__ import annotations

import re
import stat
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av

from spectrack.errors import InputError
from spectrack.structures import FrameHWC
from spectrack.video.colour import display_matrix, to_rgb, upright
from spectrack.video.frames import Camera
from spectrack.video.reader import open_video

NETWORK = ("rtsp", "rtsps", "rtmp", "rtmps", "srt", "udp", "tcp", "http", "https")
"""Schemes of addresses that are taken."""
WITHIN = (*NETWORK, "rtp", "tls", "crypto", "httpproxy")
"""What a stream from the network may open in turn: never a file."""
_PROMPT = frozenset({"rtsp", "rtsps", "udp", "srt"})
"""Schemes whose frames are old once probed and are dropped; elsewhere a file begins with them."""
OPEN_S, READ_S = 10.0, 10.0
"""Seconds until a network stream that does not open, or says nothing, is lost."""
MOST_BROKEN = 250
"""Packets in a row that cannot be decoded before a stream is lost; some always break."""


class LostStream(InputError):
    """A live source cannot be opened, or has ended where it should go on."""


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A frame that has come.

    Attributes:
        stamp_s: Seconds by the clock of the stream; None where it has no stamps.
        rgb: Makes uint8 RGB (H, W, 3) of it, which frames that are dropped are spared.
    """

    stamp_s: float | None
    rgb: Callable[[], FrameHWC]


class LiveSource(ABC):
    """What sends frames at its own rate.

    Attributes:
        shown: What it is called, without what may be a password.
        returns: Whether it is worth opening again when it was lost; a stream may tell
            only at its end.
    """

    shown: str
    returns: bool = True

    @abstractmethod
    def pictures(self, stop: threading.Event) -> Iterator[Picture]:
        """Open it; frames as they come, until it ends or ``stop`` is set.

        Raises:
            LostStream: If it cannot be opened, or breaks off.
        """


class CameraSource(LiveSource):
    """A camera by its number."""

    def __init__(self, index: int) -> None:
        self._index, self.shown = index, f"camera {index}"

    def pictures(self, stop: threading.Event) -> Iterator[Picture]:
        """See :class:`LiveSource`."""
        try:
            camera = Camera(self._index)
        except InputError as error:
            raise LostStream(str(error)) from None
        with camera:
            for frame_hwc in camera:
                if stop.is_set():
                    return
                yield Picture(None, _given(frame_hwc))


class StreamSource(LiveSource):
    """A stream that FFmpeg reads: an address, a named pipe, or standard input.

    Args:
        address: ``scheme://...``, the path of a pipe, or ``-``.
    """

    def __init__(self, address: str) -> None:
        self._options: dict[str, str] = {"analyzeduration": "1000000", "flags": "low_delay"}
        self._timeout: tuple[float, float] | None = None
        # names and passwords stand before the host, or anywhere behind it
        self.shown = re.sub(r"://(?:[^/]*@)?([^/?#]*).*", r"://\1", address, flags=re.S)
        if "://" in address:
            self._address, within = address, ",".join(WITHIN)
            self._options["rtsp_transport"] = "tcp"
            if address.partition("://")[0].lower() in _PROMPT:
                self._options["fflags"] = "nobuffer"
            self._timeout = (OPEN_S, READ_S)
        elif address == "-":
            self._address, within, self.shown = "pipe:0", "pipe", "standard input"
            self.returns = False
        else:
            self._address, within, self.returns = address, "file", False
        self._options["protocol_whitelist"] = within

    def pictures(self, stop: threading.Event) -> Iterator[Picture]:
        """See :class:`LiveSource`."""
        try:
            container = av.open(self._address, options=self._options, timeout=self._timeout)
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise self._lost("cannot be opened", error) from None
        with container:
            if not container.streams.video:
                raise LostStream(f"{self.shown} holds no video; give a stream that does")
            stream = container.streams.video[0]
            # Threads over frames would hold back as many frames as there are threads.
            stream.thread_type = "SLICE"
            unit = float(stream.time_base or 0)
            broken = 0
            packets = container.demux(stream)
            while not stop.is_set():
                try:
                    packet = next(packets, None)
                except (av.error.FFmpegError, OSError) as error:
                    raise self._lost("broke off", error) from None
                if packet is None:
                    # What tells how long it is, is a recording: opened again it would be replayed.
                    self.returns = self.returns and not container.duration
                    return
                frames: list[Any] = []
                with suppress(av.error.FFmpegError):
                    frames = list(packet.decode())
                broken = 0 if frames else broken + 1
                if broken > MOST_BROKEN:
                    raise LostStream(f"{self.shown} sends nothing that can be decoded")
                for frame in frames:
                    stamp = None if frame.pts is None or not unit else frame.pts * unit
                    yield Picture(stamp, _decoded(frame))

    def _lost(self, what: str, error: Exception) -> LostStream:
        reason = getattr(error, "strerror", None) or type(error).__name__
        return LostStream(f"{self.shown} {what} ({reason}); check that it is there and plays")


class PlayedSource(LiveSource):
    """A video file or a folder of images, played at its own rate as a camera would send it.

    Args:
        path: What :func:`~spectrack.video.reader.open_video` takes.
        clock: Seconds, monotonic.
    """

    returns = False

    def __init__(self, path: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._path, self._clock, self.shown = path, clock, path

    def pictures(self, stop: threading.Event) -> Iterator[Picture]:
        """See :class:`LiveSource`; frames are not skipped where reading them is too slow."""
        with open_video(self._path) as frames:
            times_s, begun = frames.times_s, None
            for number, frame_hwc in enumerate(frames):
                stamp = number / frames.fps
                if times_s is not None and number < len(times_s):
                    stamp = float(times_s[number] - times_s[0])
                begun = self._clock() if begun is None else begun
                if stop.wait(max(begun + stamp - self._clock(), 0.0)):
                    return
                yield Picture(stamp, _given(frame_hwc))


def open_live(source: str) -> LiveSource:
    """What a word names.

    Args:
        source: Number of a camera; an address; a named pipe, or ``-`` for standard input; a video
            file or folder of images, which is played at its own rate. It is opened later.

    Raises:
        InputError: If it is none of them.
    """
    path = Path(source)
    if source == "-":
        return StreamSource(source)
    scheme, found, _ = source.partition("://")
    if found:
        if scheme.lower() not in NETWORK:
            raise InputError(
                f"streams by {scheme} are not read; give an address of {', '.join(NETWORK)}"
            )
        return StreamSource(source)
    if path.exists():
        pipe = stat.S_ISFIFO(path.stat().st_mode)
        return StreamSource(source) if pipe else PlayedSource(source)
    if source.isdecimal():
        return CameraSource(int(source))
    raise InputError(
        f"{source} does not exist; give a camera number, an address such as rtsp://..., a pipe, or "
        "a video file"
    )


def _given(frame_hwc: FrameHWC) -> Callable[[], FrameHWC]:
    return lambda: frame_hwc


def _decoded(frame: Any) -> Callable[[], FrameHWC]:
    return lambda: upright(to_rgb(frame), display_matrix(frame))
