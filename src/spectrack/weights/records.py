"""What was pulled under a name: kept beside the cached file, and what comes later is held to it."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from spectrack.errors import InputError
from spectrack.storage import write_json
from spectrack.weights.cache import cached


@dataclass(frozen=True)
class PullRecord:
    """One pull.

    Args:
        source: URL or file it came from.
        published: It came from a source of the table, not from one that was given.
        sha256: Of the file that came.
        cached_sha256: Of the safetensors file made of it.
    """

    source: str
    published: bool
    sha256: str
    cached_sha256: str

    def binds(self, source: str, published: bool) -> bool:
        """Whether another pull has to give the same file.

        All sources of the table are of one file, and what is on the web under one URL, too; a file
        on this machine may have become another.
        """
        same_url = "://" in source and source == self.source
        return (self.published and published) or same_url


def record_file(name: str) -> Path:
    """Where the record of a name lies."""
    return cached(name).with_suffix(".json")


def read_record(name: str) -> PullRecord | None:
    """What was pulled under a name; None where nothing was, or the record is damaged."""
    with suppress(OSError, ValueError, TypeError):
        return PullRecord(**json.loads(record_file(name).read_text()))
    return None


def write_record(name: str, record: PullRecord) -> None:
    """Keep what was pulled.

    Raises:
        InputError: If it cannot be written.
    """
    file = record_file(name)
    try:
        write_json(file, asdict(record))
    except OSError as error:
        raise InputError(f"{file} cannot be written ({error}); make room for it") from error
