"""Objects that are followed of a sequence whose others are not: kept until all are there.

While a sequence of several objects is at work, ``OUT/SEQ.objects.part/ID.json`` holds what was
answered for each that is done, and which objects there are. When the last one is there they become
the folder of the sequence, and this one goes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from spectrack.datasets.base import VideoSequence
from spectrack.errors import InputError
from spectrack.evaluation.answers import Answer, answer_of_track
from spectrack.storage import PART, write_bytes
from spectrack.tracking.journal import entry_of, plain_entry
from spectrack.tracks import Track, Tracks

OBJECTS = ".objects" + PART
"""What the name of a sequence is followed by."""


@dataclass(frozen=True, slots=True, eq=False)
class ObjectPart:
    """One object that is done.

    Args:
        track: The answers for it.
        seconds: How long it took.
        objects: All objects of the sequence.
    """

    track: Track
    seconds: float
    objects: tuple[int, ...]


def job_of(sequence: str, object_id: int) -> str:
    """The job of following one object of several: ``SEQ/ID``."""
    return f"{sequence}/{object_id}"


def parts_of(job: str) -> tuple[str, int | None]:
    """The sequence of a job, and which object of it; None where it names the sequence alone."""
    sequence, slash, object_id = job.rpartition("/")
    return (sequence, int(object_id)) if slash else (job, None)


def answer_of_object(object_id: int, part: ObjectPart) -> Answer:
    """What a worker sends back of one object of several; no number of it is rounded."""
    track = part.track
    told = {
        "objects": list(part.objects),
        "seconds": part.seconds,
        "size_wh": list(track.size_wh),
        "stems": track.stems,
        "times_s": track.times_s,
        "info": track.info,
        "entries": [plain_entry(entry) for entry in track],
    }
    content = json.dumps(told).encode("ascii")
    return Answer({f"{object_id}.json": content}, len(track), part.seconds, object_id)


def keep_object(answer: Answer, folder: Path) -> None:
    """Write what a worker sent back of one object."""
    folder.mkdir(exist_ok=True)
    for name, content in answer.files.items():
        write_bytes(folder / name, content)


def kept_objects(folder: Path) -> dict[int, ObjectPart]:
    """The objects of a sequence that are done, by id; one whose file is damaged is not."""
    found = {}
    for file in sorted(folder.glob("*.json")):
        try:
            found[int(file.stem)] = _read(file.read_bytes())
        except (KeyError, TypeError, ValueError, AttributeError):
            continue
    return found


def missing_objects(parts: Mapping[int, ObjectPart]) -> list[int]:
    """The objects of a sequence that lack an answer, where some have one."""
    return sorted({i for part in parts.values() for i in part.objects} - set(parts))


def together(parts: Mapping[int, ObjectPart], sequence: VideoSequence, folder: Path) -> Answer:
    """The answer of a sequence from those of all its objects.

    Args:
        parts: Object id to what is kept of it.
        sequence: Which one it is.
        folder: Where they are kept, for messages.

    Raises:
        InputError: If the sequence is of another length than when they were followed.
    """
    others = {len(part.track) for part in parts.values()} - {len(sequence)}
    if others:
        raise InputError(
            f"{folder} holds objects of {min(others)} frames but sequence {sequence.name!r} has "
            f"{len(sequence)}; remove it to run it again"
        )
    tracks = Tracks({object_id: part.track for object_id, part in parts.items()})
    return answer_of_track(tracks, sequence, sum(parts[i].seconds for i in sorted(parts)))


def _read(content: bytes) -> ObjectPart:
    """An object from the content of its file.

    Raises:
        ValueError: If it is damaged; or a KeyError, TypeError or AttributeError.
    """
    told = json.loads(content)
    width, height = (int(v) for v in told["size_wh"])
    entries = [entry_of(plain, (width, height)) for plain in told["entries"]]
    times_s = None if told["times_s"] is None else [float(t) for t in told["times_s"]]
    stems = [str(stem) for stem in told["stems"]]
    if len(stems) != len(entries):
        raise ValueError("an answer a frame was expected")
    track = Track((width, height), stems, entries, dict(told["info"]), times_s)
    return ObjectPart(track, float(told["seconds"]), tuple(int(i) for i in told["objects"]))
