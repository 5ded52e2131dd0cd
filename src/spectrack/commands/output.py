"""Safe output folders: nothing is overwritten silently and nothing is left half-written.

A command writes into ``OUT/.part``; when all is done the files move up into ``OUT``, the marker
file last, so a folder with its marker is complete. After an error or Ctrl-C the folder is as it
was before.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from spectrack.errors import InputError

PART = ".part"


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
        known = self.names | {self.marker, PART}
        return sorted(p.name for p in folder.iterdir() if p.name not in known)


TRACK = Layout("track.json", frozenset({"masks", "boxes.csv", "overlay.mp4", "explain.png"}))
DEMO = Layout("demo.json", frozenset({"clip.mp4", "truth", "result", "first_frame.png"}))


def is_complete(folder: Path, layout: Layout = TRACK) -> bool:
    """Whether a folder holds a finished result of a layout and nothing else."""
    return (folder / layout.marker).is_file() and not layout.foreign(folder)


def check_output(out: Path, layout: Layout = TRACK, overwrite: bool = False) -> None:
    """Make sure that a result may be written into a folder.

    Args:
        out: The folder; it may be absent.
        layout: What will be written.
        overwrite: Allow a finished result of the same layout to be replaced.

    Raises:
        InputError: If the folder is a file, holds other things, or holds a result and
            ``overwrite`` is not set.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"output {out} is a file; give a folder that is new or empty")
    if not out.is_dir():
        return
    foreign = layout.foreign(out)
    present = [p.name for p in out.iterdir() if p.name != PART]
    if foreign or (present and layout.marker not in present):
        some = ", ".join((foreign or sorted(present))[:3])
        raise InputError(
            f"output folder {out} holds other things ({some}); give one that is new or empty"
        )
    if present and not overwrite:
        raise InputError(
            f"output folder {out} holds a finished result; "
            "pass --overwrite to replace it or give another folder"
        )


@contextmanager
def staged(
    out: Path, layout: Layout = TRACK, overwrite: bool = False, keep: Collection[str] = ()
) -> Iterator[Path]:
    """A folder to write into that becomes ``out`` only when all went well.

    Args:
        out: The final folder.
        layout: What will be written; its marker moves last.
        overwrite: Replace a finished result of the same layout.
        keep: Files that a run which was killed left in ``OUT/.part``, to go on from.

    Yields:
        The folder to write into, ``OUT/.part``.

    Raises:
        InputError: If ``out`` cannot be used; see :func:`check_output`.
    """
    check_output(out, layout, overwrite)
    made = [p for p in (out, *out.parents) if not p.exists()]
    part = out / PART
    try:
        try:
            _clear(part, keep)
            part.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"output folder {out} cannot be written ({error.strerror}); give another folder"
            ) from error
        yield part
        _publish(part, out, layout)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        for folder in made:
            with suppress(OSError):
                folder.rmdir()
        raise


def _clear(part: Path, keep: Collection[str]) -> None:
    """Remove what a run which was killed left, but for some files."""
    for old in part.iterdir() if part.is_dir() else ():
        if old.is_dir() and not old.is_symlink():
            shutil.rmtree(old, ignore_errors=True)
        elif old.name not in keep:
            old.unlink(missing_ok=True)


def _publish(part: Path, out: Path, layout: Layout) -> None:
    """Replace what ``out`` holds by what ``part`` holds: marker away first, back last."""
    for name in (layout.marker, *sorted(layout.names)):
        old = out / name
        if old.is_dir():
            shutil.rmtree(old)
        else:
            old.unlink(missing_ok=True)
    for new in sorted(part.iterdir(), key=lambda p: p.name == layout.marker):
        new.rename(out / new.name)
    part.rmdir()
