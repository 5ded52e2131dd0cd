"""Views of a frame on a grid of bounded size, and flow between them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from spectrack.errors import InputError
from spectrack.spectral.guided.canvas import Canvas, View, flow_between, merge
from spectrack.spectral.guided.online import OnlineFilter, OnlineSettings
from spectrack.spectral.guided.windowed import WindowedOnlineFilter


def test_small_frames_are_seen_whole():
    canvas = Canvas((854, 480), 450_000, 44)
    assert canvas.whole
    view = canvas.view((5, 7, 20, 30))
    assert view.slices == (slice(0, 480), slice(0, 854))
    assert not view.shrinks


@pytest.mark.parametrize("frame_wh", [(3840, 2160), (1280, 720), (500, 3000)])
@pytest.mark.parametrize("share", [0.01, 0.3, 0.7, 1.0])
def test_a_view_holds_the_target_with_a_margin_within_the_bound(frame_wh, share):
    canvas = Canvas(frame_wh, 100_000, 20)
    assert canvas.size_wh[0] * canvas.size_wh[1] <= 100_000
    (width, height), last = frame_wh, None
    w, h = max(1, int(share * width)), max(1, int(share * height))
    for step in np.linspace(0, 1, 7):  # from one corner to the other
        x, y = round(step * (width - w)), round(step * (height - h))
        view = canvas.view((x, y, x + w, y + h), last)
        margin = 20 / view.scale_xy[0]
        x1, y1 = max(x - margin + 1, 0), max(y - margin + 1, 0)
        x2, y2 = min(x + w + margin - 1, width), min(y + h + margin - 1, height)
        assert view.holds((int(x1), int(y1), int(x2), int(y2)))
        assert view.size_wh == canvas.size_wh
        assert view.holds((view.x, view.y, view.x + view.width, view.y + view.height))
        assert 0 <= view.x <= width - view.width
        assert 0 <= view.y <= height - view.height
        assert canvas.view(None, view) == view  # where the target is not seen nothing moves
        last = view
    if share == 0.01:
        assert not view.shrinks


def test_a_target_that_breathes_keeps_its_view():
    canvas = Canvas((3840, 2160), 450_000, 44)
    view = canvas.view((1000, 1000, 1300, 1250))
    for grow in (5, -5, 12, 0):
        assert canvas.view((1000 - grow, 1000, 1300 + grow, 1250), view) == view


def test_one_pixel_at_least():
    with pytest.raises(InputError, match="0 pixels"):
        Canvas((30, 20), 0, 3)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (View(0, 0, 60, 40, (60, 40)), View(12, 5, 60, 40, (60, 40))),
        (View(8, 8, 120, 80, (60, 40)), View(20, 10, 90, 60, (60, 40))),
    ],
)
def test_flow_between_views_by_hand(start, end):
    """A uniform flow of the frame, followed point by point through both grids."""
    dx, dy = 3.0, -2.0
    scale_x, scale_y = end.scale_xy
    flow = np.empty((40, 60, 2), np.float32)
    flow[..., 0], flow[..., 1] = dx * scale_x, dy * scale_y
    got = flow_between(flow, end, start, end)
    sx, sy = start.scale_xy
    for row, col in [(20, 30), (30, 40), (25, 33)]:
        frame_x, frame_y = (col + 0.5) / sx + start.x + dx, (row + 0.5) / sy + start.y + dy
        want = (frame_x - end.x) * scale_x - 0.5 - col, (frame_y - end.y) * scale_y - 0.5 - row
        np.testing.assert_allclose(got[row, col], want, atol=1e-3)
    assert (np.abs(got[0, 0]) > 1e6).all()  # not seen when flow was found
    assert flow_between(flow, end, end, end) is flow


def test_merging_keeps_detail_where_nothing_changed():
    rng = np.random.default_rng(0)
    full = np.repeat(np.repeat(rng.random((30, 45), dtype=np.float32), 2, 0), 2, 1)
    view = View(10, 4, 60, 40, (30, 20))
    before = view.cut(full)
    after, out = before.copy(), full.copy()
    merge(out, view, after, before)
    np.testing.assert_array_equal(out, full)
    after[8:12, 10:14] = 1
    merge(out, view, after, before)
    np.testing.assert_allclose(out[4 + 17 : 4 + 23, 10 + 21 : 10 + 27], 1, atol=1e-3)
    untouched = np.ones_like(full, bool)
    untouched[4 + 10 : 4 + 30, 10 + 14 : 10 + 34] = False
    np.testing.assert_array_equal(out[untouched], full[untouched])


def moving(count=6, frame_wh=(240, 160)):
    """A square that moves over a textured ground; its frames, rough masks and flows."""
    rng = np.random.default_rng(3)
    width, height = frame_wh
    ground = cv2.GaussianBlur(rng.integers(0, 120, (height, width, 3)).astype(np.uint8), (0, 0), 3)
    frames, masks = [], []
    for t in range(count):
        frame, mask = ground.copy(), np.zeros((height, width), np.float32)
        x, y = 20 + 30 * t, 20 + 16 * t
        frame[y : y + 30, x : x + 30] = (220, 200, 40)
        mask[y : y + 30, x : x + 30] = 1
        mask[y + 3 * t : y + 3 * t + 6, x : x + 8] = 0
        frames.append(frame)
        masks.append(mask)
    flow = np.empty((height, width, 2), np.float32)
    flow[..., 0], flow[..., 1] = 30, 16
    return frames, masks, flow


def test_online_in_a_window_equals_the_whole_frame():
    """The window is at full resolution and moves at each frame: not a pixel may differ."""
    frames, masks, flow = moving()
    settings = OnlineSettings(reach=6)
    whole = OnlineFilter((240, 160), settings)
    windowed = WindowedOnlineFilter((240, 160), settings, pixels=120 * 80)
    moved = set()
    for t, (frame, mask) in enumerate(zip(frames, masks, strict=True)):
        flows = (None, None) if t == 0 else (flow, -flow)
        want, got = whole.push(frame, mask, *flows), windowed.push(frame, mask, *flows)
        np.testing.assert_allclose(got, want, atol=1e-5)
        moved.add(windowed._view)
    assert len(moved) > 2
    assert windowed.held == whole.held


def test_a_cut_leaves_the_window_where_it_is():
    """What is forgotten are frames: a target that is found again is most often still inside."""
    frames, masks, flow = moving(3)
    later = [np.roll(image, 8, axis=1) for image in (frames[2], masks[2])]
    windowed, other = (
        WindowedOnlineFilter((240, 160), OnlineSettings(reach=6), pixels=120 * 80) for _ in range(2)
    )
    windowed.push(frames[2], masks[2])
    view = windowed._view
    windowed.reset()
    assert windowed.held == 0
    after = windowed.push(*later, flow, -flow)
    assert windowed._view == view
    alone = other.push(*later)
    assert other._view != view
    np.testing.assert_allclose(after, alone, atol=1e-5)


def test_small_frames_go_through_the_online_filter_as_they_are():
    frames, masks, flow = moving(3)
    whole, windowed = OnlineFilter((240, 160)), WindowedOnlineFilter((240, 160))
    for t, (frame, mask) in enumerate(zip(frames, masks, strict=True)):
        flows = (None, None) if t == 0 else (flow, -flow)
        want, got = whole.push(frame, mask, *flows), windowed.push(frame, mask, *flows)
        np.testing.assert_array_equal(got, want)
