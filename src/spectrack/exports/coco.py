"""COCO: one annotation an object and frame, with run lengths or polygons (Lin et al., ECCV 2014).

A frame is an image, an object a track (``track_id``) of a category. Boxes are tight about the
masks where there are masks. Polygons run along the edges of pixels, so they hold the same mask as
the run lengths; a hole is joined to its polygon.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from spectrack.errors import InputError
from spectrack.exports.base import About, gathered, read_json
from spectrack.exports.polygons import fill, parts_of
from spectrack.storage import write_json
from spectrack.structures import Box, HardHW, Prediction
from spectrack.tracks import Entry, Track, Tracks
from spectrack.video.run_lengths import MOST_PIXELS, read_mask_of

MOST_FRAMES = 1_000_000
"""A file may list no more images."""


def write_run_lengths(tracks: Tracks, path: Path, about: About) -> None:
    """Write ``segmentation`` as compressed run lengths."""
    _write(tracks, path, about, polygons=False)


def write_polygons(tracks: Tracks, path: Path, about: About) -> None:
    """Write ``segmentation`` as polygons."""
    _write(tracks, path, about, polygons=True)


def read(path: Path, about: About) -> Tracks:
    """Tracks from a file of annotations; images in order of their ids.

    Objects are told apart by ``track_id``, which we write; without it by ``category_id``.

    Raises:
        InputError: If the file is none, or an annotation cannot be used.
    """
    data = read_json(path)
    try:
        images = sorted(data["images"], key=lambda image: int(image["id"]))
        sizes = {(int(image["width"]), int(image["height"])) for image in images}
        places = {int(image["id"]): t for t, image in enumerate(images)}
        stems = [Path(str(image["file_name"])).stem for image in images]
        given = [(a, int(a.get("track_id", a["category_id"]))) for a in data["annotations"]]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"{path} is no COCO file ({error!r}); expected images and annotations"
        ) from None
    if len(sizes) != 1 or min(min(s) for s in sizes) < 1 or len(images) > MOST_FRAMES:
        raise InputError(f"images of {path} differ in size; give a file of one video")
    size_wh = sizes.pop()
    if size_wh[0] * size_wh[1] > MOST_PIXELS:
        raise InputError(f"images of {path} are {size_wh[0]}x{size_wh[1]}; expected smaller ones")
    found: dict[int, dict[int, Prediction]] = {object_id: {} for _, object_id in given}
    for number, (annotation, object_id) in enumerate(given):
        where = f"annotation {number} of {path}"
        t = places.get(annotation.get("image_id"))
        if t is None:
            raise InputError(f"{where} is of no image in the file; give image_id of one")
        if t in found[object_id]:
            raise InputError(f"{where} is the second of object {object_id} in one image; give one")
        found[object_id][t] = _prediction(annotation, size_wh, where)
    tracks = {}
    for object_id, predictions in found.items():
        tracks[object_id] = Track(size_wh)
        for t, stem in enumerate(stems):
            tracks[object_id].append(predictions.get(t, Prediction(None, None, 0.0, False)), stem)
    return gathered(tracks, path)


def _prediction(annotation: dict[str, Any], size_wh: tuple[int, int], where: str) -> Prediction:
    """What one annotation says."""
    mask: HardHW | None = None
    given = annotation.get("segmentation")
    if isinstance(given, dict):
        runs = read_mask_of(given, where)
        mask = None if runs is None else runs.decode()
        if mask is not None and mask.shape != (size_wh[1], size_wh[0]):
            raise InputError(f"{where} has another size than its image; give one of the same size")
    elif given:
        try:
            rings = [np.array(ring, dtype=np.float64).reshape(-1, 2) for ring in given]
        except (TypeError, ValueError):
            raise InputError(f"{where} has no polygons of x, y; give pairs of numbers") from None
        mask = fill(rings, size_wh)
    try:
        box = Box.coerce(annotation["bbox"]) if annotation.get("bbox") else None
        score = float(annotation.get("score", 1.0))
    except (InputError, TypeError, ValueError) as error:
        raise InputError(f"{where} cannot be used ({error}); give a box x, y, w, h") from None
    if box is None and mask is not None:
        box = Box.from_mask(mask)
    return Prediction(box, mask, score, found=box is not None)


def _write(tracks: Tracks, path: Path, about: About, polygons: bool) -> None:
    width, height = tracks.first.size_wh
    classes = about.classes(tracks)
    images = [
        {"id": t, "file_name": file, "width": width, "height": height, "frame_id": t - 1}
        for t, file in enumerate(about.file_names(tracks), start=1)
    ]
    annotations: list[dict[str, Any]] = []
    for t in range(len(tracks.first)):
        for object_id, track in tracks.items():
            one = _annotation(track[t], polygons, about.tolerance)
            if one is not None:
                ids = {"id": len(annotations) + 1, "image_id": t + 1, "track_id": object_id}
                annotations.append(
                    {**ids, "category_id": classes[about.label(object_id)], "iscrowd": 0, **one}
                )
        about.progress(t + 1, len(tracks.first))
    content = {
        "info": {"description": about.name},
        "images": images,
        "categories": [{"id": number, "name": name} for name, number in classes.items()],
        "annotations": annotations,
    }
    write_json(path, content, indent=None)


def _annotation(entry: Entry, polygons: bool, tolerance: float) -> dict[str, Any] | None:
    """Segmentation, area, box and score; None where the object is not there."""
    box, mask = entry.box if entry.found else None, entry.mask
    if mask is not None and mask.area:
        segmentation: Any = {"size": [mask.height, mask.width], "counts": mask.counts.decode()}
        if polygons:
            segmentation = [ring.ravel().tolist() for ring in parts_of(mask.decode(), tolerance)]
        tight = mask.box
        shown = None if tight is None else list(tight)
        return {
            "segmentation": segmentation,
            "area": mask.area,
            "bbox": shown,
            "score": entry.score,
        }
    if box is None:
        return None
    return {"segmentation": [], "area": box.area, "bbox": list(box), "score": entry.score}
