"""Packs of boxes: a line ``x,y,width,height`` a frame (GOT-10k, TrackingNet, LaSOT).

All three take a box for every frame, so where a tracker finds nothing its last box is repeated; the
first is the one that was given.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from spectrack.datasets.base import VideoSequence
from spectrack.errors import InputError
from spectrack.evaluation.results import Result
from spectrack.evaluation.submissions.archive import Pack, PackWriter
from spectrack.evaluation.submissions.base import Job, compare_names, tell
from spectrack.structures import Box
from spectrack.tracks import INFO

FARTHEST = 100_000
"""Numbers of a box are no larger: no video has as many pixels."""
GIVEN = 0.5
"""Overlap that the first box must have with the given one."""


@dataclass(frozen=True, slots=True)
class BoxPack:
    """How a benchmark names its files.

    Args:
        boxes: Of the boxes of a sequence.
        times: Of the seconds that every frame took, where it wants them.
    """

    boxes: str
    times: str | None = None


GOT10K = BoxPack("{name}/{name}_001.txt", "{name}/{name}_time.txt")
FLAT = BoxPack("{name}.txt")


def write_got10k(job: Job, pack: PackWriter) -> None:
    """Pack ``SEQ/SEQ_001.txt`` and ``SEQ/SEQ_time.txt``."""
    _write(job, pack, GOT10K)


def write_flat(job: Job, pack: PackWriter) -> None:
    """Pack ``SEQ.txt``."""
    _write(job, pack, FLAT)


def check_got10k(job: Job, pack: Pack) -> Iterator[str]:
    """What is wrong with a pack for GOT-10k."""
    return _check(job, pack, GOT10K)


def check_flat(job: Job, pack: Pack) -> Iterator[str]:
    """What is wrong with a pack for TrackingNet or LaSOT."""
    return _check(job, pack, FLAT)


def _write(job: Job, pack: PackWriter, kind: BoxPack) -> None:
    for number, sequence in enumerate(job.dataset.values(), start=1):
        boxes = boxes_of(job.results, sequence)
        lines = (",".join(f"{v:.4f}" for v in box) for box in boxes)
        pack.lines(kind.boxes.format(name=sequence.name), lines)
        if kind.times is not None:
            seconds = seconds_of(job.results / sequence.name)
            lines = (f"{seconds:.6f}" for _ in sequence.stems)
            pack.lines(kind.times.format(name=sequence.name), lines)
        job.progress(number, len(job.dataset))


def boxes_of(results: Path, sequence: VideoSequence) -> list[Box]:
    """A box for every frame of a sequence; see the module.

    Raises:
        InputError: If there is no result, frames are missing, or no box comes first.
    """
    result = Result.of_folder(results, sequence, whole=True)
    box = sequence.truth_box(0)
    boxes = []
    for index in range(len(sequence)):
        found = None if index == 0 and box is not None else result.box(index)
        box = box if found is None else found
        if box is None:
            raise InputError(
                f"sequence {sequence.name!r} has no box in frame {sequence.stems[index]} and none "
                f"before it in {result.source}; give one for the first frame"
            )
        boxes.append(box)
    return boxes


def seconds_of(folder: Path) -> float:
    """Seconds a frame, as ``track.json`` has them; 0 where it does not tell."""
    try:
        info = json.loads((folder / INFO).read_text())
        return float(next(iter(info["objects"].values()))["seconds"]) / int(info["frames"])
    except (OSError, KeyError, TypeError, ValueError, ZeroDivisionError, StopIteration):
        return 0.0


def _check(job: Job, pack: Pack, kind: BoxPack) -> Iterator[str]:
    boxes = {kind.boxes.format(name=s): s for s in job.dataset}
    times = {} if kind.times is None else {kind.times.format(name=s): s for s in job.dataset}
    yield from compare_names(pack, [*boxes, *times])
    there = set(pack.names)
    for number, (name, key) in enumerate([*boxes.items(), *times.items()], start=1):
        if name in there:
            look = _check_boxes if name in boxes else _check_times
            yield from tell(partial(look, pack, name, job.dataset[key]))
        job.progress(number, len(boxes) + len(times))


def _check_boxes(pack: Pack, name: str, sequence: VideoSequence) -> Iterator[str]:
    for number, words in enumerate(_lines(pack, name, sequence, ","), start=1):
        where = f"line {number} of {name}"
        if len(words) != 4:
            yield f"{where} holds {len(words)} numbers; expected x,y,width,height"
            return
        if not all(math.isfinite(v) and abs(v) <= FARTHEST for v in words):
            yield f"{where} holds a number that is no pixel; give a box for every frame"
            return
        if min(words[2:]) <= 0:
            yield f"{where} is a box without area; repeat the last box where nothing is found"
            return
        given = sequence.truth_box(0) if number == 1 else None
        if given is not None and given.iou(Box(*words)) < GIVEN:
            yield f"{where} is not the box that was given; is it the file of another sequence?"
            return


def _check_times(pack: Pack, name: str, sequence: VideoSequence) -> Iterator[str]:
    for number, words in enumerate(_lines(pack, name, sequence, ","), start=1):
        if len(words) != 1 or not 0 <= words[0] < math.inf:
            yield f"line {number} of {name} is no time; expected seconds, one number a line"
            return


def _lines(pack: Pack, name: str, sequence: VideoSequence, separator: str) -> list[list[float]]:
    """The numbers of every line.

    Raises:
        InputError: If there are too few or too many lines, or some are no numbers.
    """
    lines = pack.text(name).splitlines()
    if len(lines) != len(sequence):
        raise InputError(f"{name} has {len(lines)} lines; expected {len(sequence)}, one a frame")
    out = []
    for number, line in enumerate(lines, start=1):
        try:
            out.append([float(word) for word in line.split(separator)])
        except ValueError:
            raise InputError(
                f"line {number} of {name} is {line[:40]!r}; expected numbers with commas"
            ) from None
    return out
