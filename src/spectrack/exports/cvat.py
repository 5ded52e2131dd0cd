"""CVAT for video 1.1: an XML file of tracks, to import as annotations of a video task.

An object is a track: of polygons where it has masks, of boxes where it has none. A polygon is one
ring, so parts and holes are joined to it. In frames where it is not found it is ``outside``.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np

from spectrack.errors import InputError
from spectrack.exports.base import About, gathered, read_text
from spectrack.exports.polygons import fill, joined, parts_of
from spectrack.storage import write_bytes
from spectrack.structures import Box, Prediction
from spectrack.tracks import Track, Tracks

LOST = Prediction(None, None, 0.0, found=False)


def write(tracks: Tracks, path: Path, about: About) -> None:
    """Write the file."""
    root = ET.Element("annotations")
    ET.SubElement(root, "version").text = "1.1"
    width, height = tracks.first.size_wh
    meta = ET.SubElement(root, "meta")
    task = ET.SubElement(meta, "task")
    for tag, text in (("name", about.name), ("size", len(tracks.first)), ("mode", "interpolation")):
        ET.SubElement(task, tag).text = _printable(str(text))
    size = ET.SubElement(task, "original_size")
    ET.SubElement(size, "width").text, ET.SubElement(size, "height").text = str(width), str(height)
    labels = ET.SubElement(task, "labels")
    for name in about.classes(tracks):
        ET.SubElement(ET.SubElement(labels, "label"), "name").text = _printable(name)
    for number, (object_id, track) in enumerate(tracks.items()):
        label = _printable(about.label(object_id))
        one = ET.SubElement(root, "track", id=str(number), label=label, source="auto")
        _write_track(one, track, about)
    ET.indent(root, " ")
    write_bytes(path, ET.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n")


def read(path: Path, about: About) -> Tracks:
    """Tracks from a file; the object's number is that of its track, from 1.

    Shapes between key frames, which CVAT writes out, are read as they stand.

    Raises:
        InputError: If the file is none, declares entities, or a shape cannot be used.
    """
    size_wh, stems = about.known("cvat")
    text = read_text(path)
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise InputError(f"{path} declares entities, which CVAT never does; give CVAT's own file")
    try:
        root = ET.fromstring(text.encode("utf-8"))
    except ET.ParseError as error:
        raise InputError(f"{path} is no XML ({error}); give a complete file") from None
    tracks = {}
    for number, one in enumerate(root.iter("track"), start=1):
        shapes = {}
        for shape in one:
            where = f"track {number} of {path}"
            try:
                frame = int(shape.attrib["frame"])
                lost = shape.attrib.get("outside") == "1"
                shapes[frame] = LOST if lost else _shape(shape, size_wh)
            except (KeyError, ValueError) as error:
                raise InputError(f"{where} has a shape that cannot be used ({error})") from None
            if not 0 <= frame < len(stems):
                raise InputError(
                    f"{where} has frame {frame} but the video {len(stems)} frames; give its own"
                )
        track = tracks[number] = Track(size_wh)
        for t, stem in enumerate(stems):
            track.append(shapes.get(t, LOST), stem)
    return gathered(tracks, path)


def _write_track(one: ET.Element, track: Track, about: About) -> None:
    masked = any(e.mask is not None and e.mask.area for e in track)
    last: dict[str, str] | None = None
    for t, entry in enumerate(track):
        shape = None
        if masked:
            parts = [] if entry.mask is None else parts_of(entry.mask.decode(), about.tolerance)
            if parts:
                shape = {"points": ";".join(f"{x:g},{y:g}" for x, y in joined(parts))}
        elif entry.box is not None and entry.found:
            corners = zip(("xtl", "ytl", "xbr", "ybr"), entry.box.xyxy, strict=True)
            shape = {name: f"{v:.2f}" for name, v in corners}
        lost, last = shape is None, shape or last
        if last is None:
            continue  # a track begins where the object is first seen
        state = {"frame": str(t), "outside": str(int(lost)), "occluded": "0", "keyframe": "1"}
        ET.SubElement(one, "polygon" if masked else "box", {**state, **last, "z_order": "0"})


def _shape(shape: ET.Element, size_wh: tuple[int, int]) -> Prediction:
    """What one shape says.

    Raises:
        ValueError: If it is no box or polygon.
    """
    if shape.tag == "box":
        return Prediction(
            Box.from_xyxy(*(float(shape.attrib[k]) for k in ("xtl", "ytl", "xbr", "ybr")))
        )
    if shape.tag != "polygon":
        raise ValueError(f"a {shape.tag} where boxes and polygons are read")
    corners = [[float(v) for v in pair.split(",")] for pair in shape.attrib["points"].split(";")]
    mask = fill([np.array(corners, dtype=np.float64)], size_wh)
    box = Box.from_mask(mask)
    return Prediction(box, mask, float(box is not None), found=box is not None)


def _printable(text: str) -> str:
    """Text without the characters that XML cannot hold."""
    return "".join(c if c >= " " and not "\ud800" <= c <= "\udfff" else "?" for c in text)
