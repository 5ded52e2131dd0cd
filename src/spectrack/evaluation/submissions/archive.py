"""Zip files of results: written whole and alike each time, read with care."""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from spectrack.errors import InputError
from spectrack.storage import explained, replacing

MOST_FILES = 1_000_000
"""A pack may hold no more files."""
LARGEST_FILE = 4 << 30
"""A file in it may be no larger, in bytes."""
LARGEST_PACK = 64 << 30
"""All of them together, unpacked."""
TIGHTEST = 200
"""Files of more than a megabyte that shrink by more than this are no results."""
_EPOCH = (1980, 1, 1, 0, 0, 0)
_ENCRYPTED = 1


@contextmanager
def writing(path: Path) -> Iterator[PackWriter]:
    """A zip file to fill, which is there when all is in it and not before."""
    with explained(path), replacing(path) as part, zipfile.ZipFile(part, "w") as file:
        yield PackWriter(file)


class PackWriter:
    """Adds files to a pack; the same content gives the same bytes.

    Args:
        file: The zip file, open for writing.
    """

    def __init__(self, file: zipfile.ZipFile) -> None:
        self._file = file
        self.names: list[str] = []

    def add(self, name: str, content: bytes) -> None:
        """Add a file; pictures are compressed already and stored as they are."""
        entry = zipfile.ZipInfo(name, _EPOCH)
        entry.external_attr = 0o644 << 16
        packed = zipfile.ZIP_STORED if name.endswith(".png") else zipfile.ZIP_DEFLATED
        self._file.writestr(entry, content, packed)
        self.names.append(name)

    def lines(self, name: str, lines: Iterable[str]) -> None:
        """Add a file of text."""
        self.add(name, "".join(f"{line}\n" for line in lines).encode("ascii"))


class Pack:
    """A zip file that somebody made. Nothing of it is ever unpacked to the disk.

    Args:
        path: The file.

    Attributes:
        names: Its files, in order; folders are left out.

    Raises:
        InputError: If it is no zip file, or one that could do harm: names that lead outside, links,
            files of a size or a density that no results have.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError) as error:
            raise InputError(
                f"{path} is no whole zip file ({error}); give a pack to check"
            ) from None
        try:
            self._entries = [e for e in self._file.infolist() if not e.is_dir()]
            self._refuse_harm(path.stat().st_size)
        except BaseException:
            self._file.close()
            raise
        self._by_name = {entry.filename: entry for entry in self._entries}

    @property
    def names(self) -> list[str]:
        """Names of the files."""
        return list(self._by_name)

    def read(self, name: str) -> bytes:
        """The content of a file.

        Raises:
            InputError: If it is damaged.
        """
        try:
            return self._file.read(self._by_name[name])
        except (
            OSError,
            EOFError,
            ValueError,
            zipfile.BadZipFile,
            zlib.error,
            RuntimeError,
        ) as error:
            raise InputError(f"{name} is damaged ({error}); pack it again") from None

    def text(self, name: str) -> str:
        """The text of a file.

        Raises:
            InputError: If it is damaged or no ASCII.
        """
        try:
            return self.read(name).decode("ascii")
        except UnicodeDecodeError:
            raise InputError(f"{name} is no plain text; write numbers in ASCII") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def _refuse_harm(self, size: int) -> None:
        """Look at all entries before any is read.

        Raises:
            InputError: See the class.
        """
        if len(self._entries) > MOST_FILES:
            raise InputError(f"{self.path} holds {len(self._entries)} files; no pack has as many")
        for entry in self._entries:
            reason = _harm(entry)
            if reason is not None:
                shown = entry.filename.encode("ascii", "backslashreplace").decode()[:100]
                raise InputError(f"{self.path} holds {shown!r}, {reason}; such a pack is refused")
        name, times = (
            Counter(e.filename for e in self._entries).most_common(1)[0]
            if self._entries
            else ("", 0)
        )
        if times > 1:
            raise InputError(f"{self.path} holds {name} {times} times; pack every file once")
        if sum(e.file_size for e in self._entries) > LARGEST_PACK:
            raise InputError(f"{self.path} unpacks to more than 64 GiB; such a pack is refused")
        if sum(e.compress_size for e in self._entries) > size:
            raise InputError(f"files in {self.path} overlap each other; such a pack is refused")


def _harm(entry: zipfile.ZipInfo) -> str | None:
    """Why an entry is refused; None where it is not."""
    name = entry.filename
    parts = name.split("/")
    if name.startswith("/") or "\\" in name or ":" in parts[0]:
        return "a path from the root of a disk"
    if any(part in {"", ".", ".."} for part in parts) or "\0" in entry.orig_filename:
        return "a path that leads outside"
    if stat.S_ISLNK(entry.external_attr >> 16):
        return "which is a link"
    if entry.flag_bits & _ENCRYPTED:
        return "which is encrypted"
    if entry.file_size > LARGEST_FILE:
        return f"which unpacks to {entry.file_size >> 20} MiB"
    if entry.file_size > 1 << 20 and entry.file_size > TIGHTEST * max(entry.compress_size, 1):
        return f"which unpacks to {entry.file_size // max(entry.compress_size, 1)} times its size"
    return None
