"""``spectrack review``: which frames of a result are most worth a look, and why."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import Positional, arg

from spectrack.commands.base import Command, Flag, OptionalCount, OptionalFile, at_least, table
from spectrack.errors import InputError

if TYPE_CHECKING:
    from spectrack.commands.console import Console
    from spectrack.tracks import Track, Tracks
    from spectrack.video.frames import Frames

COLUMNS = 3
"""Pictures in a row of the sheet."""

BROKEN = "frame cannot be decoded"
"""Why a frame is worth a look that keeps the answer before it."""


@dataclass(frozen=True, kw_only=True)
class ReviewCommand(Command):
    """List the frames of a result most worth a look.

    TRACK is a result folder of `fuse`, `refine` or `track`. Doubt is between 0 and 1; it is high
    where fused methods or directions disagree, the tracker is unsure, the filter changed the mask
    or answered weakly, or it jumped. The frames are spread over the video. Those of `track` come in
    the order in which correcting them promises most, others by their doubt.

    Example: spectrack review fused --top 6 --sheet look.png --video bike.mp4
    """

    track: Annotated[Positional[Path], arg(metavar="TRACK")]
    """Result folder."""
    top: Annotated[int, arg(metavar="N")] = 10
    """Frames to list at most."""
    apart: Annotated[int, arg(metavar="N")] = 8
    """Least distance between two of them, in frames."""
    object: OptionalCount = None
    """Only this object; all by default."""
    video: Annotated[str | None, arg(metavar="VIDEO")] = None
    """The video, for times and for the pictures of --sheet."""
    sheet: OptionalFile = None
    """Also write pictures of these frames with their masks, .png or .jpg."""
    overwrite: Flag = False
    """Replace the file of --sheet where it is there."""

    def run(self, console: Console) -> int:
        """Find the frames and list them."""
        from spectrack.commands.output import check_file

        at_least("--top", self.top)
        at_least("--apart", self.apart)
        at_least("--object", self.object)
        if self.sheet is not None:
            if self.video is None:
                raise InputError("--sheet needs the pictures; give --video VIDEO too")
            if self.sheet.suffix.lower() not in {".png", ".jpg", ".jpeg"}:
                raise InputError(f"--sheet {self.sheet} is no picture; give a .png or .jpg file")
            check_file("--sheet", self.sheet, self.overwrite)

        from spectrack.api import open_frames
        from spectrack.tracks import Tracks
        from spectrack.video.export import check_video
        from spectrack.video.salvage import HeldFrames

        tracks = Tracks.load(self.track)
        if self.object is not None and self.object not in tracks:
            shown = ", ".join(map(str, tracks))
            raise InputError(f"{self.track} holds no object {self.object}; it has {shown}")
        chosen = {key: t for key, t in tracks.items() if self.object in (None, key)}
        found = [row for key, track in chosen.items() for row in rows(key, track, self)]
        found = sorted(found, key=lambda row: -row.get("use", row["doubt"]))[: self.top]
        if self.video is not None:
            with open_frames(self.video) as frames:
                check_video(frames, tracks)
                add_times(found, frames)
                if self.sheet is not None:
                    write_sheet(self.sheet, found, HeldFrames(frames), tracks)
        sheet = None if self.sheet is None else str(self.sheet)
        console.result(
            {"track": str(self.track), "frames": found, "sheet": sheet},
            text(found, len(tracks), sheet),
        )
        return 0


def rows(object_id: int, track: Track, command: ReviewCommand) -> list[dict[str, Any]]:
    """The frames of one object most worth a look."""
    import numpy as np

    from spectrack.spectral.doubt import doubt, most_doubtful, most_useful, reasons

    parts = doubt_parts(track)
    values = np.array(track.info["doubt"], float) if "doubt" in track.info else doubt(parts)
    listed = track.info.get("broken_frames")
    broken = set(map(str, listed)) if isinstance(listed, list) else set()
    values[[stem in broken for stem in track.stems]] = 1.0
    use: dict[int, float] = {}
    if "tracker" in track.info:
        known = [t for t in given_frames(track) if t < len(track)]
        use = dict(most_useful(values, command.top, command.apart, given=known))
    return [
        {
            "frame": t,
            "stem": track.stems[t],
            "object": object_id,
            "doubt": round(float(values[t]), 4),
            **({"use": round(use[t], 4)} if t in use else {}),
            "reasons": [*([BROKEN] if track.stems[t] in broken else []), *reasons(parts, t)],
        }
        for t in (use or most_doubtful(values, command.top, command.apart))
    ]


def doubt_parts(track: Track) -> dict[str, Any]:
    """The parts of the doubt as ``track.json`` has them, else those that masks and scores tell.

    Raises:
        InputError: If there is not one number a frame.
    """
    import numpy as np

    from spectrack.spectral.doubt import REASONS, jumps

    if "doubt" not in track.info:
        weakness = [1 - min(max(e.score, 0.0), 1.0) if e.found else 0.0 for e in track.entries]
        areas = [0 if e.mask is None else e.mask.area for e in track.entries]
        return {"weakness": np.array(weakness), "jump": jumps(np.array(areas))}
    kept = track.info.get("doubt_parts")
    try:
        parts = {name: np.array(v, float) for name, v in kept.items()}  # type: ignore[union-attr]
        lengths = {len(v) for v in [*parts.values(), np.array(track.info["doubt"], float)]}
        if lengths != {len(track)} or not set(parts) <= set(REASONS):
            raise ValueError
    except (AttributeError, TypeError, ValueError):
        raise InputError(
            "the doubt in track.json does not fit its frames; make the result again"
        ) from None
    return parts


def given_frames(track: Track) -> list[int]:
    """Frames whose masks were given, as ``track.json`` tells; none where it tells of no keys."""
    keys = track.info.get("keyframes")
    plain = keys.items() if isinstance(keys, dict) else ()
    return [
        int(t) for t, key in plain if t.isdecimal() and isinstance(key, dict) and key.get("mask")
    ]


def add_times(found: list[dict[str, Any]], frames: Frames) -> None:
    """Add the time of each frame in seconds, where the video knows it."""
    times = frames.times_s
    for row in found if times is not None else []:
        row["time_s"] = round(float(times[row["frame"]]), 3)  # type: ignore[index]


def write_sheet(path: Path, found: list[dict[str, Any]], frames: Frames, tracks: Tracks) -> None:
    """Write the frames with their masks, each with its name, doubt and first reason above."""
    from spectrack.storage import explained
    from spectrack.video.draw import draw_overlay, object_color
    from spectrack.video.sheet import contact_sheet, write_picture

    pictures, labels = [], []
    for row in found:
        mask = tracks[row["object"]].mask(row["frame"])
        color = object_color(row["object"])
        pictures.append(draw_overlay(frames[row["frame"]], mask_hw=mask, color=color))
        labels.append("  ".join([row["stem"], f"{row['doubt']:.2f}", *row["reasons"][:1]]))
    sheet = contact_sheet(pictures, labels, columns=COLUMNS, width=480)
    with explained(path, named=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_picture(path, sheet)


def text(found: list[dict[str, Any]], objects: int, sheet: str | None) -> str:
    """The list as a table."""
    timed = any("time_s" in row for row in found)
    header = ["frame", *(["time"] if timed else []), *(["object"] if objects > 1 else [])]
    lines = [(*header, "doubt", "why")]
    for row in found:
        cells = [row["stem"]]
        cells += [f"{row['time_s']:.2f} s"] if timed else []
        cells += [str(row["object"])] if objects > 1 else []
        lines.append((*cells, f"{row['doubt']:.2f}", ", ".join(row["reasons"]) or "-"))
    return table(lines) + (f"\npictures: {sheet}" if sheet else "")
