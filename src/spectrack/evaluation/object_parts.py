"""Objects that are followed of a sequence whose others are not: kept until all are there.

While a sequence of several objects is at work, ``OUT/SEQ.objects.part/ID.json`` holds what was
answered for each that is done, and which objects there are, ``ID.soft`` its soft masks. When the
last one is there pixels are shared, as in one pass of all objects, frame by frame; they become the
folder of the sequence, and this one goes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from spectrack.datasets.base import VideoSequence
from spectrack.errors import InputError
from spectrack.evaluation.answers import Answer, answer_of_track
from spectrack.evaluation.soft_parts import SoftMasks
from spectrack.storage import PART, write_bytes
from spectrack.structures import Mask, Prediction
from spectrack.tracking.doubts import doubt_info
from spectrack.tracking.journal import entry_of, plain_entry
from spectrack.tracks import Track, Tracks

OBJECTS = ".objects" + PART
"""What the name of a sequence is followed by."""
SOFT = ".soft"
"""What the id of an object is followed by, in the name of the file of its soft masks."""


@dataclass(frozen=True, slots=True, eq=False)
class ObjectPart:
    """One object that is done.

    Args:
        track: The answers for it.
        seconds: How long it took.
        objects: All objects of the sequence.
        given: The frame in which its mask was given; None where its box was.
        soft: Its soft masks.
    """

    track: Track
    seconds: float
    objects: tuple[int, ...]
    given: int | None
    soft: SoftMasks

    def answer(self, frame: int) -> Prediction:
        """The answer for a frame, with its soft mask where the object was found."""
        entry = self.track[frame]
        return Prediction(entry.box, self.soft(frame), entry.score, entry.found)


def job_of(sequence: str, object_id: int) -> str:
    """The job of following one object of several: ``SEQ/ID``."""
    return f"{sequence}/{object_id}"


def parts_of(job: str) -> tuple[str, int | None]:
    """The sequence of a job, and which object of it; None where it names the sequence alone."""
    sequence, slash, object_id = job.rpartition("/")
    return (sequence, int(object_id)) if slash else (job, None)


def answer_of_object(object_id: int, part: ObjectPart) -> Answer:
    """What a worker sends back of one object of several; no number of it is rounded."""
    track, soft = part.track, part.soft
    told = {
        "objects": list(part.objects),
        "seconds": part.seconds,
        "given": part.given,
        "soft": list(soft.sizes),
        "size_wh": list(track.size_wh),
        "stems": track.stems,
        "times_s": track.times_s,
        "info": track.info,
        "entries": [plain_entry(entry) for entry in track],
    }
    content = json.dumps(told).encode("ascii")
    masks = soft.source if isinstance(soft.source, bytes) else soft.source.read_bytes()
    # The masks are written first: an object whose other file is there is whole.
    files = {f"{object_id}{SOFT}": masks, f"{object_id}.json": content}
    return Answer(files, len(track), part.seconds, object_id)


def keep_object(answer: Answer, folder: Path) -> None:
    """Write what a worker sent back of one object."""
    folder.mkdir(exist_ok=True)
    for name, content in answer.files.items():
        write_bytes(folder / name, content)


def kept_objects(folder: Path) -> dict[int, ObjectPart]:
    """The objects of a sequence that are done, by id; one whose files are damaged is not."""
    found = {}
    for file in sorted(folder.glob("*.json")):
        try:
            found[int(file.stem)] = _read(file)
        except (OSError, KeyError, TypeError, ValueError, AttributeError):
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
        InputError: If the sequence is of another length than when they were followed, or soft
            masks are damaged.
    """
    others = {len(part.track) for part in parts.values()} - {len(sequence)}
    if others:
        raise InputError(
            f"{folder} holds objects of {min(others)} frames but sequence {sequence.name!r} has "
            f"{len(sequence)}; remove it to run it again"
        )
    return joined(parts, sequence)


def joined(parts: Mapping[int, ObjectPart], sequence: VideoSequence) -> Answer:
    """The answer of a sequence from those of all its objects, each pixel left to one of them."""
    ordered = {i: parts[i] for i in sorted(parts)}  # as in one pass: of equal claims the later's
    tracks = shared(ordered) if len(ordered) > 1 else {i: p.track for i, p in ordered.items()}
    return answer_of_track(Tracks(tracks), sequence, sum(p.seconds for p in ordered.values()))


def shared(parts: Mapping[int, ObjectPart]) -> dict[int, Track]:
    """The tracks of objects that were followed one by one, as one pass of all of them gives them.

    One frame of soft masks is in memory at a time.

    Args:
        parts: Object id to object, all of one length.
    """
    from spectrack.tracking.joint import share_pixels  # needs torch; not every tracker does

    entries = {i: list(part.track.entries) for i, part in parts.items()}
    for t in range(min(map(len, entries.values()))):
        alone = {i: part.answer(t) for i, part in parts.items()}
        for i, answer in share_pixels(alone).items():
            hard = None if answer is alone[i] else answer.hard_mask()
            if hard is not None:
                entries[i][t] = replace(entries[i][t], mask=Mask.encode(hard))
    tracks = {i: replace(part.track, entries=entries[i]) for i, part in parts.items()}
    for i, track in tracks.items():
        given = parts[i].given
        seen = track.info.get("doubt_parts")  # of which sharing changes the jumps of areas
        told = doubt_info(track, seen, [] if given is None else [given])
        track.info = track.info | told
    return tracks


def _read(file: Path) -> ObjectPart:
    """An object from its files.

    Raises:
        ValueError: If they are damaged; or an OSError, KeyError, TypeError or AttributeError.
    """
    told = json.loads(file.read_bytes())
    width, height = (int(v) for v in told["size_wh"])
    entries = [entry_of(plain, (width, height)) for plain in told["entries"]]
    times_s = None if told["times_s"] is None else [float(t) for t in told["times_s"]]
    stems = [str(stem) for stem in told["stems"]]
    soft = SoftMasks(file.with_suffix(SOFT), tuple(int(v) for v in told["soft"]), (width, height))
    if not len(stems) == len(entries) == len(soft.sizes):
        raise ValueError("an answer a frame was expected")
    if file.with_suffix(SOFT).stat().st_size != sum(soft.sizes):
        raise ValueError("all soft masks were expected")
    track = Track((width, height), stems, entries, dict(told["info"]), times_s)
    given = None if told["given"] is None else int(told["given"])
    objects = tuple(int(i) for i in told["objects"])
    return ObjectPart(track, float(told["seconds"]), objects, given, soft)
