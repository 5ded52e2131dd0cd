"""Every format of the table: written, read back the same, and refused where it does not fit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from spectrack.errors import InputError
from spectrack.exports.base import About, write_tracks
from spectrack.exports.table import FORMATS
from spectrack.video.reader import open_video

MASKS = [
    name for name, f in FORMATS.items() if f.read and name not in {"mot", "label-studio", "vot"}
]


def written(name, tracks, about, tmp_path):
    format_ = FORMATS[name]
    place = tmp_path / f"koi{format_.suffixes[0] if format_.suffixes else ''}"
    if not format_.suffixes:
        place.mkdir()
    write_tracks(tracks, place, name, format_, about)
    if not format_.suffixes:
        assert {p.name for p in place.iterdir()} == format_.names
    return place


def assert_same_masks(back, tracks, ids=None):
    assert list(back) == (list(tracks) if ids is None else ids)
    for mine, theirs in zip(back.values(), tracks.values(), strict=True):
        np.testing.assert_array_equal(mine.masks_thw(), theirs.masks_thw())
        np.testing.assert_array_equal(mine.boxes_xywh(), theirs.boxes_xywh())
        assert [e.found for e in mine] == [e.found for e in theirs]


@pytest.mark.parametrize("name", MASKS)
def test_masks_come_back(name, tracks, about, tmp_path):
    place = written(name, tracks, about, tmp_path)
    back = FORMATS[name].reader(place, about)
    # YOLO and CVAT count classes or tracks, not objects.
    assert_same_masks(back, tracks, [1, 2] if name in {"yolo", "cvat"} else None)
    assert back.first.size_wh == tracks.first.size_wh
    if name not in {"coco", "coco-polygons"}:  # they name images by their own rule
        assert back.first.stems == tracks.first.stems


def test_masks_of_vot_come_back_but_for_the_first(tracks, about, tmp_path):
    place = written("vot", tracks, about, tmp_path)
    lines = (place / "regions" / "koi_2_001.txt").read_text().splitlines()
    assert lines[0] == "1"
    assert lines[1].startswith("m4,4,15,23,")
    back = FORMATS["vot"].reader(place, about)
    assert list(back) == [2, 7]
    for object_id in back:
        np.testing.assert_array_equal(
            back[object_id].masks_thw()[1:], tracks[object_id].masks_thw()[1:]
        )


@pytest.mark.parametrize(("name", "digits"), [("mot", 2), ("label-studio", 6), ("coco", 9)])
def test_boxes_come_back(name, digits, boxes, about, tmp_path):
    place = written(name, boxes, about, tmp_path)
    back = FORMATS[name].reader(place, about)
    assert list(back) == [2, 7]
    for object_id in back:
        np.testing.assert_allclose(
            back[object_id].boxes_xywh(), boxes[object_id].boxes_xywh(), atol=10.0**-digits
        )
        if name != "label-studio":
            assert [e.score for e in back[object_id]] == pytest.approx(
                [e.score for e in boxes[object_id]]
            )


@pytest.mark.parametrize("name", ["cvat", "vot"])
def test_boxes_of_formats_for_masks(name, boxes, about, tmp_path):
    place = written(name, boxes, about, tmp_path)
    back = FORMATS[name].reader(place, about)
    for mine, theirs in zip(back.values(), boxes.values(), strict=True):
        first = 1 if name == "vot" else 0
        np.testing.assert_allclose(mine.boxes_xywh()[first:], theirs.boxes_xywh()[first:])


def test_lines_by_hand(tracks, boxes, about, tmp_path):
    """What the formats' own documents say of a line."""
    mot = written("mot", boxes, about, tmp_path).read_text().splitlines()
    # object 7 in frame 3: columns 36 to 47, rows 12 to 31, from 1
    assert "3,7,37.00,13.00,12.00,20.00,0.6000,-1,-1,-1" in mot
    assert len(mot) == 6 + 3
    mots = written("mots", tracks, about, tmp_path).read_text().splitlines()
    assert mots[0].split()[:5] == ["1", "1002", "1", "32", "48"]
    yolo = (written("yolo", tracks, about, tmp_path) / "labels" / "f002.txt").read_text()
    first = yolo.splitlines()[0].split()
    assert first[0] == "0"
    corners = np.array(first[1:], float).reshape(-1, 2) * [48, 32]
    assert corners.min(axis=0) == pytest.approx([5, 4], abs=1e-6)


def test_the_larger_score_wins_where_objects_may_not_overlap(tracks, about, tmp_path):
    for t, entry in enumerate(tracks[7]):
        if entry.mask is not None and entry.found:
            both = tracks[2].mask(t)
            mask = tracks[7].mask(t) | both
            tracks[7].entries[t] = type(entry)(entry.box, type(entry.mask).encode(mask), 0.99, True)
    back = FORMATS["mots"].reader(written("mots", tracks, about, tmp_path), about)
    assert not back[2].mask(3).any()
    np.testing.assert_array_equal(back[7].mask(3), tracks[7].mask(3))


@pytest.mark.parametrize("name", ["coco-polygons", "yolo", "cvat", "label-studio-polygons"])
def test_a_tolerance_leaves_fewer_corners(name, tracks, video, tmp_path):
    about = About(name="koi", frames=open_video(video))
    rough = About(name="koi", frames=open_video(video), tolerance=1.5)
    yy, xx = np.mgrid[:32, :48]
    disc = (xx - 20) ** 2 + (yy - 16) ** 2 < 12**2
    entry = tracks[2][0]
    tracks[2].entries[:] = [type(entry)(entry.box, type(entry.mask).encode(disc), 1.0, True)] * 6

    def size(about, folder):
        folder.mkdir()
        place = written(name, tracks, about, folder)
        files = [place] if place.is_file() else list((place / "labels").iterdir())
        return sum(f.stat().st_size for f in files), FORMATS[name].reader(place, about)

    exact, _ = size(about, tmp_path / "exact")
    short, back = size(rough, tmp_path / "rough")
    assert short < 0.7 * exact
    mine = next(iter(back.values())).mask(0)
    assert (mine & disc).sum() / (mine | disc).sum() > 0.85


def test_labels_become_classes(tracks, video, tmp_path):
    about = About(frames=open_video(video), labels={2: "koi", 7: "koi"})
    coco = json.loads(written("coco", tracks, about, tmp_path).read_text())
    assert coco["categories"] == [{"id": 1, "name": "koi"}]
    assert {a["track_id"] for a in coco["annotations"]} == {2, 7}
    assert '0: "koi"' in (written("yolo", tracks, about, tmp_path) / "data.yaml").read_text()


def named_files(name, tracks, about, folder):
    """The names that a file of a format has for its frames."""
    folder.mkdir()
    content = json.loads(written(name, tracks, about, folder).read_text())
    if name == "youtube-vis":
        return content["videos"][0]["file_names"]
    if name == "label-studio-polygons":
        return [task["data"]["image"] for task in content]
    return [image["file_name"] for image in content["images"]]


@pytest.mark.parametrize("name", ["coco", "coco-polygons", "youtube-vis", "label-studio-polygons"])
def test_frames_are_called_as_their_files_are(name, tracks, about, video, tmp_path):
    before = "" if "coco" in name else "koi/"
    png = [f"{before}{stem}.png" for stem in tracks.first.stems]
    assert named_files(name, tracks, about, tmp_path / "given") == png
    alone = About(name="koi")
    jpg = [f"{before}{stem}.jpg" for stem in tracks.first.stems]
    assert named_files(name, tracks, alone, tmp_path / "unknown") == jpg
    for source, names in ((video, png), (video / "gone.mp4", jpg)):
        tracks.first.info["source"] = str(source)
        assert named_files(name, tracks, alone, tmp_path / source.name) == names


@pytest.mark.parametrize("name", [n for n, f in FORMATS.items() if f.needs == "masks"])
def test_boxes_alone_are_no_masks(name, boxes, about, tmp_path):
    with pytest.raises(InputError, match=f"has no masks and {name} holds nothing else"):
        written(name, boxes, about, tmp_path)


@pytest.mark.parametrize("name", ["cutouts", "prores", "vp9"])
def test_cutting_out_needs_the_right_video(name, tracks, frames, tmp_path):
    with pytest.raises(InputError, match=f"{name} needs the video"):
        written(name, tracks, About(), tmp_path)
    (tmp_path / "koi").mkdir(exist_ok=True)
    short = About(frames=open_video(frames[:4]))
    with pytest.raises(InputError, match="holds 4 frames and the track 6"):
        write_tracks(tracks, tmp_path / "koi", name, FORMATS[name], short)


SPOILT = {
    "coco": ["{}", "[", "[]", '{"images": [], "annotations": []}',
             '{"images": [{"id": 1, "width": 9, "height": 9, "file_name": "a"}], "annotations": '
             '[{"image_id": 2, "category_id": 1}]}',
             '{"images": [{"id": 1, "width": 999999, "height": 999999, "file_name": "a"}], '
             '"annotations": []}',
             '{"images": [{"id": 1, "width": 9, "height": 9, "file_name": "a"}], "annotations": '
             '[{"image_id": 1, "category_id": 1, "segmentation": [[1, 2, 3]]}]}'],
    "mots": ["1 1001 1 32 48", "1 1001 1 32 x abc", "1 1001 1 4 4 \x01", "-1 1001 1 2 2 4", "",
             "1 1001 1 2 2 4\n1 1001 1 2 2 4", "900 1001 1 32 48 P`1"],
    "mot": ["1,2", "1,2,3,4,-5,6", "7,1,2,3,4,5", "0,1,2,3,4,5", "1,1,nan,3,4,5", "",
            "1,1,2,3,4,5\n1,1,2,3,4,5", "1,999,2,3,4,5"],
    "vot": ["1\n", "1\n" + "x\n" * 5, "1\n" + "1,2\n" * 5],
    "cvat": ["<annotations>", "<annotations/>", '<!DOCTYPE a [<!ENTITY b "c">]><annotations/>',
             '<a><track><box frame="99" xtl="1" ytl="1" xbr="2" ybr="2"/></track></a>',
             '<a><track><polygon frame="1" points="1,2;3"/></track></a>',
             '<a><track><cuboid frame="1"/></track></a>',
             '<a><track><polygon frame="1" points="1,2;3,4;1e99,5"/></track></a>'],
    "label-studio": ["{}", "[]", "[3]", '[{"annotations": [{"result": [{"id": "a", "type": '
                     '"videorectangle", "value": {"sequence": [{"frame": 99}]}}]}]}]'],
}  # fmt: skip


@pytest.mark.parametrize(("name", "text"), [(n, t) for n, texts in SPOILT.items() for t in texts])
def test_what_is_none_of_the_format_is_told(name, text, about, tmp_path):
    file = tmp_path / "koi_001.txt"
    file.write_text(text)
    with pytest.raises(InputError) as told:
        FORMATS[name].reader(file, about)
    assert "\n" not in str(told.value)


def test_a_short_file_makes_no_long_video(about, tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("999999999999 1001 1 2 2 4\n")
    with pytest.raises(InputError, match="a mask in frame 999999999999, which the video"):
        FORMATS["mots"].reader(file, About())


def test_folders_that_are_none(about, tmp_path):
    for name in ("mots-png", "yolo", "vot", "result"):
        with pytest.raises(InputError):
            FORMATS[name].reader(tmp_path, about)
    (tmp_path / "a.png").write_bytes(b"\x89PNG nothing")
    with pytest.raises(InputError, match=r"a\.png cannot be read"):
        FORMATS["mots-png"].reader(tmp_path, about)


def test_the_guide_lists_every_format():
    guide = Path(__file__).resolve().parents[2] / "docs" / "guides" / "export.md"
    rows = [line.split("|")[1:4] for line in guide.read_text().splitlines() if line[:3] == "| `"]
    listed = {
        name.strip(" `"): (out.strip(" `"), read.strip())
        for name, out, read in rows
        if name.strip()
    }
    listed.pop("--format", None)
    assert listed == {
        name: (f.suffixes[0] if f.suffixes else "folder", "yes" if f.read else "no")
        for name, f in FORMATS.items()
    }
