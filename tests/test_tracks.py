"""Track and Tracks: what is kept, what it weighs, and the way to disk and back."""

from __future__ import annotations

import base64
import csv
import json
import re
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spectrack.errors import InputError
from spectrack.structures import Box, Prediction
from spectrack.tracks import Track, Tracks, davis_palette

SIZE = (20, 14)


def _track(rng: np.random.Generator, count: int = 5, score: float = 0.5) -> Track:
    track = Track(SIZE, info={"tracker": "test", "settings": {"a": 1}})
    for i in range(count):
        hard = rng.random((SIZE[1], SIZE[0])) > 0.6
        box = None if i == 2 else Box(i + 0.25, 2.5, 3, 4)
        track.append(Prediction(box, hard, score, found=i != 2), f"f{i:03d}")
    return track


def test_palette_is_that_of_davis() -> None:
    palette = davis_palette()
    expected = [(0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0), (0, 0, 128), (128, 0, 128)]
    assert [tuple(row) for row in palette[:6].tolist()] == expected
    assert palette[255].tolist() == [224, 224, 192]
    assert len({tuple(row) for row in palette.tolist()}) == 256


def test_round_trip(tmp_path: Path, rng: np.random.Generator) -> None:
    track = _track(rng)
    folder = track.save(tmp_path / "new" / "out")
    loaded = Track.load(folder)
    np.testing.assert_array_equal(loaded.masks_thw(), track.masks_thw())
    np.testing.assert_array_equal(loaded.boxes_xywh(), track.boxes_xywh())
    assert loaded.stems == track.stems
    assert loaded.info == track.info
    assert [(e.score, e.found) for e in loaded] == [(e.score, e.found) for e in track]
    with Image.open(folder / "masks" / "f000.png") as image:
        assert image.mode == "P"
        assert image.getpalette()[:6] == [0, 0, 0, 128, 0, 0]
    with (folder / "boxes.csv").open() as handle:
        rows = list(csv.reader(handle))
    assert rows[0] == ["frame", "object", "x", "y", "w", "h", "score", "found"]
    assert rows[3] == ["f002", "1", "", "", "", "", "0.5000", "0"]
    assert rows[4] == ["f003", "1", "3.25", "2.50", "3.00", "4.00", "0.5000", "1"]


def test_boxes_alone_come_back_without_masks(tmp_path: Path) -> None:
    """The folder has an empty mask a frame, which is no answer of a tracker of boxes."""
    boxes, lost = Track(SIZE), Track(SIZE)
    for t in range(4):
        boxes.append(Prediction(Box(t, 2, 5, 6)))
        lost.append(Prediction(None, np.zeros(SIZE[::-1], bool), 0.0, found=False))
    loaded = Tracks.load(Tracks({1: boxes, 2: lost}).save(tmp_path / "out"))
    assert [entry.mask for entry in loaded[1]] == [None] * 4
    assert all(entry.mask is not None for entry in loaded[2])


def test_overlap_goes_to_the_higher_score(tmp_path: Path, rng: np.random.Generator) -> None:
    low, high = _track(rng, score=0.2), _track(rng, score=0.9)
    tracks = Tracks({7: high, 3: low})
    assert list(tracks) == [3, 7]
    loaded = Tracks.load(tracks.save(tmp_path))
    np.testing.assert_array_equal(loaded[7].masks_thw(), high.masks_thw())
    np.testing.assert_array_equal(loaded[3].masks_thw(), low.masks_thw() & ~high.masks_thw())
    with pytest.raises(InputError, match="objects 3, 7"):
        Track.load(tmp_path)


def test_a_thousand_full_hd_frames_stay_small() -> None:
    height, width = 1080, 1920
    y, x = np.mgrid[:height, :width].astype(np.float32)
    # A ragged outline: a disk whose radius wobbles at the scale of pixels.
    angle = np.arctan2(y - 540, x - 960)
    radius = 300 + 12 * np.sin(61 * angle) + 5 * np.sin(173 * angle)
    hard = np.hypot(y - 540, x - 960) < radius
    track = Track((width, height))
    for i in range(20):
        track.append(Prediction(None, np.roll(hard, 9 * i, axis=1)))
    mean = np.mean([len(e.mask.counts) for e in track if e.mask is not None])
    assert mean * 1000 < 20e6
    assert np.array_equal(track.mask(19), np.roll(hard, 171, axis=1))


def test_frames_without_a_mask() -> None:
    track = Track(SIZE)
    assert track.masks_thw().shape == (0, SIZE[1], SIZE[0])
    track.append(Prediction(Box(1, 2, 3, 4)))
    assert track[0].mask is None
    assert not track.mask(0).any()
    assert track.stems == ["00000"]
    with pytest.raises(InputError, match="20x14"):
        track.append(Prediction(None, np.zeros(SIZE, bool)))


@pytest.mark.parametrize("stem", ["../evil", "a/b", "..", ".", "", "a\\b", "/etc/x", "a\0b"])
def test_stems_cannot_leave_the_folder(tmp_path: Path, stem: str) -> None:
    track = Track(SIZE)
    track.append(Prediction(None, np.ones((SIZE[1], SIZE[0]), bool)), "fine")
    track.append(Prediction(None, np.ones((SIZE[1], SIZE[0]), bool)), stem)
    with pytest.raises(InputError, match="not a plain file name"):
        track.save(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_stems_must_differ(tmp_path: Path, rng: np.random.Generator) -> None:
    track = _track(rng, 2)
    track.stems[1] = track.stems[0]
    with pytest.raises(InputError, match="share one name"):
        track.save(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_interrupted_save_is_not_complete(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    _track(rng).save(tmp_path)

    def stop(self: Tracks, frame: int) -> np.ndarray:
        raise KeyboardInterrupt

    monkeypatch.setattr(Tracks, "index_hw", stop)
    with pytest.raises(KeyboardInterrupt):
        _track(rng).save(tmp_path, overwrite=True)
    with pytest.raises(InputError, match="not a complete result folder"):
        Track.load(tmp_path)


@pytest.mark.parametrize("name", ["track.json", "boxes.csv", "masks/f001.png"])
@pytest.mark.parametrize("damage", ["remove", "cut", "empty", "garbage"])
def test_damaged_folders(tmp_path: Path, rng: np.random.Generator, name: str, damage: str) -> None:
    _track(rng).save(tmp_path)
    path = tmp_path / name
    data = path.read_bytes()
    path.unlink()
    if damage != "remove":
        content = {"cut": data[: len(data) // 2], "empty": b"", "garbage": b"\xff\x00[1]"}
        path.write_bytes(content[damage])
    with pytest.raises(InputError, match="not a complete result folder"):
        Track.load(tmp_path)


@pytest.mark.parametrize("value", [[], {}, {"size_wh": [20, 14], "stems": [], "objects": []}])
def test_json_of_another_kind(tmp_path: Path, rng: np.random.Generator, value) -> None:
    _track(rng).save(tmp_path)
    (tmp_path / "track.json").write_text(json.dumps(value))
    with pytest.raises(InputError, match="not a complete result folder"):
        Track.load(tmp_path)


def test_tracks_refuse(rng: np.random.Generator) -> None:
    with pytest.raises(InputError, match="no track"):
        Tracks({})
    with pytest.raises(InputError, match="1 to 255"):
        Tracks({0: _track(rng)})
    with pytest.raises(InputError, match="differ in length"):
        Tracks({1: _track(rng), 2: _track(rng, 4)})


def _long(count: int) -> Track:
    track = Track((854, 480), info={"tracker": "sftrack"})
    y, x = np.mgrid[:480, :854]
    for i in range(count):
        mask = (y - 200) ** 2 + (x - 100 - 3 * i) ** 2 < 80**2
        track.append(Prediction(Box.from_mask(mask), mask, 0.5), f"<f{i}>")
    return track


def test_repr_is_one_short_line() -> None:
    track = _long(120)
    assert repr(track) == (
        "Track(120 frames of 854x480, found in 120, mean score 0.50, by sftrack)"
    )
    assert repr(Tracks({1: track, 4: track})) == "Tracks(objects 1, 4; 120 frames of 854x480)"
    assert len(repr(Tracks(dict.fromkeys(range(1, 256), track)))) < 100
    assert len(repr(track[0])) < 200
    assert repr(Track(SIZE)) == "Track(0 frames of 20x14, found in 0)"


def test_html_is_a_small_sheet_of_the_masks() -> None:
    track = _long(120)
    page = track._repr_html_()
    assert len(page) < 40_000
    assert len(page) < 1.5 * len(_long(12)._repr_html_())  # bounded whatever the length
    assert "&lt;f0&gt; 0.50" in page
    assert "&lt;f119&gt;" in page
    assert "<f0>" not in page
    pictures = re.findall(r"data:image/png;base64,([^\"]+)", page)
    assert len(pictures) == 8
    with Image.open(BytesIO(base64.b64decode(pictures[0]))) as image:
        picture = np.asarray(image.convert("RGB"))
    assert picture.shape == (90, 160, 3)
    # where the object is, its colour; far from it, the ground
    scale = 160 / 854
    assert picture[int(200 * scale), int(100 * scale)].tolist() == davis_palette()[1].tolist()
    assert picture[80, 150].tolist() == picture[80, 120].tolist() != davis_palette()[1].tolist()
    both = Tracks({1: track, 2: _long(120)})._repr_html_()
    assert both.count("<img") == 8
    assert "Track(0 frames" in Track(SIZE)._repr_html_()


def test_times_come_back(tmp_path: Path, rng: np.random.Generator) -> None:
    track = _track(rng)
    track.take_times(np.array([0.5, 0.54, 0.6, 0.9, 1.0, 7.0]), 25.0)
    assert track.times_s == [0.5, 0.54, 0.6, 0.9, 1.0]
    folder = track.save(tmp_path / "out")
    with (folder / "boxes.csv").open() as handle:
        rows = list(csv.reader(handle))
    assert rows[0] == ["frame", "object", "x", "y", "w", "h", "score", "found", "time_s"]
    assert [row[-1] for row in rows[1:]] == [
        "0.500000",
        "0.540000",
        "0.600000",
        "0.900000",
        "1.000000",
    ]
    loaded = Track.load(folder)
    assert loaded.times_s == track.times_s
    assert (loaded.info["fps"], loaded.info["variable_frame_rate"]) == (25.0, True)
    even = _track(rng)
    even.take_times(np.arange(5) / 25 + 3, 25.0)
    assert even.info["variable_frame_rate"] is False
    even.take_times(None, 24.0)
    short = _track(rng)
    short.take_times(np.arange(4) / 25, 25.0)
    assert short.times_s is None


def test_folders_from_before_have_no_times(tmp_path: Path, rng: np.random.Generator) -> None:
    loaded = Track.load(_track(rng).save(tmp_path / "old"))
    assert loaded.times_s is None
    assert "fps" not in loaded.info


def test_an_old_result_is_not_replaced_silently(tmp_path: Path, rng: np.random.Generator) -> None:
    folder = _track(rng, 5).save(tmp_path / "out")
    before = (folder / "boxes.csv").read_text()
    for again in (_track(rng, 3), Tracks({2: _track(rng, 3)})):
        with pytest.raises(InputError, match="holds a finished result; pass overwrite=True"):
            again.save(folder)
    assert (folder / "boxes.csv").read_text() == before
    assert len(Track.load(folder)) == 5
    _track(rng, 3).save(folder, overwrite=True)
    assert len(Track.load(folder)) == 3
    assert len(list((folder / "masks").iterdir())) == 3


def test_files_are_those_that_are_saved(tmp_path, clip):
    track = Track(clip.size_wh)
    for mask in clip.masks_thw[:3]:
        track.append(Prediction(Box.from_mask(mask), mask, 0.5))
    track.times_s = [0.0, 0.04, 0.08]
    tracks = Tracks({1: track, 3: track})
    folder = tracks.save(tmp_path / "out")
    found = dict(tracks.files())
    assert list(found)[-1] == "track.json"
    saved = {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    assert found == saved
    flat = {name.removeprefix("masks/"): content for name, content in saved.items()}
    assert dict(tracks.files("")) == flat
    assert set(dict(tracks.files(None))) == {"boxes.csv", "track.json"}
    track.stems[1] = track.stems[0]
    with pytest.raises(InputError, match="share one name"):
        tracks.files()
