"""Key frames of an object as a session keeps them: what somebody said about one frame."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from spectrack.errors import InputError
from spectrack.structures import Box, Mask

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
class Span:
    """The frames between two neighbouring key frames of an object, which are answered together.

    A span owns its frames from the left key on, and those of the right key only where no other
    span begins there; so every frame of a video with a key has one owner.

    Args:
        object_id: The object.
        first: Its first frame: the left key's, or 0 where there is none.
        last: Its last frame: the right key's, or the last of the video.
        left: The key in the first frame, None before the first key of the object.
        right: The key in the last frame, None after the last key.
    """

    object_id: int
    first: int
    last: int
    left: Key | None
    right: Key | None

    @property
    def owned(self) -> range:
        """The frames whose answers are this span's."""
        return range(self.first, self.last + (self.right is None))

    @property
    def empty(self) -> bool:
        """Whether nothing is to be computed: the object is known to be out of sight throughout."""
        before = self.left is None or self.left.kind == "gone"
        after = self.right is None or self.right.kind == "gone" or self.left is not None
        return before and after

    def digest(self, tracker: str, clean: bool) -> str:
        """A name for the answers, by all that decides them; 32 hexadecimal digits.

        Args:
            tracker: Name of the tracker that follows.
            clean: Whether the spectral filter works behind it.
        """
        keys = [
            None if k is None else {n: v for n, v in k.plain().items() if n != "clicks"}
            for k in (self.left, self.right)
        ]
        # Answers do not depend on the object's number; 1 is raised when they come to differ.
        decides = [1, self.first, self.last, keys, tracker, clean]
        return hashlib.sha256(json.dumps(decides).encode("ascii")).hexdigest()[:32]


def spans_of(object_id: int, keys: Mapping[int, Key], length: int) -> list[Span]:
    """The spans of an object, in the order of frames.

    Args:
        object_id: The object.
        keys: Frame to key.
        length: Frames of the video.
    """
    frames = sorted(keys)
    if not frames:
        return []
    spans = []
    if frames[0] > 0:
        spans.append(Span(object_id, 0, frames[0], None, keys[frames[0]]))
    for first, last in pairwise(frames):
        spans.append(Span(object_id, first, last, keys[first], keys[last]))
    spans.append(Span(object_id, frames[-1], length - 1, keys[frames[-1]], None))
    return spans


def span_at(object_id: int, keys: Mapping[int, Key], length: int, frame: int) -> Span | None:
    """The span that owns a frame; None for an object without keys."""
    for span in spans_of(object_id, keys, length):
        if frame in span.owned:
            return span
    return None
