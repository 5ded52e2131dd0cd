"""Protocol buffers on the wire: the fields of a message in memory, every length checked.

The format (protobuf.dev, "Encoding"): a field begins with its number and its kind, which tells how
long it is. What the numbers mean is told by who asks; CoreML and ONNX files are such messages.
"""

from __future__ import annotations

from collections.abc import Iterator

Field = tuple[int, int | memoryview]


def numbers(packed: int | memoryview) -> list[int]:
    """Whole numbers of a field, packed or a single one; below zero they come as 2**64 more."""
    if isinstance(packed, int):
        return [packed]
    found, place = [], 0
    while place < len(packed):
        number, place = _varint(packed, place)
        found.append(number)
    return found


def fields(message: memoryview) -> Iterator[Field]:
    """Number and value of every field: whole numbers, or the bytes of anything else.

    Raises:
        ValueError: If it is cut off or no message; the text is a clause for people.
    """
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        wire = key & 7
        if wire == 0:
            value, place = _varint(message, place)
            yield key >> 3, value
            continue
        if wire not in (1, 2, 5):
            raise ValueError(f"wire type {wire} at byte {place}")
        length = {1: 8, 5: 4}.get(wire)
        if length is None:
            length, place = _varint(message, place)
        if place + length > len(message):
            raise ValueError("it is cut off")
        yield key >> 3, message[place : place + length]
        place += length


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(message):
            raise ValueError("it is cut off")
        byte = message[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place
    raise ValueError(f"an endless number at byte {place}")
