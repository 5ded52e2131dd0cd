"""The sheet of an explanation: what each picture shows, and that everything fits on it."""

from __future__ import annotations

import numpy as np
import pytest

from spectrack.errors import InputError
from spectrack.structures import Box
from spectrack.video.explain import (
    RESULT_COLOR,
    InputView,
    Moment,
    cell_size,
    draw_moment,
    input_color,
)
from spectrack.video.explain_sheet import explain_sheet

H, W = 90, 160
BOX = Box(60, 30, 40, 30)
FRAME = np.full((H, W, 3), 100, np.uint8)


def soft_of(box: Box) -> np.ndarray:
    return box.fill((W, H)).astype(np.float32)


def moment(index: int = 5, **changed: object) -> Moment:
    inputs = (
        InputView("flow", BOX, soft_of(BOX), 0.75, 0.9),
        InputView("csrt", BOX.scale(1.2), soft_of(BOX), 0.25, 0.5),
    )
    values = {
        "inputs": inputs,
        "mixed_hw": soft_of(BOX),
        "result_hw": soft_of(BOX),
        "box": BOX,
        "score": 0.87,
        **changed,
    }
    return Moment(index, FRAME, **values)


def count(picture: np.ndarray, color: tuple[int, int, int]) -> int:
    return int((picture == color).all(axis=2).sum())


def test_a_row_has_a_picture_for_all_and_each_and_the_mix_and_the_result():
    row = draw_moment(moment())
    assert row.names == ("flow", "csrt")
    assert len(row.cells) == 5
    width, height = cell_size((W, H))
    assert {cell.picture_hwc.shape for cell in row.cells} == {(height, width, 3)}
    scene, flow, csrt, mix, result = (cell.picture_hwc for cell in row.cells)
    assert count(scene, input_color(0)) > 100
    assert count(scene, input_color(1)) > 100
    assert count(flow, input_color(0)) > 100
    assert count(flow, input_color(1)) == 0
    assert count(csrt, input_color(1)) > 100
    assert count(csrt, input_color(0)) == 0
    assert count(result, RESULT_COLOR) > 100
    assert np.ptp(mix.astype(int), axis=2).max() > 60  # the glow has colour, the rest is grey
    assert np.ptp(mix[0].astype(int), axis=1).max() == 0
    captions = [cell.caption for cell in row.cells]
    assert captions[1:3] == ["weight 75 %   agrees 0.90", "weight 25 %   agrees 0.50"]
    assert captions[4] == "score 0.87   box 60, 30, 40 x 30"
    assert [cell.share for cell in row.cells] == [None, 0.75, 0.25, None, 0.87]


def test_the_pictures_look_at_the_boxes_and_the_scene_shows_where():
    small = Box(100, 50, 8, 6)
    near = draw_moment(moment(inputs=(InputView("a", small),), box=small, result_hw=soft_of(small)))
    scene, one = (cell.picture_hwc for cell in near.cells[:2])
    assert count(scene, (255, 255, 255)) > 50
    colored = Box.from_mask((one == input_color(0)).all(axis=2))
    assert colored is not None
    width, height = cell_size((W, H))
    # Eight pixels of 160 would be a twentieth; they are shown about five times as large.
    assert colored.w > width / 8
    assert abs(colored.center[0] - width / 2) < width / 10
    assert abs(colored.center[1] - height / 2) < height / 10
    whole = Box(0, 0, W, H)
    far = draw_moment(moment(inputs=(InputView("a", whole),), box=whole, result_hw=None))
    assert count(far.cells[0].picture_hwc, (255, 255, 255)) == 0


def test_what_is_missing_is_said():
    silent = InputView("csrt", None, None, 0.0, 0.0)
    unheard = InputView("kcf", BOX, None, 0.0, 0.0, restarted=True)
    lost = draw_moment(
        moment(inputs=(silent, unheard), mixed_hw=None, result_hw=None, box=None, note="lost")
    )
    assert [cell.caption for cell in lost.cells] == [
        "",
        "sees nothing",
        "not heard",
        "nothing to mix",
        "out of sight",
    ]
    assert [cell.badge for cell in lost.cells] == ["", "", "restarted", "", "lost"]
    assert np.ptp(lost.cells[4].picture_hwc.astype(int), axis=2).max() == 0  # grey
    first = draw_moment(moment(0, mixed_hw=None, note="start"))
    assert first.cells[3].caption == "the first frame"
    assert first.cells[4].badge == ""


@pytest.mark.parametrize(
    ("size_wh", "box"),
    [
        ((W, H), Box(-30, -20, 40, 30)),
        ((W, H), Box(300, 300, 10, 10)),
        ((W, H), Box(159.5, 89.5, 0.4, 0.4)),
        ((90, 160), Box(20, 30, 40, 30)),
        ((400, 40), Box(20, 10, 4, 3)),
        ((20, 400), Box(5, 10, 4, 3)),
        ((1, 1), Box(0, 0, 1, 1)),
    ],
)
def test_boxes_anywhere_in_frames_of_any_shape(size_wh, box):
    width, height = size_wh
    frame = np.full((height, width, 3), 90, np.uint8)
    soft = box.fill(size_wh).astype(np.float32)
    row = draw_moment(Moment(3, frame, (InputView("a", box, soft, 1.0, 1.0),), soft, soft, box, 1))
    assert {cell.picture_hwc.shape[:2][::-1] for cell in row.cells} == {cell_size(size_wh)}
    assert explain_sheet({"": [row]}, "any").dtype == np.uint8


def test_masks_of_another_size_are_told():
    with pytest.raises(InputError, match=r"a mask of shape \(4, 5\) was given for a frame of 160x"):
        draw_moment(moment(result_hw=np.zeros((4, 5), np.float32)))


def test_the_sheet_holds_every_picture_as_it_is():
    rows = [draw_moment(moment(0, note="start")), draw_moment(moment(17))]
    sheet = explain_sheet({"object 1": rows}, "pond.mp4", "20 frames")
    height, width = rows[0].cells[0].picture_hwc.shape[:2]
    assert sheet.shape[1] > 5 * width
    assert sheet.shape[0] > 2 * height
    for row in rows:
        for cell in row.cells[:3]:
            assert holds(sheet, cell.picture_hwc)


def holds(sheet: np.ndarray, picture: np.ndarray) -> bool:
    """Whether the picture lies on the sheet, pixel by pixel."""
    height, width = picture.shape[:2]
    corner = (sheet == picture[0, 0]).all(axis=2)
    return any(
        np.array_equal(sheet[y : y + height, x : x + width], picture)
        for y, x in np.argwhere(corner[: -height + 1, : -width + 1])
    )


def test_objects_come_one_after_another():
    row = draw_moment(moment())
    one = explain_sheet({"object 1": [row]}, "pond")
    two = explain_sheet({"object 1": [row], "object 2": [row, row]}, "pond")
    assert two.shape[1] == one.shape[1]
    assert two.shape[0] > one.shape[0] + 2 * row.cells[0].picture_hwc.shape[0]


def test_long_names_stay_in_their_columns():
    long = moment(inputs=(InputView("a file of boxes with a very long name.csv" * 3, BOX),))
    short = moment(inputs=(InputView("a", BOX),))
    sheets = [explain_sheet({"": [draw_moment(m)]}, "pond" * 300, "x" * 300) for m in (long, short)]
    assert sheets[0].shape == sheets[1].shape


def test_no_rows_and_rows_of_two_kinds_are_told():
    with pytest.raises(InputError, match="0 rows of 0 kinds"):
        explain_sheet({"object 1": []}, "pond")
    other = draw_moment(moment(inputs=(InputView("solo", BOX),)))
    with pytest.raises(InputError, match="2 rows of 2 kinds"):
        explain_sheet({"object 1": [draw_moment(moment()), other]}, "pond")
