"""The table of file formats by name: what each holds, and what writes and reads it."""

from __future__ import annotations

from spectrack.exports.base import Format

FORMATS: dict[str, Format] = {
    "coco": Format(
        description="COCO annotations with run lengths, a frame an image",
        write="spectrack.exports.coco:write_run_lengths",
        read="spectrack.exports.coco:read",
        suffixes=(".json",),
    ),
    "coco-polygons": Format(
        description="COCO annotations with polygons",
        write="spectrack.exports.coco:write_polygons",
        read="spectrack.exports.coco:read",
        suffixes=(".json",),
        needs="masks",
    ),
    "youtube-vis": Format(
        description="YouTube-VIS annotations: a run length a frame",
        write="spectrack.exports.youtube_vis:write",
        read="spectrack.exports.youtube_vis:read",
        suffixes=(".json",),
        needs="masks",
    ),
    "mots": Format(
        description="MOTS text: a line an object and frame, with run lengths",
        write="spectrack.exports.mots:write_lines",
        read="spectrack.exports.mots:read_lines",
        suffixes=(".txt",),
        needs="masks",
    ),
    "mots-png": Format(
        description="MOTS pictures: PNG of 16 bits, class * 1000 + object",
        write="spectrack.exports.mots:write_pictures",
        read="spectrack.exports.mots:read_pictures",
        names=frozenset({"instances"}),
        needs="masks",
    ),
    "mot": Format(
        description="MOTChallenge text: a line an object and frame, with its box",
        write="spectrack.exports.mot:write",
        read="spectrack.exports.mot:read",
        suffixes=(".txt", ".csv"),
        needs="boxes",
    ),
    "vot": Format(
        description="VOT text: a line a frame with a mask or a box, a file an object",
        write="spectrack.exports.vot:write",
        read="spectrack.exports.vot:read",
        names=frozenset({"regions"}),
    ),
    "yolo": Format(
        description="YOLO segmentation: a file a frame, a polygon an object",
        write="spectrack.exports.yolo:write",
        read="spectrack.exports.yolo:read",
        names=frozenset({"labels", "data.yaml"}),
        needs="masks",
    ),
    "cvat": Format(
        description="CVAT for video 1.1: polygon tracks, or boxes where there are no masks",
        write="spectrack.exports.cvat:write",
        read="spectrack.exports.cvat:read",
        suffixes=(".xml",),
    ),
    "label-studio": Format(
        description="Label Studio task: boxes on the video",
        write="spectrack.exports.label_studio:write_boxes",
        read="spectrack.exports.label_studio:read",
        suffixes=(".json",),
        needs="boxes",
    ),
    "label-studio-polygons": Format(
        description="Label Studio tasks: polygons, a frame a task",
        write="spectrack.exports.label_studio:write_polygons",
        read="spectrack.exports.label_studio:read",
        suffixes=(".json",),
        needs="masks",
    ),
    "cutouts": Format(
        description="the objects cut out of the frames: RGBA PNG",
        write="spectrack.exports.cutouts:write_pictures",
        names=frozenset({"cutouts"}),
        needs="masks",
        video=True,
    ),
    "prores": Format(
        description="the objects cut out: ProRes 4444 with alpha, for editors",
        write="spectrack.exports.cutouts:write_prores",
        suffixes=(".mov",),
        needs="masks",
        video=True,
    ),
    "vp9": Format(
        description="the objects cut out: VP9 with alpha, for browsers",
        write="spectrack.exports.cutouts:write_vp9",
        suffixes=(".webm",),
        needs="masks",
        video=True,
    ),
    "result": Format(
        description="a result folder of spectrack, to make one of other formats",
        write="spectrack.exports.results:write",
        read="spectrack.exports.results:read",
        names=frozenset({"masks", "boxes.csv", "track.json"}),
    ),
}
