"""A session: a folder that holds a video's name, all that was said about it, and the answers.

    session.json    what the video is
    edits.jsonl     every step, one line each, on the disk before it is shown
    tracker         name of the one whose answers the result holds
    spans/          answers of trackers, one file a span, named by what decides them
    passes/         the ways of trackers from key frames, for work that was ended to go on
    layers/NAME/    masks that were loaded or made of others, each a result folder
    result/         the answers put together, a result folder
    video/          the video, where it was uploaded

A session survives a crash: nothing that was clicked is lost, and a step that is undone and redone
finds its answers again, as they are kept under the name of what decides them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from spectrack.app.edits import Edit, History, Project
from spectrack.checked_lines import line, whole_lines
from spectrack.errors import InputError
from spectrack.storage import claimed, explained, write_json, write_text

FORMAT = "spectrack session 1"
ABOUT, EDITS, TRACKER = "session.json", "edits.jsonl", "tracker"
SPANS, PASSES, LAYERS, RESULT, UPLOAD = "spans", "passes", "layers", "result", "video"


@dataclass(frozen=True, slots=True)
class About:
    """What the video of a session is.

    Args:
        video: A file or folder; inside the session where it was uploaded.
        size_wh: Width and height of its frames.
        length: How many there are.
        fps: Frames per second.
        stems: File stem of each frame, or numbers.
        first_frame: What its pixels come to, by which a video is known again; empty where a
            session is of before this was kept.
    """

    video: Path
    size_wh: tuple[int, int]
    length: int
    fps: float
    stems: tuple[str, ...]
    first_frame: str = ""

    def __post_init__(self) -> None:
        if self.length < 1 or min(self.size_wh) < 1 or len(self.stems) != self.length:
            raise InputError(
                f"a video of {self.length} frames of {self.size_wh} was given; it has no pixels"
            )

    def same_place(self, other: About) -> bool:
        """Whether both are of one file or folder, whatever it held at the time."""
        return os.path.realpath(self.video) == os.path.realpath(other.video)

    def same_frames(self, other: About) -> bool:
        """Whether both have the same frames, as far as is known."""
        known = {self.first_frame, other.first_frame} - {""}
        return (self.length, self.size_wh) == (other.length, other.size_wh) and len(known) < 2


class Session:
    """A session that is open; no other process has it meanwhile.

    Args:
        folder: Its folder.

    Raises:
        InputError: If there is none, it cannot be read, or another process has it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._stack = ExitStack()
        try:
            self.about = read_about(folder)
            self._stack.enter_context(claimed(folder))
            self.history = History()
            self._edits = folder / EDITS
            size = self._replay()
            with explained(self._edits):
                self._handle = self._stack.enter_context(self._edits.open("ab"))
                self._handle.truncate(size)  # what a crash cut off must not spoil the next line
            for name in (SPANS, PASSES, LAYERS):
                (folder / name).mkdir(exist_ok=True)
        except BaseException:
            self._stack.close()
            raise

    @classmethod
    def create(cls, folder: Path, about: About) -> Self:
        """Make a session in a folder that is new or empty, but for an uploaded video.

        Raises:
            InputError: If the folder holds other things or cannot be written.
        """
        with explained(folder, named=True):
            others = {p.name for p in folder.iterdir()} - {UPLOAD} if folder.is_dir() else set()
            if others:
                some = ", ".join(sorted(others)[:3])
                raise InputError(f"folder {folder} holds {some}; give one that is new or empty")
            folder.mkdir(parents=True, exist_ok=True)
            root = folder.resolve()
            video = about.video.resolve()
            inside = video.is_relative_to(root)
            write_json(
                folder / ABOUT,
                {
                    "format": FORMAT,
                    "video": str(video.relative_to(root) if inside else video),
                    "size_wh": list(about.size_wh),
                    "length": about.length,
                    "fps": about.fps,
                    "stems": list(about.stems),
                    "first_frame": about.first_frame,
                },
            )
        return cls(folder)

    @property
    def project(self) -> Project:
        """What is said now."""
        return self.history.project

    def apply(self, edit: Edit) -> None:
        """Take a step; it is on the disk before this returns.

        Raises:
            InputError: If it cannot be taken, or written; nothing has changed then.
        """
        edit.apply(self.project)
        self._write(edit.plain())
        self.history.apply(edit)

    def undo(self) -> None:
        """Take the last step back."""
        if self.history.can_undo():
            self._write({"undo": True})
            self.history.undo()

    def redo(self) -> None:
        """Take the step again that was undone last."""
        if self.history.can_redo():
            self._write({"redo": True})
            self.history.redo()

    def span_path(self, digest: str) -> Path:
        """Where the answers of a span are kept; see :meth:`KeyedSpan.digest`."""
        return self.folder / SPANS / f"{digest}.json"

    @property
    def tracker(self) -> str | None:
        """Whose answers the result holds; None where nothing ran, or nobody wrote it down."""
        try:
            return (self.folder / TRACKER).read_text().strip() or None
        except (OSError, ValueError):
            return None

    def keep_tracker(self, name: str) -> None:
        """Write down whose answers the result holds.

        Raises:
            InputError: If it cannot be written.
        """
        if name != self.tracker:
            path = self.folder / TRACKER
            with explained(path, named=True):
                write_text(path, f"{name}\n", durable=True)

    def close(self) -> None:
        """Let the folder go."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _write(self, content: dict[str, Any]) -> None:
        with explained(self._edits):
            self._handle.write(line(content))
            self._handle.flush()
            os.fsync(self._handle.fileno())

    def _replay(self) -> int:
        """Take the steps in the file; how many of its bytes they are."""
        try:
            data = self._edits.read_bytes()
        except FileNotFoundError:
            return 0
        except OSError as error:
            raise InputError(f"{self._edits} cannot be read ({error.strerror})") from error
        ends: list[int] = []

        def steps() -> Any:
            for found, end in whole_lines(data):
                ends.append(end)
                yield found

        done = self.history.replay(steps())
        return ends[done - 1] if done else 0


def is_session(folder: Path) -> bool:
    """Whether a folder holds a session."""
    return (folder / ABOUT).is_file()


def read_about(folder: Path) -> About:
    """What the video of a session is.

    Raises:
        InputError: If the folder holds no session.
    """
    try:
        kept: Mapping[str, Any] = json.loads((folder / ABOUT).read_text())
        if kept["format"] != FORMAT:
            raise ValueError(f"format {kept['format']!r}")
        width, height = (int(v) for v in kept["size_wh"])
        return About(
            folder / str(kept["video"]),
            (width, height),
            int(kept["length"]),
            float(kept["fps"]),
            tuple(str(stem) for stem in kept["stems"]),
            str(kept.get("first_frame", "")),
        )
    except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"{folder} is no session that can be opened ({error}); give one that spectrack app made"
        ) from error
