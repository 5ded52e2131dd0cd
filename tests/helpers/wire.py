"""Protocol buffers written by the format's own rules, for readers of CoreML and ONNX files."""

from __future__ import annotations


def varint(number: int) -> bytes:
    """A whole number of 0 or more."""
    out = b""
    while number > 127:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])


def field(number: int, value: int | bytes) -> bytes:
    """A field: a whole number, or bytes with their length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value
