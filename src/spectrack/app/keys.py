"""Key frames of an object as a session keeps them: what somebody said about one frame."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

from spectrack.errors import InputError
from spectrack.structures import Box, Mask, Target
from spectrack.tracking.keys import GONE, Span, spans

Kind = Literal["mask", "box", "gone"]


@dataclass(frozen=True, slots=True)
class Click:
    """A point that was clicked.

    Args:
        x: In pixels, from the left edge of the frame.
        y: In pixels, from the top edge.
        inside: Whether it lies on the object; False for the background.
    """

    x: float
    y: float
    inside: bool = True


@dataclass(frozen=True, slots=True)
class Key:
    """What is true of an object in a frame, whatever a tracker says.

    Args:
        kind: ``mask``, ``box``, or ``gone`` where the object is out of sight.
        mask: For ``mask``; it has foreground.
        box: For ``box``.
        clicks: Those that the mask was made from, for further ones to be added to.

    Raises:
        InputError: If these do not belong together.
    """

    kind: Kind
    mask: Mask | None = None
    box: Box | None = None
    clicks: tuple[Click, ...] = ()

    def __post_init__(self) -> None:
        fits = {
            "mask": self.mask is not None and self.box is None,
            "box": self.box is not None and self.mask is None,
            "gone": self.mask is None and self.box is None,
        }
        if not fits.get(self.kind, False):
            raise InputError(
                f"a key frame of kind {self.kind!r} was given mask {self.mask} and box {self.box}; "
                "give a mask for mask, a box for box, and neither for gone"
            )
        if self.mask is not None and self.mask.area == 0:
            raise InputError("the mask of a key frame is empty; say gone where the object is not")

    def plain(self) -> dict[str, Any]:
        """As JSON can hold it."""
        found: dict[str, Any] = {"kind": self.kind}
        if self.mask is not None:
            found["mask"] = [self.mask.height, self.mask.width, self.mask.counts.decode("ascii")]
        if self.box is not None:
            found["box"] = list(self.box)
        if self.clicks:
            found["clicks"] = [[c.x, c.y, c.inside] for c in self.clicks]
        return found

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Key:
        """The key that :meth:`plain` told.

        Raises:
            KeyError, TypeError, ValueError: If it is none.
        """
        mask, box = plain.get("mask"), plain.get("box")
        return cls(
            plain["kind"],
            None if mask is None else Mask(int(mask[0]), int(mask[1]), mask[2].encode("ascii")),
            None if box is None else Box(*(float(v) for v in box)),
            tuple(Click(float(x), float(y), bool(i)) for x, y, i in plain.get("clicks", ())),
        )


@dataclass(frozen=True, slots=True)
class KeyedSpan:
    """The frames between two neighbouring key frames of an object, which are answered together.

    Args:
        object_id: The object.
        frames: Which frames; every frame of a video with a key lies in one span.
        before: The key that is followed forward from; None where there is none.
        after: The key that is followed backward from; None where there is none.
    """

    object_id: int
    frames: Span
    before: Key | None
    after: Key | None

    def __contains__(self, frame: int) -> bool:
        return self.frames.start <= frame < self.frames.stop

    def __len__(self) -> int:
        return self.frames.stop - self.frames.start

    @property
    def empty(self) -> bool:
        """Whether nothing is to be computed: the object is not there."""
        return self.before is None and self.after is None

    def digest(self, tracker: str) -> str:
        """A name for the answers, by all that decides them; 32 hexadecimal digits.

        Args:
            tracker: Name of the tracker that follows.
        """
        return _digest(replace(self, object_id=0), tracker)


@lru_cache(maxsize=4096)
def _digest(span: KeyedSpan, tracker: str) -> str:
    keys = [
        None if k is None else {n: v for n, v in k.plain().items() if n != "clicks"}
        for k in (span.before, span.after)
    ]
    # The first number is raised when the same keys come to lead to other answers.
    decides = [1, span.frames.start, span.frames.stop, keys, tracker]
    return hashlib.sha256(json.dumps(decides).encode("ascii")).hexdigest()[:32]


_THERE = Target(box=Box(0, 0, 1, 1))


def spans_of(object_id: int, keys: Mapping[int, Key], length: int) -> list[KeyedSpan]:
    """The spans of an object, in the order of frames.

    Args:
        object_id: The object.
        keys: Frame to key.
        length: Frames of the video.
    """
    if not keys:
        return []
    # Where spans begin and end does not depend on what keys say, but that the object is gone.
    known = {frame: GONE if key.kind == "gone" else _THERE for frame, key in keys.items()}
    return [
        KeyedSpan(
            object_id,
            span,
            None if span.before is None else keys[span.before],
            None if span.after is None else keys[span.after],
        )
        for span in spans(known, length)
    ]
