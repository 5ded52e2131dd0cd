"""``spectrack export``: a result in the file format of another tool, or back."""

from __future__ import annotations

import shutil
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import Positional, arg

from spectrack.commands.base import (
    Command,
    Flag,
    OptionalCount,
    Repeated,
    at_least,
    choose,
    table,
)
from spectrack.errors import InputError

if TYPE_CHECKING:
    from spectrack.commands.console import Console
    from spectrack.exports.base import Format
    from spectrack.tracks import Tracks

MARKER = "export.json"
"""What a folder that was exported is known by."""
OWN = "result"
"""The format of our own result folders."""


@dataclass(frozen=True, kw_only=True)
class ExportCommand(Command):
    """Write a result in the file format of another tool, or read one back.

    RESULT is a result folder, or with --from a file or folder of another format. --format list
    shows all formats.

    Example: spectrack export bike --format coco --out bike.json
    """

    result: Annotated[Positional[Path | None], arg(metavar="RESULT")] = None
    """Result folder of `track`, `refine`, `fuse` or `evaluate --out`."""
    format: Annotated[str, arg(metavar="NAME")] = "list"
    """Format to write, or list."""
    out: Annotated[Path | None, arg(metavar="PATH")] = None
    """File or folder to write."""
    from_: Annotated[str, arg(name="from", metavar="NAME")] = OWN
    """Format of RESULT."""
    video: Annotated[str | None, arg(metavar="VIDEO")] = None
    """The video: for what is cut out of it, and for formats that do not tell its size."""
    object: OptionalCount = None
    """Only this object; all by default."""
    label: Annotated[Repeated, arg(metavar="ID=NAME")] = ()
    """Class of an object, 1=dog. Repeat for more."""
    category: Annotated[int, arg(metavar="N")] = 1
    """Number of the class in MOTS, where 1 is car and 2 is pedestrian."""
    tolerance: Annotated[float, arg(metavar="PIXELS")] = 0.0
    """How far a polygon may be off; 0 keeps masks exactly, 1 gives few corners to edit."""
    overwrite: Flag = False
    """Replace an earlier export."""

    def run(self, console: Console) -> int:
        """Read, convert and write."""
        from spectrack.exports.table import FORMATS

        if self.format == "list" and self.result is not None:
            raise InputError("--format is missing; spectrack export lists those there are")
        if self.format == "list":
            console.result(_listed(FORMATS), _as_text(FORMATS))
            return 0
        format_ = FORMATS[choose("format", self.format, FORMATS)]
        source = FORMATS[choose("format", self.from_, FORMATS)]
        at_least("--object", self.object)
        if self.result is None:
            raise InputError("RESULT is missing; give a result folder, see spectrack export --help")
        if source.read is None:
            readable = ", ".join(name for name, f in FORMATS.items() if f.read)
            raise InputError(f"{self.from_} cannot be read back; choose from {readable}")
        if not 0 <= self.tolerance <= 100:
            raise InputError(f"--tolerance {self.tolerance:g} was given; expected 0 to 100 pixels")
        if not 1 <= self.category <= 65:
            raise InputError(f"--category {self.category} was given; expected 1 to 65")
        out = self._place(format_)
        frames, objects = self._export(source, format_, out, console)
        said = {"out": str(out), "format": self.format, "frames": frames, "objects": objects}
        ids = ", ".join(map(str, objects))
        console.result(said, f"{frames} frames of object {ids} written as {self.format}: {out}")
        return 0

    def _place(self, format_: Format) -> Path:
        """Where to write.

        Raises:
            InputError: If it does not suit the format, or holds something.
        """
        if self.out is None:
            raise InputError("--out is missing; give the file or folder to write")
        check_place(self.out, self.format, format_, self.overwrite)
        return self.out

    def _export(
        self, source: Format, format_: Format, out: Path, console: Console
    ) -> tuple[int, list[int]]:
        from spectrack.api import open_frames
        from spectrack.exports.base import About
        from spectrack.tracks import Tracks

        assert self.result is not None
        reader = source.reader
        assert reader is not None
        opened: Any = nullcontext() if self.video is None else open_frames(self.video)
        with opened as frames, console.progress("exporting") as progress:
            about = About(
                name=self.result.stem or "video",
                labels=parse_labels(self.label),
                category=self.category,
                tolerance=self.tolerance,
                frames=frames,
                progress=progress,
            )
            tracks = reader(self.result, about)
            if self.object is not None:
                if self.object not in tracks:
                    ids = ", ".join(map(str, tracks))
                    raise InputError(f"{self.result} holds no object {self.object}; it has {ids}")
                tracks = Tracks({self.object: tracks[self.object]})
            unknown = set(about.labels) - set(tracks)
            if unknown:
                raise InputError(f"--label names object {min(unknown)}, which is not in the result")
            write_export(tracks, out, self.format, format_, about, self.overwrite)
        return len(tracks.first), list(tracks)


def check_place(out: Path, name: str, format_: Format, overwrite: bool) -> None:
    """Make sure that a format may be written to a place.

    Raises:
        InputError: If the file's name has another ending, its folder is missing, or there is
            something already that may not be replaced.
    """
    from spectrack.commands.output import check_output

    if not format_.suffixes:
        check_output(out, _layout(name, format_), overwrite)
        return
    if out.suffix.lower() not in format_.suffixes:
        wanted = " or ".join(format_.suffixes)
        raise InputError(f"--out {out} was given; {name} is a file ending in {wanted}")
    if not out.parent.is_dir():
        raise InputError(f"folder {out.parent} does not exist; make it first")
    if out.is_dir() or (out.exists() and not overwrite):
        raise InputError(f"{out} is there already; pass --overwrite or give another name")


def write_export(
    tracks: Tracks, out: Path, name: str, format_: Format, about: Any, overwrite: bool
) -> None:
    """Write tracks in a format, whole or not at all.

    Raises:
        InputError: As :func:`check_place`, and if the tracks lack what the format holds.
    """
    from spectrack.commands.output import staged
    from spectrack.exports.base import write_tracks
    from spectrack.storage import explained, replacing, write_json

    if format_.suffixes:
        with explained(out, named=True), replacing(out) as part:
            write_tracks(tracks, part, name, format_, about)
        return
    layout = _layout(name, format_)
    with staged(out, layout, overwrite) as folder:
        write_tracks(tracks, folder, name, format_, about)
        if layout.marker == MARKER:
            write_json(folder / MARKER, {"format": name, "name": about.name})


def check_formats(names: tuple[str, ...], camera: bool, masks: bool) -> None:
    """Make sure that formats exist and can be written, before work begins.

    Args:
        names: Of the formats.
        camera: Whether the video is a camera, which cannot be watched twice.
        masks: Whether there will be masks, or there may be.

    Raises:
        InputError: If one is unknown, needs the frames of a camera, or masks where there are none.
    """
    from spectrack.exports.table import FORMATS

    for name in names:
        format_ = FORMATS[choose("format", name, FORMATS)]
        if format_.video and camera:
            raise InputError(f"--save {name} needs the frames again; a camera has them once")
        if format_.needs == "masks" and not masks:
            raise InputError(
                f"--save {name} needs masks and the tracker gives boxes alone; "
                "choose one that takes boxes, such as mot, vot, coco or cvat, or follow with a "
                "tracker of masks"
            )


def save_exports(
    names: tuple[str, ...], tracks: Tracks, folder: Path, video: str | None, console: Console
) -> None:
    """Write tracks in several formats into ``exports`` of a result folder: ``NAME.json`` and so on.

    One that cannot be written is left out and told in a warning: the answers themselves are kept.

    Args:
        names: Of the formats.
        tracks: The result.
        folder: The result folder.
        video: Where the tracks are from, if it can be opened again.
        console: What tells progress.
    """
    from spectrack.commands.output import made_beside
    from spectrack.storage import PART, explained

    exports = folder / "exports"
    aside = exports / PART

    def save(name: str) -> None:
        with explained(exports):
            aside.mkdir(parents=True)
            made = _save_export(name, tracks, aside, video, console)
            made.rename(exports / made.name)

    for name in dict.fromkeys(names):
        made_beside(f"--save {name}", partial(save, name))
        shutil.rmtree(aside, ignore_errors=True)
    with suppress(OSError):
        exports.rmdir()  # where nothing could be written


def _save_export(
    name: str, tracks: Tracks, folder: Path, video: str | None, console: Console
) -> Path:
    """Write tracks in one format into a folder; what was written. See :func:`save_exports`."""
    from spectrack.api import open_frames
    from spectrack.exports.base import About, write_tracks
    from spectrack.exports.table import FORMATS
    from spectrack.video.salvage import HeldFrames

    format_ = FORMATS[name]
    place = folder / f"{name}{format_.suffixes[0] if format_.suffixes else ''}"
    if not format_.suffixes:
        place.mkdir()
    opened: Any = nullcontext() if video is None else open_frames(video)
    with opened as frames, console.progress(f"exporting {name}") as progress:
        if frames is not None and tracks.first.info.get("broken_frames"):
            frames = HeldFrames(frames)
        title = "camera" if frames is None else frames.name
        about = About(name=title, frames=frames, progress=progress)
        write_tracks(tracks, place, name, format_, about)
    return place


def parse_labels(pairs: tuple[str, ...]) -> dict[int, str]:
    """Object ids to names, from ``ID=NAME``.

    Raises:
        InputError: If one is none, or an id occurs twice.
    """
    labels: dict[int, str] = {}
    for pair in pairs:
        number, equals, name = pair.partition("=")
        if not (equals and name.strip() and number.strip().isdecimal()) or int(number) in labels:
            raise InputError(f"--label {pair} was given; expected ID=NAME, each object once")
        labels[int(number)] = name.strip()
    return labels


def _layout(name: str, format_: Format) -> Any:
    from spectrack.commands.output import TRACK, Layout

    return TRACK if name == OWN else Layout(MARKER, format_.names)


def _listed(formats: dict[str, Format]) -> dict[str, Any]:
    return {
        name: {
            "description": f.description,
            "file": f.suffixes[0] if f.suffixes else None,
            "read": f.read is not None,
            "needs_video": f.video,
        }
        for name, f in formats.items()
    }


def _as_text(formats: dict[str, Format]) -> str:
    rows = [
        (name, f.suffixes[0] if f.suffixes else "folder", "yes" if f.read else "no", f.description)
        for name, f in formats.items()
    ]
    return table([("format", "out", "read back", "what"), *rows])
