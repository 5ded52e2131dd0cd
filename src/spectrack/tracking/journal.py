"""A journal of answers: a run that was killed goes on where it was.

One line of JSON a frame, each behind its own checksum, appended as the answers come. The cost of a
frame does not grow with the video. A line that was cut off by the kill is dropped.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Protocol, Self

import numpy as np

from spectrack.checked_lines import line, whole_lines
from spectrack.errors import InputError
from spectrack.structures import Box, Mask, Prediction
from spectrack.tracking.packed_masks import pack
from spectrack.tracks import Entry, Track

FORMAT = "spectrack journal 1"


@dataclass
class Kept:
    """What an earlier run came to.

    Args:
        asked: What decided its answers, as JSON has it.
        tracks: Object id to the answers, all of the same length.
        frames: How many frames are answered.
        broken: Index of each frame that could not be decoded, and why.
        seconds: How long it has worked.
        resumed_at: At which frames it went on after earlier kills.
        size: Bytes of the journal that are whole.
    """

    asked: dict[str, Any]
    tracks: dict[int, Track]
    frames: int = 0
    broken: dict[int, str] = field(default_factory=dict)
    seconds: float = 0.0
    resumed_at: list[int] = field(default_factory=list)
    size: int = 0


class Keeper(Protocol):
    """What the answers of a run go to as they come, beside its tracks."""

    kept: Kept | None
    """What an earlier run came to, to go on from."""

    def add(
        self,
        tracks: Mapping[int, Track],
        predictions: Mapping[int, Prediction],
        broken: str | None = None,
    ) -> None:
        """Keep the newest answers; see :meth:`Journal.add`."""
        ...


class Journal:
    """Keeps the answers of one run.

    Args:
        path: The file; its folder exists before the first answer comes.
        asked: What decides the answers: plain numbers, words, lists and dictionaries.
        kept: What :func:`read_journal` found there, to go on from; else the file is begun anew.
        soft: Keep soft masks, too, as :mod:`spectrack.tracking.packed_masks` packs them.
    """

    def __init__(
        self, path: Path, asked: Mapping[str, Any], kept: Kept | None = None, soft: bool = False
    ) -> None:
        self._path, self._asked, self._soft = path, dict(asked), soft
        self.kept = kept
        self._handle: IO[bytes] | None = None
        self._started = time.perf_counter()

    def add(
        self,
        tracks: Mapping[int, Track],
        predictions: Mapping[int, Prediction],
        broken: str | None = None,
    ) -> None:
        """Keep the newest answers.

        Args:
            tracks: Object id to track; the last entry of each is new.
            predictions: What that entry was made from.
            broken: Why the frame could not be decoded, if it could not.

        Raises:
            InputError: If the file cannot be written.
        """
        first = next(iter(tracks.values()))
        earlier = 0.0 if self.kept is None else self.kept.seconds
        answer: dict[str, Any] = {
            "stem": first.stems[-1],
            "seconds": round(earlier + time.perf_counter() - self._started, 3),
            "objects": [plain_entry(track.entries[-1]) for track in tracks.values()],
        }
        if self._soft:
            answer["soft"] = [_packed(predictions[key]) for key in tracks]
        if broken is not None:
            answer["broken"] = broken
        try:
            if self._handle is None:
                self._handle = self._begin(tracks)
            self._handle.write(line(answer))
            self._handle.flush()
        except OSError as error:
            raise InputError(
                f"{self._path} cannot be written ({error.strerror}); give another folder"
            ) from error

    def close(self) -> None:
        """Close the file."""
        if self._handle is not None:
            self._handle.close()
            self._handle = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _begin(self, tracks: Mapping[int, Track]) -> IO[bytes]:
        handle: IO[bytes]
        if self.kept is None:
            handle = self._path.open("wb")
            size_wh = next(iter(tracks.values())).size_wh
            head = {"asked": self._asked, "size_wh": size_wh, "objects": list(tracks)}
            handle.write(line({"format": FORMAT, **head}))
            return handle
        handle = self._path.open("r+b")
        handle.truncate(self.kept.size)
        handle.seek(self.kept.size)
        handle.write(line({"resumed_at": self.kept.frames}))
        return handle


def read_journal(path: Path) -> Kept | None:
    """What an earlier run came to; None where there is no journal or it holds no answer."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    kept: Kept | None = None
    size = 0
    try:
        for found, end in whole_lines(data):
            if kept is None:
                if found["format"] != FORMAT:
                    return None
                width, height = (int(v) for v in found["size_wh"])
                tracks = {int(key): Track((width, height)) for key in found["objects"]}
                kept = Kept(dict(found["asked"]), tracks)
            elif "resumed_at" in found:
                kept.resumed_at.append(int(found["resumed_at"]))
            else:
                _take(kept, found)
            size = end
    except (KeyError, TypeError, ValueError):
        pass  # whole by its checksum and yet not ours: what came before it counts
    if kept is None or not kept.tracks or not kept.frames:
        return None
    kept.size = size
    return kept


def _take(kept: Kept, found: dict[str, Any]) -> None:
    """Add a frame to what is kept: wholly or, if it is no frame of ours, not at all."""
    size_wh = next(iter(kept.tracks.values())).size_wh
    entries = [entry_of(plain, size_wh) for plain in found["objects"]]
    stem, seconds = str(found["stem"]), float(found["seconds"])
    pairs = list(zip(kept.tracks.values(), entries, strict=True))
    if "broken" in found:
        kept.broken[kept.frames] = str(found["broken"])
    for track, entry in pairs:
        track.entries.append(entry)
        track.stems.append(stem)
    kept.frames, kept.seconds = kept.frames + 1, seconds


def plain_entry(entry: Entry) -> list[Any]:
    """An answer as JSON has it."""
    box = None if entry.box is None else [float(v) for v in entry.box]
    counts = None if entry.mask is None else entry.mask.counts.decode("ascii")
    return [box, counts, entry.score, entry.found]


def _packed(prediction: Prediction) -> list[Any] | None:
    mask = prediction.mask
    return None if mask is None or mask.dtype == np.bool_ else pack(mask.astype(np.float32))


def entry_of(plain: list[Any], size_wh: tuple[int, int]) -> Entry:
    """The answer that :func:`plain_entry` was given.

    Raises:
        TypeError: If it is none; or a ValueError.
    """
    box, counts, score, found = plain
    mask = None if counts is None else Mask(size_wh[1], size_wh[0], counts.encode("ascii"))
    return Entry(None if box is None else Box(*box), mask, float(score), bool(found))
