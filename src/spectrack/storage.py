"""Files that are whole or absent, folders that belong to one run, and how progress is told.

Whatever the package writes goes through here: a file is written aside, under its name and
``.part``, and renamed when it is complete; a folder that a run writes into is locked, and the lock
dies with the process, however it ends.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from spectrack.errors import InputError

Progress = Callable[[int, int | None], None]
"""Called with how much is done and how much there is in all, None where that is not known."""

PART = ".part"
"""What the name of an unfinished file ends in, and the name of an unfinished result."""
LOCK = ".lock"
"""The file in a folder that shows, while a process holds it, that a run writes there."""

PATIENCE_S = 2.0
"""How long a folder in use is waited for: as long as a killed run may take to die."""

LONGEST_NAME = 255
"""Bytes of a file's name that common file systems allow."""

ADVICE = {
    errno.ENOSPC: "free some space or give another place",
    errno.EDQUOT: "free some space or give another place",
    errno.EFBIG: "give another place, where files may be larger",
    errno.ENAMETOOLONG: "give a shorter name",
    errno.EROFS: "give another place",
    errno.EACCES: "give another one, or change who may use it",
    errno.EPERM: "give another one, or change who may use it",
    errno.EIO: "check the disk, or give another place",
}
"""What to do about errors of the file system that are no fault of the program."""

NAMED_ADVICE = ADVICE | {
    errno.ENOENT: "give one that is there, in a folder that is there",
    errno.EEXIST: "give another name, or move what is there",
    errno.ENOTDIR: "give a place in a folder, not below a file",
    errno.EISDIR: "give the name of a file",
    errno.ELOOP: "give a place without links that lead in a circle",
}
"""The same for places that the user named; elsewhere the rest are faults of the program."""

_held: set[int] = set()
"""File descriptors of the locks that this process holds."""
_holders: set[tuple[str, int]] = set()
"""Folders that are held, each with the thread that may claim it again."""


# --- files ---------------------------------------------------------------------------------------


def part_of(path: Path) -> Path:
    """Where a file is written before it is complete: beside it, so that renaming is one step."""
    name = path.name
    while len(os.fsencode(name + PART)) > LONGEST_NAME and len(name) > 1:
        name = name[:-1]
    return path.with_name(name + PART)


@contextmanager
def replacing(path: str | Path, durable: bool = False) -> Iterator[Path]:
    """A file that is the old one or the new one at any time, never a part of it.

    Args:
        path: The file; its folder must exist.
        durable: Whether the content must be on the disk before the old file goes, so that even a
            power cut leaves one of them. It costs milliseconds.

    Yields:
        Where to write. When the block ends well, that becomes ``path``; after an error or Ctrl-C
        it is removed, and what ``path`` held before stays.
    """
    final = Path(path)
    part = part_of(final)
    try:
        yield part
        if durable:
            with part.open("rb+") as file:
                os.fsync(file.fileno())
        os.replace(part, final)
    except BaseException:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def write_bytes(path: str | Path, content: bytes, durable: bool = False) -> None:
    """Write a file whole or not at all; see :func:`replacing`."""
    with replacing(path, durable) as part:
        part.write_bytes(content)


def write_text(path: str | Path, content: str, durable: bool = False) -> None:
    """Write a UTF-8 file whole or not at all; file names that are no UTF-8 keep their bytes."""
    write_bytes(path, content.encode("utf-8", "surrogateescape"), durable)


def write_json(path: str | Path, value: Any, indent: int | None = 1) -> None:
    """Write JSON, in ASCII and with a line's end, whole or not at all.

    Raises:
        TypeError: If JSON does not know a value; nothing is written then.
    """
    write_text(path, json.dumps(value, indent=indent) + "\n")


def refusal(
    error: OSError, place: str | Path | None = None, named: bool = False
) -> InputError | None:
    """The sentence for an error of the file system; None for errors of other kinds.

    Args:
        error: As it was raised.
        place: What was to be read or written, where the error does not say.
        named: Whether the user named the place; see :data:`NAMED_ADVICE`.
    """
    advice = NAMED_ADVICE if named and place is not None and _is_of(error, Path(place)) else ADVICE
    if error.errno not in advice:
        return None
    name = error.filename if error.filename is not None else place
    shown = os.fsdecode(name) if isinstance(name, bytes) else str(name or "the output")
    if len(shown) > LONGEST_NAME:
        shown = f"{shown[:40]}...{shown[-20:]}"
    reason = error.strerror or os.strerror(error.errno)
    return InputError(f"{shown} cannot be used ({reason}); {advice[error.errno]}")


def _is_of(error: OSError, place: Path) -> bool:
    """Whether an error is of a place: of it, of what is written aside for it, or of its folders."""
    if error.filename is None or isinstance(error.filename, int):
        return error.filename is None  # a number is that of an open file
    return Path(os.fsdecode(error.filename)) in {place, part_of(place), *place.parents}


@contextmanager
def explained(place: str | Path | None = None, named: bool = False) -> Iterator[None]:
    """Turn errors of the file system (disk full, name too long, not allowed) into sentences.

    Args:
        place: What is read or written, for errors that do not say.
        named: Whether the user named the place, so that one which is not there, or is no folder,
            is a mistake in it; errors of other files pass all the same.

    Raises:
        InputError: Instead of an ``OSError`` of :data:`ADVICE`, or of :data:`NAMED_ADVICE` where
            the place was named; others pass.
    """
    try:
        yield
    except OSError as error:
        sentence = refusal(error, place, named)
        if sentence is None:
            raise
        raise sentence from error


# --- folders -------------------------------------------------------------------------------------


def names_in(folder: Path) -> list[str]:
    """Names in a folder, sorted, without locks and what killed runs left unfinished.

    Args:
        folder: The folder; it may be absent.

    Raises:
        InputError: If it is a file, or cannot be read.
    """
    with explained(folder):
        if folder.is_dir():
            return sorted(p.name for p in folder.iterdir() if not _passing(p.name))
        if folder.exists():
            raise InputError(f"output {folder} is a file; give a folder that is new or empty")
        return []


def _passing(name: str) -> bool:
    """Whether a name is a lock's or an unfinished file's."""
    return name == LOCK or name.endswith(PART)


@contextmanager
def claimed(folder: Path, patience_s: float = PATIENCE_S) -> Iterator[None]:
    """Hold a folder, so that no other run writes into it; made where it is absent.

    The lock is the operating system's: it ends with the process, even by ``kill -9``. Where a file
    system knows no locks, nothing is checked. The thread that holds a folder may claim it again. A
    folder that was made here and is still empty at the end is removed.

    Args:
        folder: The folder.
        patience_s: Seconds to wait for another process to end.

    Raises:
        InputError: If another process or thread holds it, or it cannot be written.
    """
    holder = (os.path.realpath(folder), threading.get_ident())
    if holder in _holders:
        yield
        return
    made: list[Path] = []
    try:
        try:
            made += [p for p in (folder, *folder.parents) if not p.exists()]
            number = _take(folder, time.monotonic() + patience_s)
        except OSError as error:
            raise InputError(
                f"output folder {_short(folder)} cannot be written ({error.strerror}); "
                "give another folder"
            ) from error
        _holders.add(holder)
        try:
            yield
        finally:
            _holders.discard(holder)
            _release(number, folder / LOCK)
    finally:
        for empty in made:
            with suppress(OSError):
                empty.rmdir()


def _take(folder: Path, deadline: float) -> int:
    """Open the lock file of a folder and lock it; its file descriptor."""
    path = folder / LOCK
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            number = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except FileNotFoundError:  # another process has just removed the folder
            if time.monotonic() > deadline:
                raise
            continue
        _held.add(number)
        if _lock(number):
            with suppress(FileNotFoundError):  # not the file that its last owner has removed
                if os.path.samestat(path.stat(), os.fstat(number)):
                    return number
        _held.discard(number)
        os.close(number)
        if time.monotonic() > deadline:
            raise InputError(
                f"output folder {_short(folder)} is in use by another run; "
                "wait until it ends or give another folder"
            )
        time.sleep(0.02)


def _release(number: int, path: Path) -> None:
    if number not in _held:  # a forked process, which never had it
        return
    _held.discard(number)
    # Elsewhere than on Windows the name goes first: nobody can lock a file that is about to go.
    with suppress(OSError):
        path.unlink()
    os.close(number)
    if sys.platform == "win32":
        with suppress(OSError):
            path.unlink()


if sys.platform == "win32":
    import msvcrt

    def _lock(number: int) -> bool:
        """Lock a file, unless another process has."""
        try:
            msvcrt.locking(number, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _lock(number: int) -> bool:
        """Lock a file, unless another process has; true where locks are not known."""
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            return error.errno not in {errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES}
        return True

    def _forget() -> None:
        """A forked process holds no lock: it must not outlive the run that has it."""
        for number in _held:
            with suppress(OSError):
                os.close(number)
        _held.clear()
        _holders.clear()

    os.register_at_fork(after_in_child=_forget)


def _short(path: Path) -> str:
    text = str(path)
    return text if len(text) <= LONGEST_NAME else f"{text[:40]}...{text[-20:]}"
