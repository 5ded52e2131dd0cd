"""OTB: a small made-up copy, and the real one where it is there."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from spectrack.datasets import open_dataset
from spectrack.datasets.otb import Otb
from spectrack.errors import InputError
from spectrack.structures import Box


def write_frames(folder, count, first=1, digits=4):
    """Small images that tell their number by their brightness."""
    folder.mkdir(parents=True)
    for number in range(first, first + count):
        image = np.full((24, 32, 3), number % 256, np.uint8)
        cv2.imwrite(str(folder / f"{number:0{digits}d}.png"), image)


@pytest.fixture
def small(tmp_path):
    """Commas with fewer boxes than frames; tabs with two targets; a late start."""
    write_frames(tmp_path / "Ball" / "img", 5)
    lines = ["1,1,10,8", "2,1,10,8", "3.5,1,10,8"]
    (tmp_path / "Ball" / "groundtruth_rect.txt").write_text("\r\n".join(lines) + "\n")
    write_frames(tmp_path / "Run" / "img", 3)
    for target in (1, 2):
        text = "".join(f"{target}\t{t}\t5\t6\n" for t in (1, 2, 3))
        (tmp_path / "Run" / f"groundtruth_rect.{target}.txt").write_text(text)
    write_frames(tmp_path / "David" / "img", 6, first=297)
    rows = "5 6 7 8\n NaN  NaN NaN NaN\n  5 6 0 0\n"
    (tmp_path / "David" / "groundtruth_rect.txt").write_text(rows)
    return tmp_path


def test_targets_that_were_given_up_are_no_sequences(small):
    """As Human4 is published: its first file is empty, the second one holds the boxes."""
    for text in ("", "\r\n"):
        (small / "Run" / "groundtruth_rect.1.txt").write_text(text)
        assert list(open_dataset("otb", small)) == ["Ball", "David", "Run-2"]


def test_boxes_start_at_zero_and_frames_end_with_them(small):
    otb = open_dataset("otb", small)
    assert list(otb) == ["Ball", "David", "Run-1", "Run-2"]
    assert (otb.name, otb.protocol) == ("OTB", "otb")
    ball = otb["Ball"]
    assert ball.stems == ("0001", "0002", "0003")
    assert ball.target().box == Box(0, 0, 10, 8)
    assert ball.truth_box(2) == Box(2.5, 0, 10, 8)
    assert ball.truth_mask(0) is None
    with ball.frames() as frames:
        assert len(frames) == len(list(frames)) == 3
        assert frames.stems == list(ball.stems)
        assert frames.size_wh == (32, 24)
        assert frames[2].max() == 3


def test_two_targets_are_two_sequences(small):
    otb = Otb(small, sequences=["Run-2"])
    assert list(otb) == ["Run-2"]
    assert otb["Run-2"].truth_box(1) == Box(1, 1, 5, 6)


def test_late_start_and_frames_without_truth(small):
    david = Otb(small)["David"]
    assert david.stems == ("0300", "0301", "0302")
    with david.frames() as frames:
        assert [int(frame[0, 0, 0]) for frame in frames] == [300 - 256, 301 - 256, 302 - 256]
    assert [david.truth_box(i) for i in range(3)] == [Box(4, 5, 7, 8), None, None]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,1,5,5\n1,1,5\n", r"groundtruth_rect\.txt, line 2 is '1,1,5'; expected 4 numbers"),
        ("1,1,5,x\n", "line 1 is '1,1,5,x'"),
        ("1,1,5,5\n\n1,1,5,5\n", "line 2 is ''"),
        ("1,1,5,nan\n", "line 1 .* or all NaN"),
        ("1,1,5,inf\n", "line 1 .* finite"),
        ("1,1,-5,5\n", "line 1 has a box with a negative side"),
        ("\n", "is empty"),
        ("1,1,5,5\n" * 9, "has 9 lines but .* only 5 frames"),
    ],
)
def test_malformed_files_are_named(small, text, message):
    (small / "Ball" / "groundtruth_rect.txt").write_text(text)
    with pytest.raises(InputError, match=message):
        Otb(small, sequences=["Ball"])


def test_bad_folders(small, tmp_path):
    with pytest.raises(InputError, match=r"'Bat' is not in .*; it has Ball, David"):
        Otb(small, sequences=["Bat"])
    with pytest.raises(InputError, match="no sequences of OTB"):
        Otb(tmp_path / "nothing")
    (small / "Ball" / "groundtruth_rect.txt").write_bytes(b"\xff\xfe1")
    with pytest.raises(InputError, match=r"groundtruth_rect\.txt cannot be read"):
        Otb(small, sequences=["Ball"])
    for image in (small / "Run" / "img").iterdir():
        image.unlink()
    with pytest.raises(InputError, match="holds no frames"):
        Otb(small, sequences=["Run-1"])
    with pytest.raises(InputError, match="data set otb has no option split; it has sequences"):
        open_dataset("otb", small, split="val")


@pytest.mark.data
def test_real_sequences(data_root):
    otb = Otb(data_root / "otb")
    lengths = {name: len(sequence) for name, sequence in otb.items()}
    assert lengths["Football1"] == 74  # of 81 images
    assert lengths["Couple"] == 140
    assert otb["Couple"].target().box == Box(50, 46, 25, 62)  # tabs
    assert otb["Football1"].target().box == Box(152, 104, 26, 43)  # commas
    with otb["Football1"].frames() as frames:
        assert len(frames) == 74
        assert frames.stems[-1] == "0074"
