"""Which mask belongs to which frame, told by their names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from spectrack.errors import InputError

SHOWN = 3
"""Names that a sentence lists before it says "..."."""


@dataclass(frozen=True)
class Alignment:
    """Masks for the frames of a video.

    Args:
        places: For each frame the number of its mask, None where it has none.
        extra: Names of the masks that belong to no frame.
        warning: What people should know of how they were matched, one sentence, or None.
    """

    places: list[int | None]
    extra: list[str]
    warning: str | None = None


def frame_number(stem: str) -> int | None:
    """The last number in a name, or None."""
    digits = re.findall(r"\d+", stem)
    return int(digits[-1]) if digits else None


def constant_offset(stems: Sequence[str], frame_stems: Sequence[str]) -> int | None:
    """By how much the numbers of masks are above those of as many frames.

    Args:
        stems: Names of the masks, in order.
        frame_stems: Names of the frames, in order.

    Returns:
        The offset that all share (0 where they agree), or None where there is no such one.
    """
    if len(stems) != len(frame_stems):
        return None
    offsets = set()
    for stem, frame_stem in zip(stems, frame_stems, strict=True):
        mine, its = frame_number(stem), frame_number(frame_stem)
        if mine is None or its is None:
            return None
        offsets.add(mine - its)
    return offsets.pop() if len(offsets) == 1 else None


def offset_sentence(source: str, stems: Sequence[str], frame_stems: Sequence[str]) -> str:
    """What is said of masks that are numbered otherwise than their frames."""
    return (
        f"the masks in {source} are numbered {_span(stems)} and the frames {_span(frame_stems)}; "
        "as there is one for every frame they were taken in their order"
    )


def align_stems(
    stems: Sequence[str], frame_stems: Sequence[str] | None, count: int, source: str, video: str
) -> Alignment:
    """Give each frame its mask.

    Masks belong to frames of the same stem. Where no stem is shared, the last number in the stem
    counts: it is compared with the numbers of the frames' stems, or is the frame index where the
    video has no stems. Stems without numbers go by position, and so do as many masks as frames
    whose numbers all differ from the frames' by the same amount (`ffmpeg` counts from 1).

    Args:
        stems: Names of the masks, in order.
        frame_stems: Names of the frames, None where the video has none.
        count: Number of frames.
        source: Where the masks come from, for messages.
        video: Where the frames come from, for messages.

    Raises:
        InputError: If nothing fits.
    """
    keys: list[Any] = list(frame_stems or [])
    numbered = keys or [f"{i:05d}" for i in range(count)]
    if constant_offset(stems, numbered):
        return Alignment(list(range(count)), [], offset_sentence(source, stems, numbered))
    place: dict[Any, int] = {stem: i for i, stem in enumerate(stems)}
    by_number = not keys or not any(key in place for key in keys)
    if by_number:
        numbers = [frame_number(stem) for stem in stems]
        keys = [frame_number(key) for key in numbered]
        if None in numbers or None in keys or len(set(numbers)) < len(numbers):
            if len(stems) != count:
                raise InputError(
                    f"{source} holds {len(stems)} masks whose names carry no frame number, for "
                    f"{count} frames; name masks like the frames or give one a frame"
                )
            return Alignment(list(range(count)), [])
        place = {number: i for i, number in enumerate(numbers)}
    places = [place.get(key) for key in keys]
    used = set(places)
    extra = [stem for i, stem in enumerate(stems) if i not in used]
    if used <= {None} or (not frame_stems and extra):
        if len(stems) == count:
            return Alignment(list(range(count)), [], offset_sentence(source, stems, numbered))
        raise InputError(
            f"the masks in {source} ({stems[0]} to {stems[-1]}) do not fit the {count} "
            f"frames of {video}; name them like the frames"
        )
    missing = [numbered[i] for i, found in enumerate(places) if found is None]
    warning: str | None = None
    if extra:
        gaps = f", and {len(missing)} frames have none ({_some(missing)})" if missing else ""
        warning = (
            f"{len(extra)} of the {len(stems)} masks in {source} ({_some(extra)}) match no frame "
            f"and were left out{gaps}; name the masks like the frames"
        )
    elif missing and by_number and frame_stems:
        warning = (
            f"the masks in {source} were matched to the frames by their numbers and "
            f"{len(missing)} frames have none ({_some(missing)}); name the masks like the frames"
        )
    return Alignment(places, extra, warning)


def _span(stems: Sequence[str]) -> str:
    return f"{stems[0]} to {stems[-1]}"


def _some(stems: Sequence[str]) -> str:
    return ", ".join(stems[:SHOWN]) + (", ..." if len(stems) > SHOWN else "")
