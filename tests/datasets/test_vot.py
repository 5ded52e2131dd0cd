"""VOT: rotated truth both ways, a small made-up copy, and the real one where it is there."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from spectrack.datasets import open_dataset
from spectrack.datasets.vot import Vot
from spectrack.errors import InputError
from spectrack.metrics.polygons import upright_box
from spectrack.structures import Box


def rectangle(cx, cy, w, h, degrees):
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    corners = [(-w / 2, -h / 2), (w / 2, -h / 2), (w / 2, h / 2), (-w / 2, h / 2)]
    return np.array([(cx + c * x - s * y, cy + s * x + c * y) for x, y in corners])


def write_frames(folder, count):
    folder.mkdir(parents=True, exist_ok=True)
    for t in range(1, count + 1):
        cv2.imwrite(str(folder / f"{t:08d}.jpg"), np.full((40, 50, 3), t, np.uint8))


@pytest.fixture
def small(tmp_path):
    """A rotated sequence beside its frames, and an upright one with frames in ``color``."""
    write_frames(tmp_path / "kite", 3)
    corners = rectangle(20, 15, 12, 6, 30)
    line = ",".join(f"{v:.6f}" for v in corners.ravel())
    (tmp_path / "kite" / "groundtruth.txt").write_text(f"{line}\n{line}\nnan,nan,nan,nan\n")
    (tmp_path / "kite" / "occlusion.label").write_text("0\n0\n0\n")
    write_frames(tmp_path / "ant" / "color", 2)
    (tmp_path / "ant" / "groundtruth.txt").write_text("1.5,2,10,8\n3,4,0,0\n")
    (tmp_path / "list.txt").write_text("kite\nant\n")
    return tmp_path


@pytest.mark.parametrize("degrees", [0, 20, 45, 110])
def test_upright_boxes_of_a_rotated_rectangle(degrees):
    corners = rectangle(30, 20, 16, 10, degrees)
    bounds, mean = upright_box(corners), upright_box(corners, "mean_area")
    x, y = corners.T
    assert tuple(bounds) == pytest.approx((min(x), min(y), max(x) - min(x), max(y) - min(y)))
    # Around both axes by trigonometry: w |cos| + h |sin|, and the other way.
    c, s = abs(math.cos(math.radians(degrees))), abs(math.sin(math.radians(degrees)))
    assert (bounds.w, bounds.h) == pytest.approx((16 * c + 10 * s, 16 * s + 10 * c))
    assert mean.area == pytest.approx(160)
    assert mean.center == pytest.approx((30, 20))
    assert mean.w / mean.h == pytest.approx(bounds.w / bounds.h)


def test_mean_area_worked_by_hand():
    """A square of area 50 on its corner: the box around it is 10 x 10, sides shrink by 1/2^.5."""
    corners = np.array([[5, 0], [10, 5], [5, 10], [0, 5]], float)
    side = math.sqrt(50)
    assert tuple(upright_box(corners, "mean_area")) == pytest.approx(
        (5 - side / 2, 5 - side / 2, side, side)
    )
    assert upright_box(np.ones((4, 2)), "mean_area") == Box(1, 1, 0, 0)


def test_reads_sequences_in_the_order_of_the_list(small):
    vot = open_dataset("vot", small)
    assert list(vot) == ["kite", "ant"]
    assert vot.protocol == "vot"
    kite, ant = vot["kite"], vot["ant"]
    assert kite.stems == ("00000001", "00000002", "00000003")
    corners = rectangle(20, 15, 12, 6, 30)
    np.testing.assert_allclose(kite.read_polygon(1), corners, atol=1e-6)
    assert tuple(kite.truth_box(0)) == pytest.approx(tuple(upright_box(corners)), abs=1e-5)
    assert kite.read_polygon(2) is None
    assert kite.truth_box(2) is None
    assert ant.target().box == Box(1.5, 2, 10, 8)
    assert ant.read_polygon(0).tolist() == [[1.5, 2], [11.5, 2], [11.5, 10], [1.5, 10]]
    assert ant.truth_box(1) is None
    for sequence in vot.values():
        with sequence.frames() as frames:
            assert len(frames) == len(sequence)
            assert frames.size_wh == (50, 40)
    mean = Vot(small, upright="mean_area")
    assert mean["kite"].target().box.area == pytest.approx(72, abs=1e-3)
    assert mean.name != vot.name  # results from one start do not stand for the other
    (small / "list.txt").unlink()
    assert list(Vot(small)) == ["ant", "kite"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2,3\n", r"groundtruth\.txt, line 1 is '1,2,3'; expected 4 or 8 numbers"),
        ("1,2,3,4\nm0,1,2,3\n", "line 2 is 'm0,1,2,3'"),
        ("1,2,3,-4\n1,2,3,4\n", "line 1 has a box with a negative side"),
        ("1,2,3,4\n", "has 1 lines but .* 2 frames"),
    ],
)
def test_malformed_files_are_named(small, text, message):
    (small / "ant" / "groundtruth.txt").write_text(text)
    with pytest.raises(InputError, match=message):
        Vot(small)


def test_bad_folders(small, tmp_path):
    with pytest.raises(InputError, match=r"'bee' is not in .*; it has kite, ant"):
        Vot(small, sequences=["bee"])
    with pytest.raises(InputError, match="no sequences of VOT"):
        Vot(tmp_path / "nothing")
    with pytest.raises(InputError, match="upright 'tight' is unknown; choose one of bounds"):
        Vot(small, upright="tight")
    (small / "list.txt").write_text("kite\nbee\n")
    with pytest.raises(InputError, match=r"groundtruth\.txt cannot be read"):
        Vot(small)


@pytest.mark.data
def test_real_sequences(data_root):
    vot = Vot(data_root / "vot2014")
    assert {name: len(sequence) for name, sequence in vot.items()} == {
        "sphere": 201,
        "surfing": 282,
    }
    box = vot["sphere"].target().box
    assert tuple(box) == pytest.approx((139.53, 58.57, 87.15, 90.0))
    with vot["surfing"].frames() as frames:
        assert len(frames) == 282
