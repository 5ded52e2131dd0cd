"""Key frames: what people say of an object in some frames, and the spans between them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from PIL import Image

from spectrack.errors import InputError
from spectrack.storage import replacing, write_json
from spectrack.structures import Box, Target
from spectrack.video.targets import any_target, question_box

GONE: Literal["gone"] = "gone"
"""The key that says: from here on the object is not there, until the next key."""

Key: TypeAlias = Target | Literal["gone"]
"""A mask or a box of the object in a frame, or that it is gone."""

KEYS, MASKS = "keys.json", "keys"
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Span:
    """Frames that are answered together: no key lies inside.

    Attributes:
        start: First frame: a key frame, or 0.
        stop: One past the last frame: the next key frame, or the length of the video.
        before: The key frame that is followed forward from; None where there is none.
        after: The key frame that is followed backward from; None where there is none.
    """

    start: int
    stop: int
    before: int | None
    after: int | None


def as_key(value: Any) -> Key:
    """A key as people give it.

    Args:
        value: ``"gone"``, or what :func:`spectrack.video.targets.any_target` takes.

    Raises:
        InputError: If it is none of these, or cannot be used.
    """
    if isinstance(value, Target):
        return value
    if isinstance(value, str) and value == GONE:
        return GONE
    target = any_target(value)
    question_box(target)
    return target


def spans(keys: Mapping[int, Key], length: int, both_ways: bool = True) -> list[Span]:
    """The spans of a video, in order; every frame lies in one.

    Frames after a key follow from it, those before the next one from that, too. Before the first
    key they follow backward from it, unless it says that the object is gone; after such a key
    nothing is there until the next.

    Args:
        keys: Number of the frame to key, at least one.
        length: Frames of the video.
        both_ways: Whether keys are followed backward, too.
    """
    frames = sorted(keys)
    found = []
    if frames[0] > 0:
        back = frames[0] if both_ways and keys[frames[0]] != GONE else None
        found.append(Span(0, frames[0], None, back))
    for start, stop in zip(frames, [*frames[1:], length], strict=True):
        before = None if keys[start] == GONE else start
        met = before is not None and both_ways and stop < length and keys[stop] != GONE
        found.append(Span(start, stop, before, stop if met else None))
    return found


def digest(*parts: Any) -> str:
    """A short name for what decides an answer: keys, numbers and whatever JSON knows."""
    plain = [key_digest(part) if isinstance(part, Target) else part for part in parts]
    text = json.dumps(plain, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def key_digest(key: Key) -> str:
    """A name for what a key says."""
    if not isinstance(key, Target):
        return key
    told = hashlib.sha256(repr([float(v) for v in key.box]).encode())
    if key.mask is not None:
        told.update(repr(key.mask.shape).encode() + np.packbits(key.mask).tobytes())
    return told.hexdigest()[:24]


def has_mask(key: Key) -> bool:
    """Whether a key says every pixel."""
    return isinstance(key, Target) and key.mask is not None


def told(key: Key) -> Any:
    """What ``track.json`` tells of a key."""
    if not isinstance(key, Target):
        return key
    return {"box": [round(float(v), 2) for v in key.box], "mask": key.mask is not None}


def write_keys(folder: Path, keys: Mapping[int, Key], about: Mapping[str, Any]) -> None:
    """Keep keys in a folder: ``keys.json``, whole at any time, and ``keys/*.png``.

    Args:
        folder: It exists.
        keys: Number of the frame to key.
        about: What else to keep with them, as JSON knows it.
    """
    plain: dict[str, Any] = {}
    for frame, key in sorted(keys.items()):
        if not isinstance(key, Target):
            plain[str(frame)] = key
            continue
        plain[str(frame)] = {"box": [float(v) for v in key.box], "mask": None}
        if key.mask is not None:
            name = key_digest(key)
            plain[str(frame)]["mask"] = name
            (folder / MASKS).mkdir(exist_ok=True)
            path = folder / MASKS / f"{name}.png"
            if not path.exists():
                with replacing(path, durable=True) as part:
                    Image.fromarray(key.mask).save(part, format="PNG")
    write_json(folder / KEYS, {"format": FORMAT, "about": dict(about), "keys": plain})


def read_keys(folder: Path) -> tuple[dict[int, Key], dict[str, Any]] | None:
    """The keys kept in a folder, and what else; None where there are none.

    Raises:
        InputError: If they cannot be read.
    """
    try:
        text = (folder / KEYS).read_text()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{folder / KEYS} cannot be read ({error})") from error
    try:
        plain = json.loads(text)
        if plain["format"] != FORMAT:
            raise ValueError(f"format {plain['format']}")
        return dict(_keys_of(folder, plain["keys"])), dict(plain["about"])
    except (
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        OSError,
        SyntaxError,  # Pillow's word for a broken PNG
        Image.DecompressionBombError,
    ) as error:
        raise InputError(
            f"{folder} holds no key frames that can be read ({error}); give another folder"
        ) from error


def _keys_of(folder: Path, plain: Mapping[str, Any]) -> Iterator[tuple[int, Key]]:
    for number, kept in plain.items():
        frame = int(number)
        if frame < 0:
            raise ValueError(f"frame {frame}")
        if kept == GONE:
            yield frame, GONE
            continue
        mask, name = None, kept["mask"]
        if name is not None:
            if not (isinstance(name, str) and name.isalnum()):  # it must stay in the folder
                raise ValueError(f"mask {name!r}")
            with Image.open(folder / MASKS / f"{name}.png") as image:
                mask = np.asarray(image.convert("L")) != 0
        yield frame, Target(Box.coerce(kept["box"]), mask)
