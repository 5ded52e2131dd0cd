"""Label Studio: boxes on a video, or polygons on its frames, to import as tasks with annotations.

Places are in percent of width and height. A task of a video refers to it as ``$video``, one of a
frame to ``$image``; set them to where Label Studio finds the files.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from spectrack.errors import InputError
from spectrack.exports.base import About, gathered, read_json
from spectrack.exports.polygons import fill, joined, parts_of
from spectrack.storage import write_json
from spectrack.structures import Box, Prediction
from spectrack.tracks import Track, Tracks

LOST = Prediction(None, None, 0.0, found=False)


def write_boxes(tracks: Tracks, path: Path, about: About) -> None:
    """Write one task, with a ``videorectangle`` an object.

    Label Studio counts frames from 1 and draws a box on until it is told otherwise, so where an
    object is lost the last box is written with ``enabled`` false.
    """
    first, fps = tracks.first, float(tracks.first.info.get("fps") or 25.0)
    width, height = first.size_wh
    results = []
    for object_id, track in tracks.items():
        sequence: list[dict[str, Any]] = []
        for t, entry in enumerate(track):
            key = {"frame": t + 1, "time": round(t / fps, 6), "rotation": 0}
            if entry.box is not None and entry.found:
                x, y, w, h = entry.box
                place = {"x": x / width, "y": y / height, "width": w / width, "height": h / height}
                percent = {name: 100 * share for name, share in place.items()}
                sequence.append({**key, "enabled": True, **percent})
            elif sequence and sequence[-1]["enabled"]:
                sequence.append({**sequence[-1], **key, "enabled": False})
        value = {
            "framesCount": len(first),
            "duration": round(len(first) / fps, 6),
            "sequence": sequence,
            "labels": [about.label(object_id)],
        }
        tags = {"from_name": "box", "to_name": "video", "type": "videorectangle"}
        results.append({"id": f"object_{object_id}", **tags, "value": value})
    task = {"data": {"video": f"{about.name}.mp4"}, "annotations": [{"result": results}]}
    write_json(path, [task], indent=None)


def write_polygons(tracks: Tracks, path: Path, about: About) -> None:
    """Write a task a frame, with a ``polygonlabels`` an object; parts and holes are joined."""
    size, tasks = np.array(tracks.first.size_wh, dtype=np.float64), []
    for t, file in enumerate(about.file_names(tracks)):
        results = []
        for object_id, track in tracks.items():
            parts = parts_of(track.mask(t), about.tolerance)
            if parts:
                points = (100 * joined(parts) / size).tolist()
                value = {
                    "points": points,
                    "closed": True,
                    "polygonlabels": [about.label(object_id)],
                }
                results.append(
                    {
                        "id": f"object_{object_id}",
                        "from_name": "polygon",
                        "to_name": "image",
                        "type": "polygonlabels",
                        "original_width": tracks.first.size_wh[0],
                        "original_height": tracks.first.size_wh[1],
                        "image_rotation": 0,
                        "value": value,
                    }
                )
        task = {"data": {"image": f"{about.name}/{file}"}, "annotations": [{"result": results}]}
        tasks.append(task)
        about.progress(t + 1, len(tracks.first))
    write_json(path, tasks, indent=None)


def read(path: Path, about: About) -> Tracks:
    """Tracks from an export of Label Studio, of boxes on a video or of polygons on frames.

    Objects are told apart by the ids of their regions that end in a number, as ours do, otherwise
    by their order.

    Raises:
        InputError: If the file holds neither, or not those of the video.
    """
    size_wh, stems = about.known("label-studio")
    data = read_json(path)
    found: dict[str, dict[int, Prediction]] = {}
    places = {stem: t for t, stem in enumerate(stems)}
    try:
        for task in data:
            for result in task["annotations"][0]["result"]:
                predictions = found.setdefault(str(result["id"]), {})
                value = result["value"]
                if result["type"] == "videorectangle":
                    predictions.update(_boxes(value["sequence"], size_wh, len(stems)))
                else:
                    stem = Path(str(task["data"]["image"])).stem
                    points = np.array(value["points"], dtype=np.float64) * size_wh / 100
                    predictions[places[stem]] = _polygon(points, size_wh)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise InputError(
            f"{path} cannot be used ({error!r}); expected tasks of Label Studio for this video, "
            "with boxes on the video or polygons on its frames"
        ) from None
    tracks = {}
    for object_id, key in _ids(list(found)).items():
        track = tracks[object_id] = Track(size_wh)
        for t, stem in enumerate(stems):
            track.append(found[key].get(t, LOST), stem)
    return gathered(tracks, path)


def _boxes(
    sequence: list[dict[str, Any]], size_wh: tuple[int, int], count: int
) -> dict[int, Prediction]:
    """Boxes of every frame: straight lines between the given ones, none where switched off."""
    width, height = size_wh
    keys = sorted(sequence, key=lambda key: int(key["frame"]))
    out: dict[int, Prediction] = {}
    for key, following in zip(keys, [*keys[1:], None], strict=True):
        start = int(key["frame"]) - 1
        if not 0 <= start < count:
            raise ValueError(f"frame {start + 1} of {count}")
        if not key.get("enabled", True):
            continue
        stop = count if following is None else int(following["frame"]) - 1
        here = np.array([float(key[k]) for k in ("x", "y", "width", "height")])
        there = here
        if following is not None and following.get("enabled", True):
            there = np.array([float(following[k]) for k in ("x", "y", "width", "height")])
        for t in range(start, min(stop, count)):
            share = (t - start) / (stop - start)
            box = (here + share * (there - here)) / 100 * [width, height, width, height]
            out[t] = Prediction(Box(*box.tolist()))
    return out


def _polygon(points: np.ndarray[Any, Any], size_wh: tuple[int, int]) -> Prediction:
    nearest = np.round(points)  # percents are a little off the pixels' edges
    mask = fill([np.where(np.abs(points - nearest) < 1e-6, nearest, points)], size_wh)
    box = Box.from_mask(mask)
    return Prediction(box, mask, float(box is not None), found=box is not None)


def _ids(keys: list[str]) -> dict[int, str]:
    """Object id to the key of its regions."""
    own = [key.rpartition("_")[2] for key in keys]
    if all(o.isdecimal() and 1 <= int(o) <= 255 for o in own) and len(set(own)) == len(own):
        return {int(o): key for o, key in zip(own, keys, strict=True)}
    return dict(enumerate(keys, start=1))
