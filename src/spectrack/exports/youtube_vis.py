"""YouTube-VIS: one annotation an object, with a run length for every frame (Yang, ICCV 2019)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from spectrack.exports.base import About
from spectrack.storage import write_json
from spectrack.structures import Box, Mask, Prediction
from spectrack.tracks import Track, Tracks
from spectrack.video.run_lengths import read_run_lengths


def write(tracks: Tracks, path: Path, about: About) -> None:
    """Write ``videos``, ``categories`` and ``annotations``, with the scores of frames beside."""
    first, classes = tracks.first, about.classes(tracks)
    width, height = first.size_wh
    video = {
        "id": 1,
        "name": about.name,
        "width": width,
        "height": height,
        "length": len(first),
        "file_names": [f"{about.name}/{file}" for file in about.file_names(tracks)],
    }
    annotations: list[dict[str, Any]] = [
        {
            "id": object_id,
            "video_id": 1,
            "category_id": classes[about.label(object_id)],
            "iscrowd": 0,
            "width": width,
            "height": height,
            "length": len(first),
            "segmentations": [as_json(e.mask) for e in track],
            "areas": [e.mask and e.mask.area for e in track],
            "bboxes": [e.box and list(e.box) for e in track],
            "scores": [e.score for e in track],
        }
        for object_id, track in tracks.items()
    ]
    categories = [{"id": number, "name": name} for name, number in classes.items()]
    content = {"videos": [video], "categories": categories, "annotations": annotations}
    write_json(path, content, indent=None)


def read(path: Path, about: About) -> Tracks:
    """Tracks from annotations or results of one video; boxes are those of the masks.

    Raises:
        InputError: If the file holds no run lengths, or those of another video.
    """
    frames = about.video("youtube-vis")
    size_wh, stems = about.known("youtube-vis")
    tracks = {}
    for object_id, masks in read_run_lengths(path, frames).items():
        track = tracks[object_id] = Track(size_wh)
        for t, stem in enumerate(stems):
            soft = masks[t]
            mask = None if soft is None else soft >= 0.5
            box = None if mask is None else Box.from_mask(mask)
            track.append(Prediction(box, mask, float(box is not None), box is not None), stem)
    return Tracks(tracks)


def as_json(mask: Mask | None) -> dict[str, Any] | None:
    """A mask as JSON has run lengths; None for none."""
    if mask is None:
        return None
    return {"size": [mask.height, mask.width], "counts": mask.counts.decode("ascii")}
