"""Answers of a tracker for one span, on disk: appended frame by frame, whole when it is done.

The first line tells the frame size; each line after it is a frame: the answer as the tracker gave
it (``raw``) and, when the span is done, as the spectral filter left it (``out``) and how doubtful
it is. What a killed run came to is read up to its last whole line.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spectrack.checked_lines import line, whole_lines
from spectrack.storage import write_bytes
from spectrack.tracking.journal import entry_of, plain_entry
from spectrack.tracks import Entry

FORMAT = "spectrack span 1"


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known of an object in a frame.

    Args:
        raw: As the tracker gave it.
        out: As the filter left it; None while the span is not done.
        doubt: How much the frame is worth a look, in [0, 1]; None while the span is not done.
    """

    raw: Entry
    out: Entry | None = None
    doubt: float | None = None

    @property
    def best(self) -> Entry:
        """The filtered answer, where there is one."""
        return self.raw if self.out is None else self.out


@dataclass(slots=True)
class Answers:
    """The answers of a span.

    Args:
        frames: Frame to answer.
        complete: Whether the run came to its end.
    """

    frames: dict[int, Answer] = field(default_factory=dict)
    complete: bool = False


class AnswerFile:
    """Writes the answers of a span as they come.

    Args:
        path: The file; an older one is replaced when this is done.
        size_wh: Width and height of the frames.
    """

    def __init__(self, path: Path, size_wh: tuple[int, int]) -> None:
        self._path = path
        self._head = line({"format": FORMAT, "size_wh": list(size_wh), "complete": False})
        self._handle = path.open("wb")
        self._handle.write(self._head)

    def add(self, frame: int, raw: Entry) -> None:
        """The tracker's answer for a frame; a later one for the same frame counts."""
        self._handle.write(line({"frame": frame, "raw": plain_entry(raw)}))
        self._handle.flush()

    def finish(self, frames: Iterable[tuple[int, Answer]]) -> None:
        """Replace what was appended by the whole."""
        self._handle.close()
        width_height = next(whole_lines(self._head))[0]["size_wh"]
        head = {"format": FORMAT, "size_wh": width_height, "complete": True}
        lines = [line(head)]
        for frame, answer in frames:
            told: dict[str, Any] = {"frame": frame, "raw": plain_entry(answer.raw)}
            if answer.out is not None:
                told["out"] = plain_entry(answer.out)
            if answer.doubt is not None:
                told["doubt"] = round(answer.doubt, 4)
            lines.append(line(told))
        write_bytes(self._path, b"".join(lines))

    def close(self) -> None:
        """Stop here; what was added is kept."""
        self._handle.close()


def read_answers(path: Path) -> Answers | None:
    """The answers of a span; None where there are none of this format."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    found: Answers | None = None
    size_wh = (0, 0)
    try:
        for told, _ in whole_lines(data):
            if found is None:
                if told["format"] != FORMAT:
                    return None
                size_wh = (int(told["size_wh"][0]), int(told["size_wh"][1]))
                found = Answers(complete=bool(told["complete"]))
                continue
            out = told.get("out")
            found.frames[int(told["frame"])] = Answer(
                entry_of(told["raw"], size_wh),
                None if out is None else entry_of(out, size_wh),
                None if told.get("doubt") is None else float(told["doubt"]),
            )
    except (KeyError, TypeError, ValueError, AttributeError):
        pass  # whole by its checksum and yet not ours: what came before it counts
    return found
