"""What a worker sends back of one sequence: the content of the files that are kept of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from spectrack.datasets.base import VideoSequence
from spectrack.errors import InputError
from spectrack.tracks import Track, Tracks

ANSWERS = "answers.json"
"""The file that tells of a finished sequence of VOT's ways of running."""


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """One finished sequence, or one object of several.

    Args:
        files: Name to content, as they are kept in the folder of the sequence.
        frames: Number of frames of the sequence.
        seconds: How long it took.
        object_id: Which object it is, where it is not the whole sequence.
        more: Jobs that are to be done besides, of which only the worker could know.
    """

    files: Mapping[str, bytes]
    frames: int
    seconds: float
    object_id: int | None = None
    more: tuple[str, ...] = ()


def answer_of_track(found: Track | Tracks, sequence: VideoSequence, seconds: float) -> Answer:
    """The files of one pass: masks in DAVIS layout where there are any, boxes, what made them.

    Args:
        found: One entry for every frame of the sequence, of one object or several.
        sequence: Which one it is; its stems become those of the result.
        seconds: How long it took.

    Raises:
        InputError: If the track is not as long as the sequence, or a stem is no name of a file.
    """
    tracks = Tracks({1: found}) if isinstance(found, Track) else found
    frames = len(tracks.first)
    if frames != len(sequence):
        raise InputError(
            f"the track of sequence {sequence.name!r} has {frames} frames, not {len(sequence)}; "
            "give one entry for every frame"
        )
    for track in tracks.values():
        track.stems = list(sequence.stems)
        track.info |= {"sequence": sequence.name, "seconds": round(seconds, 3)}
    masks = any(entry.mask is not None for track in tracks.values() for entry in track)
    return Answer(dict(tracks.files("" if masks else None)), frames, seconds)
