"""Drawing touches what it should and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from spectrack.errors import InputError
from spectrack.structures import Box
from spectrack.video.draw import draw_overlay, object_color
from spectrack.video.sheet import contact_sheet, write_picture


def _scene() -> tuple[np.ndarray, np.ndarray]:
    frame = np.full((240, 320, 3), 90, dtype=np.uint8)
    mask = np.zeros((240, 320), dtype=bool)
    mask[80:160, 100:200] = True
    return frame, mask


def test_tint_inside_and_nothing_far_outside() -> None:
    frame, mask = _scene()
    before = frame.copy()
    out = draw_overlay(frame, mask, color=(200, 20, 40), alpha=0.5)
    np.testing.assert_array_equal(frame, before)
    np.testing.assert_array_equal(
        out[100:140, 120:180], np.broadcast_to((145, 55, 65), (40, 60, 3))
    )
    far = np.ones_like(mask)
    far[74:166, 94:206] = False
    np.testing.assert_array_equal(out[far], frame[far])
    assert (out[80, 110:190, 0] > 150).all()  # the contour is close to the full colour
    assert (out[76:79, 150, 0] < 85).any()  # with a dark line outside it


def test_contour_is_open_at_the_frame_edge() -> None:
    frame, mask = _scene()
    mask[:, :200] = True
    out = draw_overlay(frame, mask, color=(255, 0, 0), alpha=0.5)
    np.testing.assert_array_equal(out[120, 0], out[120, 50])
    full = draw_overlay(frame, np.ones_like(mask), color=(255, 0, 0), alpha=1.0)
    assert (full == (255, 0, 0)).all()


def test_soft_mask_tints_softly() -> None:
    frame, mask = _scene()
    out = draw_overlay(frame, mask * np.float32(0.25), color=(190, 90, 90), alpha=0.4)
    assert tuple(out[120, 150]) == (100, 90, 90)


@pytest.mark.parametrize(
    "box",
    [Box(100, 80, 100, 80), Box(-50, -50, 500, 500), Box(310, 230, 100, 100), Box(5, 5, 0, 0)],
)
def test_box_and_label_anywhere(box: Box) -> None:
    frame, _ = _scene()
    out = draw_overlay(frame, box=box, score=0.5, label="lost", color=object_color(3))
    assert out.shape == frame.shape
    assert (out != frame).any()


def test_box_lines_are_crisp_and_around_the_box() -> None:
    frame, _ = _scene()
    out = draw_overlay(frame, box=(100, 80, 100, 80), color=(255, 0, 0))
    assert tuple(out[120, 99]) == (255, 0, 0)
    assert tuple(out[120, 200]) == (255, 0, 0)
    assert tuple(out[79, 150]) == (255, 0, 0)
    np.testing.assert_array_equal(out[90:150, 110:190], frame[90:150, 110:190])


def test_tiny_frames_and_empty_masks() -> None:
    tiny = np.zeros((3, 2, 3), dtype=np.uint8)
    out = draw_overlay(tiny, np.ones((3, 2), bool), (0, 0, 2, 3), 0.9, "a long label")
    assert out.shape == tiny.shape
    frame, mask = _scene()
    np.testing.assert_array_equal(draw_overlay(frame, mask & False), frame)


def test_bad_shapes() -> None:
    frame, mask = _scene()
    with pytest.raises(InputError, match="same size"):
        draw_overlay(frame, mask[:-1])
    with pytest.raises(InputError, match="uint8 RGB"):
        draw_overlay(frame.astype(np.float32), mask)


def test_contact_sheet(tmp_path) -> None:
    images = [np.full((40, 60, 3), v, np.uint8) for v in (10, 120, 230)]
    sheet = contact_sheet(images, ["a", "b", "c"], columns=2, width=120, gap=4)
    assert sheet.shape[1] == 2 * 120 + 3 * 4
    for value in (10, 120, 230):
        assert (sheet == value).all(axis=-1).sum() >= 120 * 80
    path = write_picture(tmp_path / "sheet.png", sheet)
    assert [p.name for p in tmp_path.iterdir()] == ["sheet.png"]
    assert path.stat().st_size > 100
    with pytest.raises(InputError, match="a label for each"):
        contact_sheet(images, ["a"])
    with pytest.raises(InputError, match=r"\.png or \.jpg"):
        write_picture(tmp_path / "sheet.gif", sheet)
