"""Lines of JSON, each behind its own checksum: files that are appended to and survive a kill.

A line that a kill cut off, and whatever comes after it, is not read.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from typing import Any


def line(content: dict[str, Any]) -> bytes:
    """A line: eight digits of a checksum (CRC-32), a space, and JSON in ASCII.

    Raises:
        TypeError: If JSON does not know a value.
    """
    text = json.dumps(content, separators=(",", ":")).encode("ascii")
    return b"%08x %s\n" % (zlib.crc32(text), text)


def whole_lines(data: bytes) -> Iterator[tuple[dict[str, Any], int]]:
    """The lines up to the first that is not whole, each with where it ends.

    Args:
        data: What a file holds.

    Raises:
        ValueError: If a line is whole by its checksum and yet no JSON.
    """
    end = 0
    while (stop := data.find(b"\n", end)) >= 0:
        found, end = data[end:stop], stop + 1
        if found[:8] != b"%08x" % zlib.crc32(found[9:]):
            return
        yield json.loads(found[9:]), end
