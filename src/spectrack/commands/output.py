"""Safe output folders: nothing is overwritten silently and nothing is left half-written.

A command writes into ``OUT/.part``; when all is done the files move up into ``OUT``, the marker
file last, so a folder with its marker is complete. After an error or Ctrl-C the folder is as it
was before. While a command works it holds the folder, so a second one is refused; so is one that
would remove the journal of a run that was killed.
"""

from __future__ import annotations

import shutil
import signal
import threading
import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import get_type_hints

from spectrack.errors import InputError, InputWarning
from spectrack.storage import PART, claimed, explained, names_in


@dataclass(frozen=True)
class Layout:
    """What a kind of result folder holds.

    Args:
        marker: The file that is written last and says that the folder is complete.
        names: Everything else it may hold.
    """

    marker: str
    names: frozenset[str]

    def foreign(self, folder: Path) -> list[str]:
        """Names in a folder that are not ours, sorted."""
        return [name for name in names_in(folder) if name not in self.names | {self.marker}]


TRACK = Layout(
    "track.json", frozenset({"masks", "boxes.csv", "overlay.mp4", "explain.png", "exports"})
)
DEMO = Layout("demo.json", frozenset({"clip.mp4", "truth", "result", "first_frame.png"}))

JOURNAL = "journal"
"""The file in ``OUT/.part`` that `track` keeps its answers in, to go on from after a kill."""
OLD = f".old{PART}"
"""Where an earlier result lies while a new one takes its place."""
ALL = ".all"
"""The file in it that says that the whole earlier result is there."""


def refuse_no_name(args: Sequence[str], command: type) -> None:
    """Refuse ``--out ""``: an empty path would be the folder that the user happens to be in.

    Args:
        args: What was given to the command.
        command: Its class; the fields whose type holds a ``Path`` are looked at.

    Raises:
        InputError: If a path among the flags, or a positional argument, is empty.
    """
    hints = get_type_hints(command, include_extras=True)
    paths = {f"--{name.replace('_', '-')}" for name, hint in hints.items() if "Path" in str(hint)}
    before = ""
    for arg in args:
        flag, equals, value = arg.partition("=")
        if not arg and not before.startswith("--"):
            raise InputError('"" was given where a file or folder was expected; give its name')
        if (before in paths and not arg) or (flag in paths and equals and not value):
            flag = before if not arg else flag
            raise InputError(f'{flag} "" was given; expected a file or folder, give its name')
        before = arg


def is_complete(folder: Path, layout: Layout = TRACK) -> bool:
    """Whether a folder holds a finished result of a layout and nothing else."""
    return (folder / layout.marker).is_file() and not layout.foreign(folder)


def check_output(out: Path, layout: Layout = TRACK, overwrite: bool = False) -> None:
    """Make sure that a result may be written into a folder.

    A finished result that a killed run was about to replace is put back first.

    Args:
        out: The folder; it may be absent.
        layout: What will be written.
        overwrite: Allow a finished result of the same layout to be replaced.

    Raises:
        InputError: If the folder is a file, holds other things, or holds a result and
            ``overwrite`` is not set.
    """
    _bring_back(out, layout)
    present = names_in(out)
    foreign = layout.foreign(out)
    if foreign or (present and layout.marker not in present):
        some = ", ".join((foreign or present)[:3])
        raise InputError(
            f"output folder {out} holds other things ({some}); give one that is new or empty"
        )
    if present and not overwrite:
        raise InputError(
            f"output folder {out} holds a finished result; "
            "pass --overwrite to replace it or give another folder"
        )


def check_file(flag: str, path: Path, overwrite: bool = False) -> None:
    """Make sure that a file may be written.

    Args:
        flag: That names it, for messages.
        path: The file.
        overwrite: Allow one that is there to be replaced.

    Raises:
        InputError: If it is a folder, or is there and ``overwrite`` is not set.
    """
    if path.is_dir():
        raise InputError(f"{flag} {path} is a folder; give a file")
    if path.exists() and not overwrite:
        raise InputError(
            f"{flag} {path} is there; pass --overwrite to replace it or give another file"
        )


@contextmanager
def staged(
    out: Path,
    layout: Layout = TRACK,
    overwrite: bool = False,
    keep: Collection[str] = (),
    anew: bool = False,
) -> Iterator[Path]:
    """A folder to write into that becomes ``out`` only when all went well.

    Args:
        out: The final folder.
        layout: What will be written; its marker moves last.
        overwrite: Replace a finished result of the same layout, or what a killed run left.
        keep: Files that a run which was killed left in ``OUT/.part``, to go on from.
        anew: Replace what a killed run left, but no finished result.

    Yields:
        The folder to write into, ``OUT/.part``.

    Raises:
        InputError: If ``out`` cannot be used, see :func:`check_output`; if another run is writing
            into it; if it holds answers of a run that was killed; if the disk is full or the like.
    """
    check_output(out, layout, overwrite)
    with claimed(out), explained(out):
        check_output(out, layout, overwrite)  # another run may have ended meanwhile
        if not (overwrite or anew or JOURNAL in keep):
            _check_journal(out)
        part = out / PART
        try:
            _clear(part, keep)
            part.mkdir(exist_ok=True)
            yield part
            with signals_held():
                _publish(part, out, layout)
        finally:
            for passing in (part, out / OLD):
                shutil.rmtree(passing, ignore_errors=True)


def made_beside(name: str, make: Callable[[], object]) -> bool:
    """Whether something could be made that stands beside the answers, a picture or an export.

    Where it could not this is told in an ``InputWarning``, and the answers are kept.
    """
    try:
        make()
    except Exception as error:  # whatever it is, it must not cost the work of hours
        reason = str(error) if isinstance(error, InputError) else repr(error)
        warnings.warn(f"{name} is left out: {reason}", InputWarning, stacklevel=2)
        return False
    return True


def discard(out: Path) -> None:
    """Remove what a killed run left unfinished in a folder, unless another run holds it.

    The journal of `track` stays: that run can go on.
    """
    if not out.is_dir() or (out / PART / JOURNAL).exists():
        return
    with suppress(InputError), claimed(out, patience_s=0):
        shutil.rmtree(out / PART, ignore_errors=True)
    with suppress(OSError):
        out.rmdir()


@contextmanager
def signals_held() -> Iterator[None]:
    """Ctrl-C and a polite kill, which would end a block in the middle, are heard behind it."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are for the main thread alone
        return
    came: list[int] = []
    held = (signal.SIGINT, signal.SIGTERM)
    before = {n: signal.signal(n, lambda number, frame: came.append(number)) for n in held}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, signal.SIG_DFL if handler is None else handler)
        if came:
            signal.raise_signal(came[0])


def _check_journal(out: Path) -> None:
    """Refuse to remove the answers of a run of `track` that was killed.

    Raises:
        InputError: If there are any.
    """
    from spectrack.tracking.journal import read_journal

    kept = read_journal(out / PART / JOURNAL)
    if kept is not None:
        raise InputError(
            f"{out} holds {kept.frames} frames of a run of track that was killed; repeat its "
            "command to go on, pass --overwrite to drop them, or give another folder"
        )


def _clear(part: Path, keep: Collection[str]) -> None:
    """Remove what a run which was killed left, but for some files."""
    for old in part.iterdir() if part.is_dir() else ():
        if old.is_dir() and not old.is_symlink():
            shutil.rmtree(old, ignore_errors=True)
        elif old.name not in keep:
            old.unlink(missing_ok=True)


def _bring_back(out: Path, layout: Layout) -> None:
    """Put an earlier result back that a run was replacing when it was killed.

    It may be killed in turn: what is still to do can be told at any time.

    Raises:
        InputError: If another run is at it, or the folder cannot be written.
    """
    old = out / OLD
    if (out / layout.marker).exists() or not (old / layout.marker).exists():
        return
    with claimed(out), explained(out):
        if (out / layout.marker).exists() or not (old / layout.marker).exists():
            return  # the other run has ended meanwhile
        if (old / ALL).exists():  # what lies in its place is of the new one
            for name in layout.names:
                _remove(out / name)
            (old / ALL).unlink()
        for name in sorted(layout.names):
            if (old / name).exists() or (old / name).is_symlink():
                (old / name).rename(out / name)
        (old / layout.marker).rename(out / layout.marker)
        shutil.rmtree(old, ignore_errors=True)


def _remove(path: Path) -> None:
    """Remove a file or folder, wherever a link leads; it may be absent."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _publish(part: Path, out: Path, layout: Layout) -> None:
    """Replace what ``out`` holds by what ``part`` holds: marker away first, back last.

    Names are moved, which is done at once however much they hold; where one cannot be, all that
    was there before comes back.
    """
    old = out / OLD
    shutil.rmtree(old, ignore_errors=True)
    old.mkdir()
    moved: list[tuple[Path, Path]] = []

    def move(source: Path, place: Path) -> None:
        source.rename(place)
        moved.append((source, place))

    try:
        for name in (layout.marker, *sorted(layout.names)):
            if (out / name).exists() or (out / name).is_symlink():
                move(out / name, old / name)
        (old / ALL).touch()
        for new in sorted(part.iterdir(), key=lambda p: p.name == layout.marker):
            move(new, out / new.name)
    except BaseException:
        for source, place in reversed(moved):
            if place.parent == old:  # the new names have gone
                (old / ALL).unlink(missing_ok=True)
            place.rename(source)
        raise
    shutil.rmtree(old, ignore_errors=True)
