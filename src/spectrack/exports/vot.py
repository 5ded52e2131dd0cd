"""VOT: a line of text a frame with the object's region, one file an object.

``regions/NAME_001.txt`` where there is one object, ``regions/NAME_ID_001.txt`` for several. The
first line is ``1``: the tracker was started there. Regions are masks where there are masks, boxes
where there are not; what is not found is an empty mask, or a box of ``nan``.
"""

from __future__ import annotations

import re
from pathlib import Path

from spectrack.errors import InputError
from spectrack.exports.base import About, gathered, read_text
from spectrack.exports.polygons import fill
from spectrack.storage import write_text
from spectrack.structures import Box, Prediction
from spectrack.tracks import Entry, Track, Tracks
from spectrack.video.vot_regions import STARTED, VotMask, box_line, mask_line, parse_region

REGIONS = "regions"
_OBJECT = re.compile(r"_(\d+)_001$")


def write(tracks: Tracks, folder: Path, about: About) -> None:
    """Write a file for each object."""
    (folder / REGIONS).mkdir()
    for object_id, track in tracks.items():
        name = about.name if len(tracks) == 1 else f"{about.name}_{object_id}"
        masked = any(e.mask is not None and e.mask.area for e in track)
        lines = [region_line(entry, masked) for entry in track]
        lines[0] = str(STARTED)
        write_text(folder / REGIONS / f"{name}_001.txt", "".join(f"{line}\n" for line in lines))


def region_line(entry: Entry, masked: bool) -> str:
    """One answer as a line.

    Args:
        entry: The answer.
        masked: Whether the region is the mask.
    """
    if not masked:
        return box_line(entry.box if entry.found else None)
    return "m0,0,0,0" if entry.mask is None else mask_line(entry.mask.decode())


def read(place: Path, about: About) -> Tracks:
    """Tracks from a file, or from a folder of one file an object.

    What the first line leaves out, the region given there, stays unknown: no mask, no box.

    Raises:
        InputError: If there is no file, or one has other frames than the video.
    """
    size_wh, stems = about.known("vot")
    root = place / REGIONS if (place / REGIONS).is_dir() else place
    files = [root] if root.is_file() else sorted(root.glob("*_001.txt"))
    tracks = {}
    for number, file in enumerate(files, start=1):
        told = _OBJECT.search(file.stem) if len(files) > 1 else None
        track = Track(size_wh)
        lines = read_text(file).splitlines()
        if len(lines) != len(stems):
            raise InputError(
                f"{file} has {len(lines)} lines but the video {len(stems)} frames; give one a frame"
            )
        for stem, line in zip(stems, lines, strict=True):
            track.append(_prediction(line, size_wh), stem)
        tracks[int(told[1]) if told else number] = track
    return gathered(tracks, place)


def _prediction(line: str, size_wh: tuple[int, int]) -> Prediction:
    region = parse_region(line)
    if region is None or isinstance(region, int):
        return Prediction(None, None, 0.0, found=region == STARTED)
    if isinstance(region, Box):
        return Prediction(region)
    mask = region.fill(size_wh) if isinstance(region, VotMask) else fill([region], size_wh)
    box = Box.from_mask(mask)
    return Prediction(box, mask, float(box is not None), found=box is not None)
