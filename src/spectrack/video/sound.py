"""The sound of a source video, for a video that is made from its pictures."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av

from spectrack.errors import InputWarning

_COPIED = frozenset({"aac", "alac", "mp3", "ac3", "eac3"})
"""Codecs that players expect in mp4; others become AAC."""
_COPIED_FROM = frozenset({"mov", "mp4", "matroska", "webm"})
_RATES = (48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
"""Samples a second that AAC knows and players expect."""
_LEAST_MP3 = 16000
"""Samples a second below which MP3 is none that mp4 files may hold."""
_ERRORS = (av.error.FFmpegError, OSError, ValueError, RuntimeError)


class Sound:
    """The first sound track of a file, handed on packet by packet beside the pictures.

    Packets are copied where an mp4 file can hold them as they are, otherwise the sound is encoded
    anew as AAC. What cannot be read is left out with an ``InputWarning``.

    Args:
        path: The source; it has sound, see :func:`open_sound`.
        start_s: Time of the first picture in the source; sound from before it is left out.
    """

    def __init__(self, path: Path, start_s: float = 0.0) -> None:
        self.source = str(path)
        self._start = start_s
        self._container: Any = av.open(str(path), options={"protocol_whitelist": "file"})
        self._given: Any = self._container.streams.audio[0]
        self._stream: Any = None
        self._packets: Iterator[Any] = iter(())
        self._ahead: Any = None

    def attach(self, container: Any) -> None:
        """Add the sound track to the file to be written, before its first packet."""
        names = set(self._container.format.name.split(","))
        codec = self._given.codec_context.name.removesuffix("float")
        given = self._given.codec_context.sample_rate or _RATES[0]
        held = codec in _COPIED and (codec != "mp3" or given >= _LEAST_MP3)
        try:
            if held and names & _COPIED_FROM:
                self._stream = container.add_stream_from_template(self._given)
                self._packets = self._copied()
            else:
                rate = min(_RATES, key=lambda known: abs(known - given))
                layout = "mono" if self._given.codec_context.channels == 1 else "stereo"
                self._stream = container.add_stream("aac", rate=rate, layout=layout)
                self._packets = self._encoded(rate, layout)
        except _ERRORS as error:
            self._give_up(error)

    def up_to(self, time_s: float) -> Iterator[Any]:
        """The packets that begin before a time of the new file, in seconds."""
        while self._stream is not None:
            if self._ahead is None:
                try:
                    self._ahead = next(self._packets, None)
                except _ERRORS as error:
                    self._give_up(error)
                if self._ahead is None:
                    return
            stamp = self._ahead.dts if self._ahead.dts is not None else self._ahead.pts
            if stamp is not None and float(stamp * self._ahead.time_base) >= time_s:
                return
            packet, self._ahead = self._ahead, None
            yield packet

    def close(self) -> None:
        """Close the source."""
        self._packets, self._ahead = iter(()), None
        self._container.close()

    def _copied(self) -> Iterator[Any]:
        """Packets of the source, moved to the time of the new file."""
        for packet in self._container.demux(self._given):
            if packet.pts is None or packet.dts is None:
                continue
            shift = round(self._start / packet.time_base)
            if packet.pts - shift < 0:
                continue
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            packet.stream = self._stream
            yield packet

    def _encoded(self, rate: int, layout: str) -> Iterator[Any]:
        """The sound as AAC."""
        resampler = av.AudioResampler(format="fltp", layout=layout, rate=rate)
        for packet in self._container.demux(self._given):
            for decoded in packet.decode():
                if decoded.time is not None and decoded.time < self._start:
                    continue
                if decoded.pts is not None:
                    decoded.pts -= round(self._start / decoded.time_base)
                for frame in resampler.resample(decoded):
                    yield from self._stream.encode(frame)
        for frame in resampler.resample(None):
            yield from self._stream.encode(frame)
        yield from self._stream.encode(None)

    def _give_up(self, error: BaseException) -> None:
        self._packets, self._ahead = iter(()), None
        lines = str(error).splitlines() or [type(error).__name__]
        warnings.warn(
            f"the sound of {self.source} cannot be read to its end ({lines[0]}); the overlay goes "
            "on without it",
            InputWarning,
            stacklevel=3,
        )


def open_sound(path: Path | None, start_s: float = 0.0) -> Sound | None:
    """The sound of a file, None where it has none, or none that can be decoded.

    Args:
        path: The file, None where the frames come from none.
        start_s: As for :class:`Sound`.
    """
    if path is None:
        return None
    try:
        with av.open(str(path), options={"protocol_whitelist": "file"}) as container:
            streams = container.streams.audio
            if not streams or streams[0].codec_context is None:
                return None
        return Sound(path, start_s)
    except _ERRORS:
        return None
