"""What `spectrack track` takes beside a first box: key frames, points and late starts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from spectrack.commands.base import parse_box
from spectrack.errors import InputError

if TYPE_CHECKING:
    from spectrack.structures import Target
    from spectrack.tracking.points import Point

KEY = "FRAME=FILE|X,Y,W,H|gone|none[:OBJECT]"
POINT = "[FRAME=]X,Y[,background][:OBJECT]"
START = "OBJECT=FRAME"

Keys = dict[int, dict[int, Any]]


@dataclass(frozen=True, slots=True)
class Click:
    """A point that was given.

    Attributes:
        frame: Number of the frame.
        object: Id of the object.
        point: Where, and whether the object is there.
    """

    frame: int
    object: int
    point: Point


def parse_keys(given: Sequence[str]) -> Keys:
    """Object id to frame to key, from ``--key`` flags.

    A file of several objects gives a key to each, unless one is named.

    Raises:
        InputError: If one cannot be read, or a frame is given twice for an object.
    """
    keys: Keys = {}
    for text in given:
        frame, value = _framed(text, "--key", KEY)
        value, number = _of_object(value)
        for key, made in _made(value, number).items():
            if frame in keys.setdefault(key, {}):
                raise InputError(f"--key gives object {key} twice in frame {frame}; give it once")
            keys[key][frame] = made
    return keys


def parse_point(text: str) -> Click:
    """A click from ``[FRAME=]X,Y[,background][:OBJECT]``.

    Raises:
        InputError: If it is none.
    """
    from spectrack.tracking.points import Point

    frame, value = _framed(text, "--point", POINT) if "=" in text else (0, text)
    value, number = _of_object(value)
    words = [word.strip() for word in value.split(",")]
    wanted = not (len(words) == 3 and words[2] == "background")
    try:
        x, y = (float(word) for word in (words[:2] if not wanted else words))
    except ValueError:
        raise InputError(f"--point {text} cannot be read; give {POINT} in pixels") from None
    return Click(frame, 1 if number is None else number, Point(x, y, wanted))


def parse_starts(given: Sequence[str]) -> dict[int, int]:
    """Object id to the frame in which it starts, from ``--start`` flags.

    Raises:
        InputError: If one is no pair of whole numbers.
    """
    starts = {}
    for text in given:
        match = re.fullmatch(r"(\d+)=(\d+)", text)
        if match is None:
            raise InputError(f"--start {text} cannot be read; give {START}, whole numbers")
        starts[int(match[1])] = int(match[2])
    return starts


def with_points(
    source: Any,
    max_frames: int | None,
    keys: Keys,
    clicks: Sequence[Click],
    weights: str = "",
) -> Keys:
    """Keys in which clicks were made into masks, or corrected the mask or box given there.

    Args:
        source: The video.
        max_frames: Only so many frames of it.
        keys: What is given without clicks.
        clicks: All clicks.
        weights: Of the network that makes masks of them; the shipped ones where empty.

    Raises:
        InputError: If a frame is missing or clicks cannot be used.
    """
    from spectrack.api import open_frames
    from spectrack.structures import Target
    from spectrack.tracking.keys import as_key
    from spectrack.tracking.mask_in_box import shared_mask_in_box
    from spectrack.tracking.points import PointSegmenter

    made = {key: dict(given) for key, given in keys.items()}
    if not clicks:
        return made
    segment = PointSegmenter(shared_mask_in_box(weights))
    with open_frames(source, max_frames) as frames:
        for frame, number in sorted({(c.frame, c.object) for c in clicks}):
            given = made.setdefault(number, {}).get(frame)
            known = None if given is None else as_key(given)
            target = known if isinstance(known, Target) else None
            if frames.length is not None and frame >= frames.length:
                raise InputError(
                    f"--point names frame {frame}; the video has frames 0 to {frames.length - 1}"
                )
            mask_hw = None if target is None else target.mask
            box = None if target is None or mask_hw is not None else target.box
            points = [c.point for c in clicks if (c.frame, c.object) == (frame, number)]
            soft_hw = segment(frames[frame], points, box, mask_hw)
            if not (soft_hw >= 0.5).any():
                raise InputError(
                    f"the points of object {number} in frame {frame} leave no mask; "
                    "give one on the object"
                )
            made[number][frame] = Target(mask=soft_hw >= 0.5)
    return made


REFUSED = {
    "a camera": "cannot be followed from key frames, since its frames come once and in order only; "
    "record it, or leave out --key, --point and --work",
    "--explain": "shows one run from the first frame on, and with key frames there are many, both "
    "ways; leave it out, or leave out --key, --point and --work",
    "--keep-partial": "does not go with key frames, whose answers come span by span; give "
    "--work WORK in its place, which keeps all that is done, and from which a later call goes on",
    "--soft-overlay": "needs a run without --key, --point and --work, behind whose filter no soft "
    "masks are kept; leave one of them out",
}
"""What does not go with key frames, and why."""


def refuse(flags: Mapping[str, bool]) -> None:
    """Refuse flags that do not go with key frames.

    Args:
        flags: A key of :data:`REFUSED` to whether it was given.

    Raises:
        InputError: If one was; the sentence names it and says what to do.
    """
    for flag in (flag for flag, given in flags.items() if given):
        raise InputError(f"{flag} {REFUSED[flag]}")


def _framed(text: str, flag: str, form: str) -> tuple[int, str]:
    number, equals, value = text.partition("=")
    if not equals or not number.strip().isdecimal() or not value:
        raise InputError(f"{flag} {text} cannot be read; give {form}, frames counted from 0")
    return int(number), value


def _of_object(value: str) -> tuple[str, int | None]:
    """A value and the object it names, if it does."""
    match = re.fullmatch(r"(.+):(\d+)", value)
    return (value, None) if match is None else (match[1], int(match[2]))


def _made(value: str, number: int | None) -> dict[int, Any]:
    """Object id to key, of one flag."""
    one = 1 if number is None else number
    if value in ("gone", "none"):
        return {one: None if value == "none" else "gone"}
    if re.fullmatch(r"[-+.\deE\s]+(,[-+.\deE\s]+){3}", value):
        return {one: parse_box(value)}
    from spectrack.video.targets import read_targets

    targets: dict[int, Target] = read_targets(value)
    if number is None:
        return dict(targets)
    if number in targets:
        return {number: targets[number]}
    if len(targets) == 1:
        return {number: next(iter(targets.values()))}
    shown = ", ".join(map(str, targets))
    raise InputError(f"mask {value} holds no object {number}; it has {shown}")
