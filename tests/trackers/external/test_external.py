"""Answers of other methods, read from folders and files."""

import numpy as np
import pytest

from spectrack.errors import InputError
from spectrack.structures import Box, Prediction, Target
from spectrack.trackers.external.tracker import read_boxes
from spectrack.tracking.loop import run
from spectrack.tracking.table import make_tracker
from spectrack.tracks import Track, write_index_png
from spectrack.video.reader import open_video

FRAMES = np.zeros((3, 10, 12, 3), np.uint8)
TARGET = Target(box=(1, 1, 2, 2))


def follow(path, **settings):
    tracker = make_tracker("external", path=str(path), **settings)
    return run(tracker, open_video(FRAMES), TARGET)


@pytest.mark.parametrize("separator", [",", "\t", " ", ", "])
def test_boxes_from_text(tmp_path, separator):
    lines = [separator.join(map(str, row)) for row in ((2, 3, 4, 5), (3.5, 3, 4, 5))]
    file = tmp_path / "boxes.txt"
    file.write_text("\n".join([*lines, "NaN,NaN,NaN,NaN"]) + "\n")
    track = follow(file)
    assert [e.box for e in track] == [Box(2, 3, 4, 5), Box(3.5, 3, 4, 5), None]
    assert [e.found for e in track] == [True, True, False]
    assert read_boxes(file, one_based=True)[0] == Box(1, 2, 4, 5)


def test_four_corners_become_the_box_around_them(tmp_path):
    file = tmp_path / "corners.txt"
    file.write_text("5,1,9,4,6,8,2,5\n")
    assert read_boxes(file) == [Box(2, 1, 7, 7)]


def test_empty_lines_are_frames_without_the_target_at_the_end_too(tmp_path):
    file = tmp_path / "boxes.txt"
    file.write_text("2,3,4,5\n\n\n")
    assert read_boxes(file) == [Box(2, 3, 4, 5), None, None]
    assert [e.found for e in follow(file)] == [True, False, False]
    file.write_text("2,3,4,5\n2,3,4,5")  # the last line need not end
    assert len(read_boxes(file)) == 2
    file.write_text(" \n\n")
    with pytest.raises(InputError, match="is empty"):
        read_boxes(file)


def test_what_a_tracker_of_files_gives_is_told(tmp_path):
    file = tmp_path / "boxes.txt"
    file.write_text("2,3,4,5\n")
    assert make_tracker("external", path=str(file)).gives == "boxes"
    write_index_png(tmp_path / "00000.png", np.ones((4, 4), np.uint8))
    assert make_tracker("external", path=str(tmp_path)).gives == "masks"


def test_masks_from_a_folder(tmp_path):
    for t in range(3):
        index = np.zeros((10, 12), np.uint8)
        if t < 2:
            index[2:5, t : t + 4] = 3
        write_index_png(tmp_path / f"{t:05d}.png", index)
    track = follow(tmp_path)
    assert [e.box for e in track] == [Box(0, 2, 4, 3), Box(1, 2, 4, 3), None]
    assert track.mask(1).sum() == 12
    assert not track[2].found


def test_our_own_results_come_back(tmp_path):
    track = Track((12, 10))
    for t in range(3):
        mask = Box(t, 2, 3, 3).fill((12, 10))
        track.append(Prediction(Box(t, 2, 3, 3), mask))
    track.save(tmp_path / "out")
    again = follow(tmp_path / "out")
    assert np.array_equal(again.masks_thw(), track.masks_thw())
    boxes = follow(tmp_path / "out" / "boxes.csv")
    assert np.array_equal(boxes.boxes_xywh(), track.boxes_xywh())


def test_bad_answers_are_told(tmp_path):
    with pytest.raises(InputError, match="give path="):
        make_tracker("external")
    with pytest.raises(InputError, match="does not exist"):
        follow(tmp_path / "none")
    file = tmp_path / "boxes.txt"
    for content, message in (
        ("", "is empty"),
        ("1,2,3\n", "line 1 of"),
        ("1,2,3,4\n1,2,x,4\n", "line 2 of"),
        ("1,2,3,4\n", "holds 1 answers"),
        ("frame,object,x,y,w,h,score,found\n0,1,1,1,1,1,1,1\n0,2,1,1,1,1,1,1\n", "say which"),
        ("frame,object,x,y,w,h,score,found\n0,1,a,1,1,1,1,1\n", "not a boxes.csv"),
    ):
        file.write_text(content)
        with pytest.raises(InputError, match=message):
            follow(file)
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="as text"):
        follow(file)
    masks = tmp_path / "masks_of_another_size"
    masks.mkdir()
    for t in range(3):
        write_index_png(masks / f"{t}.png", np.ones((4, 4), np.uint8))
    with pytest.raises(InputError, match="give masks of that size"):
        follow(masks)
