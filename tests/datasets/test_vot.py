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
from spectrack.metrics.protocols import PROTOCOLS
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
        (
            "1,2,3\n1,2,3,4\n",
            r"groundtruth\.txt, line 1: '1,2,3' is no region; expected a code, x,y,width,height",
        ),
        ("1,2,3,4\nx,1,2,3\n", "line 2: 'x,1,2,3' is no region"),
        ("1,2,3,-4\n1,2,3,4\n", "line 1: '1,2,3,-4' is no region"),
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


def mask_line(mask, pad=0):
    """A mask as VOT2020 writes it, run by run; ``pad`` columns and rows more than its box."""
    rows, columns = np.nonzero(mask)
    x, y = columns.min() - pad, rows.min() - pad
    w, h = columns.max() + 1 + pad - x, rows.max() + 1 + pad - y
    runs, value, length = [], False, 0
    for row in range(y, y + h):
        for column in range(x, x + w):
            inside = 0 <= row < mask.shape[0] and 0 <= column < mask.shape[1]
            here = bool(inside and mask[row, column])
            if here != value:
                runs, value, length = [*runs, length], here, 0
            length += 1
    return "m" + ",".join(str(int(v)) for v in (x, y, w, h, *runs, length))


@pytest.fixture
def masked(tmp_path):
    """A sequence of VOT2020 in a workspace: masks, one absent, anchors; and its true masks."""
    rng = np.random.default_rng(3)
    truth = np.zeros((3, 40, 50), bool)
    truth[0, 5:15, 7:30] = rng.random((10, 23)) < 0.6
    truth[0, 5, 7] = True
    truth[1, 30:40, 40:50] = rng.random((10, 10)) < 0.5
    folder = tmp_path / "sequences" / "fish"
    write_frames(folder / "color", 3)
    lines = [mask_line(truth[0]), mask_line(truth[1], pad=4), "m0,0,0,0"]
    (folder / "groundtruth.txt").write_text("\n".join(lines) + "\n")
    (folder / "anchor.value").write_text("1\n0\n-1\n")
    (folder / "occlusion.tag").write_text("0\n1\n0\n")
    (tmp_path / "sequences" / "list.txt").write_text("fish\n")
    return tmp_path, truth


def test_masks_of_vot2020(masked):
    root, truth = masked
    fish = Vot(root)["fish"]
    for t, mask in enumerate(truth):
        np.testing.assert_array_equal(fish.truth_mask(t), mask)
        assert fish.truth_box(t) == Box.from_mask(mask)
    np.testing.assert_array_equal(fish.target(give_mask=True).mask, truth[0])
    assert fish.frame_values["anchor"].tolist() == [1, 0, -1]
    assert fish.frame_values["occlusion"].tolist() == [0, 1, 0]


def test_what_is_told_may_end_early_or_late(masked):
    root, _ = masked
    folder = root / "sequences" / "fish"
    (folder / "anchor.value").write_text("1\n")
    (folder / "occlusion.tag").write_text("0\n1\n0\n1\n")
    told = Vot(root)["fish"].frame_values
    assert told["anchor"].tolist() == [1, 0, 0]
    assert told["occlusion"].tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    "line",
    [
        *("m", "m1,2,3", "m0,0,2,2,1,9", "m0,0,-2,2", "m0,0,2,2,x", "m0,0,99999,99999,1"),
        *("m0,0,2,2,-1", "m1e99,0,2,2,1", "m0,0,2.5,2,1", "mnan,0,2,2,1"),
    ],
)
def test_malformed_masks_are_named(masked, line):
    root, _ = masked
    path = root / "sequences" / "fish" / "groundtruth.txt"
    path.write_text(f"m0,0,2,2,1\n{line}\nm0,0,0,0\n")
    fish = Vot(root)["fish"]
    assert fish.truth_box(0) is None  # the run is background, and so is what it leaves over
    for read in (fish.truth_mask, fish.truth_box):
        with pytest.raises(InputError, match=r"groundtruth\.txt, line 2: 'm.* is no region"):
            read(1)


def test_long_term_truth_and_what_is_told_of_frames(small):
    path = small / "ant" / "groundtruth.txt"
    path.write_text("nan,nan,nan,nan\n0,0,0,0\n")
    (small / "ant" / "practice.value").write_text("0.5\n0.25\n")
    ant = Vot(small)["ant"]
    assert [ant.truth_box(t) for t in range(2)] == [None, None]
    assert [ant.read_polygon(t) for t in range(2)] == [None, None]  # out of sight, no target
    assert ant.frame_values["practice"].tolist() == [0.5, 0.25]
    assert (Vot(small).protocol, Vot(small, term="long").protocol) == ("vot", "vot_long_term")
    assert "vot_long_term" in PROTOCOLS
    with pytest.raises(InputError, match="term 'longer' is unknown; choose one of short, long"):
        Vot(small, term="longer")
    path.write_text("1\n3,1,9,1,9,7\n")  # a special region, and three corners
    ant = Vot(small)["ant"]
    assert ant.truth_box(0) is None
    assert ant.truth_box(1) == Box(3, 1, 6, 6)


def test_names_lead_nowhere_else(small):
    (small / "list.txt").write_text("kite\n../outside\n")
    with pytest.raises(InputError, match=r"list\.txt names '\.\./outside'; expected names of fol"):
        Vot(small)
    (small / "list.txt").write_text("\n")
    with pytest.raises(InputError, match=r"list\.txt is empty"):
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
    told = vot["sphere"].frame_values
    assert {len(values) for values in told.values()} == {201}
    assert told["occlusion"].sum() == 0
    assert told["camera_motion"].sum() == 201
