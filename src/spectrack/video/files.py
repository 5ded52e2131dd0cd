"""Video files by PyAV: every frame once, in order, with its own time stamp."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from spectrack.errors import InputError
from spectrack.structures import FrameHWC
from spectrack.video.colour import display_matrix, to_rgb, upright
from spectrack.video.containers import announced_bytes
from spectrack.video.frames import DEFAULT_FPS, BrokenFrame, Frames
from spectrack.video.salvage import by_stamp

_TEXT_FORMATS = frozenset({"tty", "lrc", "bin", "xbin", "adf", "idf"})
"""FFmpeg "plays" text files as terminal art; nobody who gives one means that."""
_STRIDE = 48
"""Decode forward instead of seeking when the wanted frame is at most this far ahead."""
_VP8_SHOWN = 0x10
"""Bit of a VP8 packet's first byte; without it the frame serves others as a reference alone."""


@dataclass(frozen=True)
class _Index:
    """Presentation time stamps in stream units, ascending; those of key frames among them.

    ``exact`` tells that each stamp names one decoded frame, so that seeking by stamp is safe.
    """

    pts: list[int | None]
    keys: list[int]
    exact: bool


class VideoFile(Frames):
    """A video file, decoded lazily.

    Frames come in presentation order, turned as the file's display matrix asks. Iterating decodes
    from the start without seeking; ``frames[i]`` seeks to the key frame before frame i and decodes
    up to its exact time stamp. Pixels are taken as square. Where packets hold no picture in ways
    that only decoding shows, length and times are right once all frames were read.

    Args:
        path: The file.

    Raises:
        InputError: If the file is missing, empty, cut short or holds no video that can be decoded;
            later, while reading, if a frame is broken (the message names it).
    """

    def __init__(self, path: str | Path) -> None:
        self.source = str(path)
        self._path = self.media = Path(path)
        self.name = self._path.stem
        self._begin: int | None = None
        self._decoded: list[int | None] | None = None
        self._cursor: Iterator[av.VideoFrame] | None = None
        self._cursor_next = 0
        self._check_bytes()
        first = next(self._decode(), None)
        if first is None:
            raise InputError(f"{self.source} holds no frame; give a video that plays")
        with self._open() as (container, stream):
            rate = stream.average_rate or stream.guessed_rate
            self.fps = float(rate) if rate else DEFAULT_FPS
            head = next(container.demux(stream))
        # Recordings may begin between key frames, or with what leans on frames before them; a key
        # frame that is missing before the first picture is a broken one, though.
        if not head.is_keyframe or head.pts == first.pts:
            self._begin = first.pts
        self._stored_wh = (first.width, first.height)
        self._matrix = display_matrix(first)
        width, height = self._stored_wh
        self.size_wh = (height, width) if self._matrix[0] == 0 else (width, height)

    @property
    def length(self) -> int:
        """Number of frames; the first call reads through the file once without decoding."""
        return len(self._index.pts if self._decoded is None else self._decoded)

    @property
    def times_s(self) -> NDArray[np.float64] | None:
        """Presentation time of each frame in seconds, as the file has it; shape (T,).

        None where the file has no time stamps, as bare H.264 streams.
        """
        if None in self._index.pts:
            return None
        with self._open() as (_, stream):
            unit = float(stream.time_base)
        return np.array(self._index.pts, dtype=np.float64) * unit

    def __iter__(self) -> Iterator[FrameHWC]:
        for count, frame in enumerate(self._decode()):
            yield self._picture(frame, count)

    def salvage(self, start: int = 0) -> Iterator[FrameHWC | BrokenFrame]:
        """Frames from ``start`` on, and an error in the place of each that cannot be decoded.

        Frames that refer to a broken one come as the decoder makes them, which may be smeared.
        """
        count = 0
        try:
            for frame in self._decode():
                if count >= start:
                    yield self._picture(frame, count)
                count += 1
            return
        except BrokenFrame as error:
            if not self._index.exact:  # nobody can tell which frames are missing
                raise error from None
        with self._open(threads=False) as (container, stream):
            for index, found in by_stamp(container, stream, self._index.pts):
                if index >= max(start, count):
                    yield self._broken(index) if found is None else self._picture(found, index)

    def close(self) -> None:
        """Close the decoder kept for random access."""
        if self._cursor is not None:
            self._cursor.close()  # type: ignore[attr-defined]
        self._cursor = None

    def _read(self, index: int) -> FrameHWC:
        known = self._index
        wanted = known.pts[index]
        if wanted is not None and known.exact:
            if self._cursor is None or not 0 <= index - self._cursor_next <= _STRIDE:
                self._seek(wanted)
            found = self._advance(wanted)
            if found is not None:
                self._cursor_next = index + 1
                return self._picture(found, index)
        # No stamps, key frames marked wrongly, or broken data: counting from the start is right.
        self.close()
        for position, frame in enumerate(self._decode()):
            if position == index:
                return self._picture(frame, index)
        raise BrokenFrame(f"{self.source} has no readable frame {index}; convert it again")

    def _seek(self, wanted: int) -> None:
        self.close()
        keys = self._index.keys
        place = bisect_right(keys, wanted) - 1
        self._cursor = self._decode_from(keys[place]) if place > 0 else self._decode()

    def _advance(self, wanted: int) -> av.VideoFrame | None:
        """Decode on to the frame with a time stamp; None where it is passed or missing."""
        if self._cursor is None:
            return None
        for frame in self._cursor:
            if frame.pts == wanted:
                return frame
            if frame.pts is not None and frame.pts > wanted:
                break
        return None

    @cached_property
    def _index(self) -> _Index:
        """Read all packets once. Where their stamps are no use, those of decoded frames instead."""
        with self._open() as (container, stream):
            # AVI knows the order of decoding only, which B-frames make differ.
            reordered = container.format.name == "avi" and stream.codec_context.has_b_frames
            # Only the stamps are kept: the packets together are the whole file.
            marks = [(p.pts, p.is_keyframe) for p in container.demux(stream) if self._shows(p)]
        stamps = [pts for pts, _ in marks]
        keys = sorted(pts for pts, key in marks if key and pts is not None)
        fits = self._decoded is None or len(self._decoded) == len(stamps)
        if fits and not reordered and None not in stamps and len(set(stamps)) == len(stamps):
            return _Index(sorted(stamps), keys, exact=True)
        return _decoded_index(self._decoded or [frame.pts for frame in self._decode()])

    def _keep(self, decoded: list[int | None]) -> None:
        """Stamps of all frames, now that they were decoded; an index that knew others is wrong."""
        self._decoded = decoded
        index: _Index | None = self.__dict__.get("_index")
        if index is not None and len(index.pts) != len(decoded):
            self._index = _decoded_index(decoded)

    def _decode(self) -> Iterator[av.VideoFrame]:
        """All frames in presentation order, from the start."""
        packets = 0
        stamps: list[int | None] = []
        with self._open() as (container, stream):
            try:
                for packet in container.demux(stream):
                    packets += self._shows(packet)
                    for frame in packet.decode():
                        if getattr(frame, "is_corrupt", False):
                            raise av.error.InvalidDataError(0, "corrupt frame")
                        stamps.append(frame.pts)
                        yield frame
            except av.error.FFmpegError:
                raise self._broken(self._first_broken()) from None
        if len(stamps) < packets:
            # Decoder threads may swallow a broken last part; interlaced fields are innocent.
            number = self._first_broken()
            if number is not None:
                raise self._broken(number)
        self._keep(stamps)

    def _decode_from(self, key: int) -> Iterator[av.VideoFrame]:
        """Frames from a key frame's stamp on; ends early where anything is wrong.

        Frames shown before an open group's key frame lack what they refer to: they are left out.
        """
        with self._open() as (container, stream), suppress(av.error.FFmpegError):
            container.seek(key, stream=stream)
            for packet in container.demux(stream):
                leading = packet.pts is not None and packet.pts < key
                with suppress(av.error.FFmpegError) if leading else nullcontext():
                    for frame in packet.decode():
                        if frame.pts is None or frame.pts < key:
                            continue
                        if getattr(frame, "is_corrupt", False):
                            return
                        yield frame

    def _broken(self, number: int | None) -> BrokenFrame:
        where = "" if number is None else f" at frame {number}"
        return BrokenFrame(
            f"{self.source} is corrupt{where} and cannot be decoded; "
            "copy it again or cut the broken part out"
        )

    def _first_broken(self) -> int | None:
        """Index of the first frame that fails, found without threads, which report late."""
        with self._open(threads=False) as (container, stream):
            stamps: list[int] = []
            bad: int | None = None
            for packet in container.demux(stream):
                if packet.pts is not None and self._shows(packet):
                    stamps.append(packet.pts)
                if bad is None:
                    try:
                        corrupt = [f.pts for f in packet.decode() if getattr(f, "is_corrupt", 0)]
                        bad = corrupt[0] if corrupt else None
                    except av.error.FFmpegError:
                        bad = packet.pts
        return None if bad is None else bisect_left(sorted(stamps), bad)

    def _shows(self, packet: Any) -> bool:
        """Whether a packet is there to give a picture; others are decoded but not shown."""
        if not packet.size or getattr(packet, "is_discard", False):  # the end, or an edit list
            return False
        if None not in (packet.pts, self._begin) and packet.pts < self._begin:
            return False
        vp8 = packet.stream.codec_context.name == "vp8"
        return not vp8 or bool(memoryview(packet)[0] & _VP8_SHOWN)

    def _picture(self, frame: av.VideoFrame, index: int) -> FrameHWC:
        if (frame.width, frame.height) != self._stored_wh:
            first = "x".join(map(str, self._stored_wh))
            raise InputError(
                f"{self.source} changes size at frame {index} ({frame.width}x{frame.height} after "
                f"{first}); cut it into videos of one size"
            )
        return upright(to_rgb(frame), self._matrix)

    @contextmanager
    def _open(self, threads: bool = True) -> Iterator[tuple[Any, Any]]:
        """The container and its first video stream that is not a cover picture."""
        try:
            # Playlists must not reach out to the network.
            container = av.open(str(self._path), options={"protocol_whitelist": "file"})
        except (av.error.FFmpegError, OSError, ValueError):
            raise self._no_video() from None
        with container:
            streams = [s for s in container.streams.video if not _is_cover(s)]
            if not streams or container.format.name in _TEXT_FORMATS:
                raise self._no_video()
            streams[0].thread_type = "AUTO" if threads else "NONE"
            # Say that data is broken rather than paint over it.
            streams[0].codec_context.options = {"err_detect": "explode"}
            yield container, streams[0]

    def _check_bytes(self) -> None:
        try:
            size = self._path.stat().st_size
            announced = announced_bytes(self._path)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise InputError(f"{self.source} cannot be read ({reason}); give a video") from None
        if size == 0:
            raise InputError(f"{self.source} is empty (0 bytes); give a video file")
        if announced is not None and announced > size:
            raise InputError(
                f"{self.source} is truncated ({size} of {announced} bytes); copy it again whole"
            )

    def _no_video(self) -> InputError:
        return InputError(
            f"{self.source} is not a video that can be decoded; give a video file such as mp4, "
            "mkv or webm, or a folder of images"
        )


def _decoded_index(stamps: list[int | None]) -> _Index:
    """The index by decoded frames, where packets cannot tell it."""
    known = [pts for pts in stamps if pts is not None]
    return _Index([*sorted(known)] if len(known) == len(stamps) else stamps, [], exact=False)


def _is_cover(stream: Any) -> bool:
    return bool(stream.disposition & av.stream.Disposition.attached_pic)
