"""MOT: a line of text an object and frame, with its box (MOTChallenge).

``frame,id,left,top,width,height,score,-1,-1,-1``; frames and pixels count from 1, so the top-left
pixel's corner is (1, 1). Frames in which an object is not found have no line.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from spectrack.errors import InputError
from spectrack.exports.base import About, gathered, read_text
from spectrack.storage import write_text
from spectrack.structures import Box, Prediction
from spectrack.tracks import Track, Tracks

FIELDS = 6
"""A line has at least these: frame, id and the box."""


def write(tracks: Tracks, path: Path, about: About) -> None:
    """Write the file."""
    lines = []
    for t in range(len(tracks.first)):
        for object_id, track in tracks.items():
            entry = track[t]
            if entry.box is not None and entry.found:
                x, y, w, h = entry.box
                box = ",".join(f"{v:.2f}" for v in (x + 1, y + 1, w, h))
                lines.append(f"{t + 1},{object_id},{box},{entry.score:.4f},-1,-1,-1\n")
        about.progress(t + 1, len(tracks.first))
    write_text(path, "".join(lines))


def read(path: Path, about: About) -> Tracks:
    """Tracks of boxes; the video tells the size of the frames and how many there are.

    Raises:
        InputError: If a line is none, or of a frame that is not in the video.
    """
    size_wh, stems = about.known("mot")
    rows: dict[int, dict[int, tuple[Box, float]]] = defaultdict(dict)
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if not line.strip():
            continue
        words = line.split(",")
        try:
            if len(words) < FIELDS:
                raise ValueError
            frame, object_id = int(words[0]), int(float(words[1]))
            x, y, w, h = (float(word) for word in words[2:FIELDS])
            score = min(max(float(words[FIELDS]), 0.0), 1.0) if len(words) > FIELDS else 1.0
            box = Box(x - 1, y - 1, w, h)
        except ValueError:
            raise InputError(
                f"line {number} of {path} is none of MOT; expected frame,id,left,top,width,height"
            ) from None
        if not 1 <= frame <= len(stems):
            raise InputError(
                f"line {number} of {path} is of frame {frame} but the video has {len(stems)}; "
                "give its own video"
            )
        if frame in rows[object_id]:
            raise InputError(
                f"line {number} of {path} repeats object {object_id}; give one a frame"
            )
        rows[object_id][frame] = box, score
    tracks = {}
    for object_id, per_frame in sorted(rows.items()):
        tracks[object_id] = Track(size_wh)
        for t, stem in enumerate(stems, start=1):
            there, score = per_frame.get(t, (None, 0.0))
            tracks[object_id].append(Prediction(there, None, score, there is not None), stem)
    return gathered(tracks, path)
