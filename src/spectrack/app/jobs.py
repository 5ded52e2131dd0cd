"""What worker processes are asked, and what they tell; all of it goes through a pipe."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spectrack.app.keys import Click, KeyedSpan
from spectrack.structures import Box, Mask


@dataclass(frozen=True, slots=True)
class Run:
    """Follow objects through spans.

    Args:
        video: The video.
        spans: In the order in which they are to be worked on.
        tracker: Name of the tracker.
        folder: Where answers are kept, one file a span.
        passes: Where the ways of the tracker are kept.
    """

    video: Path
    spans: tuple[KeyedSpan, ...]
    tracker: str
    folder: Path
    passes: Path


@dataclass(frozen=True, slots=True)
class Segment:
    """The mask that clicks lead to in one frame.

    Args:
        video: The video.
        frame: Counted from 0.
        clicks: Points on it and beside it.
        box: Around it, where one was drawn.
        mask: What is to be corrected, where there is something.
    """

    video: Path
    frame: int
    clicks: tuple[Click, ...]
    box: Box | None = None
    mask: Mask | None = None


@dataclass(frozen=True, slots=True)
class MakeLayer:
    """Masks from elsewhere as a result folder: as they are, refined, or several fused.

    Args:
        video: The video.
        how: ``load``, ``refine`` or ``fuse``.
        sources: Name to folder or file of masks; one, but for ``fuse``.
        out: The result folder.
    """

    video: Path
    how: str
    sources: dict[str, Path]
    out: Path


@dataclass(frozen=True, slots=True)
class Publish:
    """Put answers together into a result folder.

    Args:
        size_wh: Width and height of the frames.
        stems: Name of each frame.
        spans: Object id to its spans: first frame, one past the last, and the file of answers.
        keys: Object id to its key frames, as JSON has them; they are answers, too.
        raw: Whether answers are taken as they were before the filter.
        info: What ``track.json`` says.
        out: The folder; an earlier result in it is replaced.
        keep: Objects of which some spans have never been answered: where the earlier result has
            them whole, or nothing else is known of them, they stay as they are in it.
    """

    size_wh: tuple[int, int]
    stems: tuple[str, ...]
    spans: dict[int, tuple[tuple[int, int, Path], ...]]
    keys: dict[int, dict[int, dict[str, Any]]]
    raw: bool
    info: dict[str, Any]
    out: Path
    keep: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Export:
    """Write a result in a format for others.

    Args:
        result: A result folder.
        video: The video.
        format: Its name.
        out: The file; its folder exists.
    """

    result: Path
    video: Path
    format: str
    out: Path


@dataclass(frozen=True, slots=True)
class OpenVideo:
    """What a video is; for the process with little memory."""

    video: Path


@dataclass(frozen=True, slots=True)
class ShowFrame:
    """A frame as JPEG; for the process with little memory.

    Args:
        video: The video.
        frame: Counted from 0.
    """

    video: Path
    frame: int


Job = Run | Segment | MakeLayer | Publish | Export | OpenVideo | ShowFrame


@dataclass(frozen=True, slots=True)
class Asked:
    """A job with its number."""

    number: int
    job: Job


@dataclass(frozen=True, slots=True)
class Told:
    """What a worker says of a job.

    Args:
        number: Of the job.
        what: ``answer`` (digest, frame, entry as JSON has it, which way), ``span`` (digest),
            ``progress`` (done, in all), or an end: ``done`` (value), ``failed`` (sentence),
            ``stopped``.
        values: See ``what``.
    """

    number: int
    what: str
    values: tuple[Any, ...] = field(default=())

    @property
    def over(self) -> bool:
        """Whether the job has ended."""
        return self.what in {"done", "failed", "stopped"}
