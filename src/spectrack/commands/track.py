"""``spectrack track``: a video and a box in, masks out."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

from tyro.conf import Positional, arg

from spectrack.commands.base import (
    Command,
    Flag,
    OptionalCount,
    OptionalFile,
    Repeated,
    at_least,
    choose,
    versions,
)
from spectrack.errors import InputError, InputWarning

if TYPE_CHECKING:
    from spectrack.commands.console import Console
    from spectrack.structures import Box, Target
    from spectrack.tracking.explaining import Explainer
    from spectrack.tracks import Tracks

EXPLAINED = "explain.png"


@dataclass(frozen=True, kw_only=True)
class TrackCommand(Command):
    """Follow objects through a video, from a box or a mask in its first frame.

    DIR gets masks/*.png (indexed, value = object), boxes.csv, track.json and overlay.mp4.

    Example: spectrack track bike.mp4 --box 120,80,200,160 --explain --out bike
    """

    video: Annotated[Positional[str], arg(metavar="VIDEO")]
    """Video file, folder of images, quoted glob, or camera number."""
    out: Annotated[Path, arg(metavar="DIR")]
    """Where the results go; a new or empty folder."""
    box: Annotated[Repeated, arg(metavar="X,Y,W,H")] = ()
    """Object in the first frame: left, top, width, height in pixels. Repeat for more objects."""
    mask: OptionalFile = None
    """Its mask in the first frame instead; an indexed PNG may hold several objects."""
    tracker: Annotated[str, arg(metavar="NAME")] = "sftrack"
    """What follows; see `spectrack trackers`."""
    set: Annotated[Repeated, arg(metavar="NAME=VALUE")] = ()
    """A setting of the tracker; see `spectrack trackers NAME`. Repeat for more."""
    max_frames: OptionalCount = None
    """Stop after N frames (needed for a camera)."""
    no_clean: Flag = False
    """Leave the tracker's masks as they are: no spectral filter behind it."""
    no_overlay: Flag = False
    """Leave out overlay.mp4."""
    soft_overlay: Flag = False
    """Tint the overlay by how certain each pixel is."""
    explain: Flag = False
    """Write explain.png: boxes and masks of the inputs, their mix and the result."""
    explain_frames: Annotated[str, arg(metavar="N,N")] = ""
    """Show these frames on it, counted from 0, not those that tell most."""
    overwrite: Flag = False
    """Replace an earlier result in DIR."""

    def run(self, console: Console) -> int:
        """Follow the objects and write the result folder."""
        from spectrack.commands.output import check_output, staged
        from spectrack.tracking.settings import split_pairs
        from spectrack.tracking.table import settings_of, tracker_table

        choose("tracker", self.tracker, tracker_table())
        at_least("--max-frames", self.max_frames)
        settings = split_pairs(self.set)
        settings_of(self.tracker, **settings)  # a wrong setting is told before work begins
        camera = self.video.isdecimal() and not Path(self.video).exists()
        source: str | int = int(self.video) if camera else self.video
        if isinstance(source, int) and self.max_frames is None:
            raise InputError(f"camera {source} never ends; say when to stop with --max-frames N")
        explainer = self._explainer(source)
        targets = self._targets()
        check_output(self.out, overwrite=self.overwrite)
        overlay = not (self.no_overlay or camera)

        from spectrack.api import track_all

        started = time.perf_counter()
        with staged(self.out, overwrite=self.overwrite) as part:
            with console.progress("tracking") as progress, dropped_inputs() as dropped:
                tracks = track_all(
                    source,
                    targets,
                    tracker=self.tracker,
                    clean=not self.no_clean,
                    max_frames=self.max_frames,
                    keep_soft=self.soft_overlay,
                    progress=progress,
                    explain=explainer,
                    **settings,
                )
            tracking = time.perf_counter() - started
            for track in tracks.values():
                track.info.update(versions=versions())
                track.info["timings"] = {"tracking_s": round(tracking, 3)}
            tracks.save(part)
            if explainer is not None:
                write_sheet(explainer, Path(self.video).name, part / EXPLAINED, console)
            if overlay:
                write_overlay(source, tracks, part, console, self.max_frames)
        if camera and not self.no_overlay:
            console.remark("a camera cannot be watched twice, so overlay.mp4 is left out")
        explained = explainer is not None
        summary = summarise(tracks, tracking, self.out, overlay=overlay, explained=explained)
        summary["warnings"] = dropped
        console.result(summary, text(summary))
        return 0

    def _explainer(self, source: str | int) -> Explainer | None:
        """What draws the sheet; what cannot be explained is refused before work begins."""
        if not (self.explain or self.explain_frames):
            return None
        from spectrack.api import open_frames
        from spectrack.tracking.explaining import Explainer
        from spectrack.tracking.table import tracker_table

        if not tracker_table()[self.tracker].load().explains:
            raise InputError(
                f"tracker {self.tracker} fuses no others, so it has nothing to explain; "
                "use --tracker sftrack or leave out --explain"
            )
        if not self.explain_frames:
            return Explainer()
        wanted = parse_frames(self.explain_frames)
        explainer = Explainer(wanted)
        length = self.max_frames
        if not isinstance(source, int):
            with open_frames(source, self.max_frames) as frames:
                length = frames.length
        if length is not None and max(wanted) >= length:
            raise InputError(
                f"--explain-frames names frame {max(wanted)} of {length}; "
                f"give numbers from 0 to {length - 1}"
            )
        return explainer

    def _targets(self) -> dict[int, Target]:
        from spectrack.structures import Target

        if self.mask is not None and self.box:
            raise InputError("both --box and --mask were given; give one of them")
        if self.mask is not None:
            from spectrack.api import read_targets

            return read_targets(self.mask)
        if not self.box:
            raise InputError("no object was given; give --box X,Y,W,H or --mask FILE")
        return {i: Target(box=parse_box(b)) for i, b in enumerate(self.box, start=1)}


def parse_box(value: str) -> Box:
    """A box from ``"X,Y,W,H"``.

    Raises:
        InputError: If it is not four numbers, or has no area.
    """
    from spectrack.structures import Box

    try:
        x, y, w, h = (float(v) for v in value.replace(",", " ").split())
    except ValueError:
        raise InputError(f"--box {value} is not four numbers; give X,Y,W,H in pixels") from None
    return Box(x, y, w, h)


def parse_frames(value: str) -> list[int]:
    """Frame numbers from ``"N,N,..."``.

    Raises:
        InputError: If it is not a list of whole numbers.
    """
    try:
        return [int(word) for word in value.split(",")]
    except ValueError:
        raise InputError(
            f"--explain-frames {value} is no list of frame numbers; give N,N,... counted from 0"
        ) from None


@contextmanager
def dropped_inputs() -> Iterator[list[str]]:
    """What is said of inputs that failed or were taken otherwise than named, to be told at the end.

    Yields:
        The sentences, as they come.
    """
    said: list[str] = []
    with warnings.catch_warnings():
        warnings.filterwarnings("always", "input ", RuntimeWarning)
        warnings.simplefilter("always", InputWarning)
        show = warnings.showwarning

        def take(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            failed = category is RuntimeWarning and str(message).startswith("input ")
            if failed or issubclass(category, InputWarning):
                said.append(str(message))
            else:
                show(message, category, filename, lineno, file, line)

        warnings.showwarning = take
        yield said


def write_sheet(explainer: Explainer, title: str, path: Path, console: Console) -> None:
    """Write ``explain.png``."""
    from spectrack.video.sheet import write_picture

    console.remark("drawing explain.png")
    write_picture(path, explainer.sheet(title))


def write_overlay(
    source: str | int, tracks: Tracks, folder: Path, console: Console, max_frames: int | None
) -> None:
    """Write ``overlay.mp4`` beside the masks."""
    from spectrack.api import open_frames
    from spectrack.video.export import write_overlay as write

    with open_frames(source, max_frames) as frames, console.progress("overlay") as progress:
        write(folder / "overlay.mp4", frames, tracks, progress=progress)


def summarise(
    tracks: Tracks, seconds: float, out: Path, overlay: bool, explained: bool = False
) -> dict[str, Any]:
    """What a run gave, for people and machines."""
    frames = len(tracks.first)
    return {
        "out": str(out),
        "frames": frames,
        "size_wh": list(tracks.first.size_wh),
        "tracker": tracks.first.info.get("tracker"),
        "objects": {
            str(key): {
                "found": sum(e.found for e in track),
                "mean_score": sum(e.score for e in track) / frames,
            }
            for key, track in tracks.items()
        },
        "seconds": round(seconds, 3),
        "frames_per_second": round(frames / seconds, 2) if seconds > 0 else None,
        "overlay": str(out / "overlay.mp4") if overlay else None,
        "explain": str(out / EXPLAINED) if explained else None,
    }


def text(summary: dict[str, Any]) -> str:
    """The summary in a few lines."""
    lines = [
        f"{summary['frames']} frames followed with {summary['tracker']} "
        f"in {summary['seconds']:.1f} s ({summary['frames_per_second']:.1f} frames/s)"
    ]
    for key, found in summary["objects"].items():
        lines.append(
            f"object {key}: found in {found['found']} of {summary['frames']} frames, "
            f"mean score {found['mean_score']:.2f}"
        )
    lines += [f"warning: {sentence}" for sentence in summary["warnings"]]
    lines.append(f"results: {summary['out']} (masks/*.png, boxes.csv, track.json)")
    if summary["overlay"]:
        lines.append(f"overlay: {summary['overlay']}")
    if summary["explain"]:
        lines.append(f"explain: {summary['explain']}")
    return "\n".join(lines)
