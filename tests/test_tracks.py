"""Track and Tracks: what is kept, what it weighs, and the way to disk and back."""

from __future__ import annotations

import csv
import json
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
        _track(rng).save(tmp_path)
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
