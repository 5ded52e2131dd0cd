"""Planes to RGB against the published coefficients and against swscale."""

from __future__ import annotations

import av
import cv2
import numpy as np
import pytest

from spectrack.video.colour import to_rgb, upright, yuv_matrix


@pytest.mark.parametrize(
    ("colorspace", "full", "rows"),
    [
        # Coefficients as printed in BT.601, BT.709 and JFIF.
        (6, False, [[1.164, 0, 1.596], [1.164, -0.392, -0.813], [1.164, 2.017, 0]]),
        (2, False, [[1.164, 0, 1.596], [1.164, -0.392, -0.813], [1.164, 2.017, 0]]),
        (1, False, [[1.164, 0, 1.793], [1.164, -0.213, -0.533], [1.164, 2.112, 0]]),
        (5, True, [[1, 0, 1.402], [1, -0.344, -0.714], [1, 1.772, 0]]),
        (9, True, [[1, 0, 1.4746], [1, -0.16455, -0.57135], [1, 1.8814, 0]]),
    ],
)
def test_matrix_has_the_published_coefficients(colorspace, full, rows) -> None:
    matrix = yuv_matrix(colorspace, full)
    np.testing.assert_allclose(matrix[:, :3], rows, atol=1e-3)
    black, white = ((0, 128, 128, 1), (255, 128, 128, 1))
    if not full:
        black, white = ((16, 128, 128, 1), (235, 128, 128, 1))
    np.testing.assert_allclose(matrix @ np.array(black), 0, atol=1e-3)
    np.testing.assert_allclose(matrix @ np.array(white), 255, atol=1e-3)


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p", "yuv444p", "yuvj420p"])
@pytest.mark.parametrize("colorspace", [1, 5])
def test_close_to_swscale(rng: np.random.Generator, pix_fmt: str, colorspace: int) -> None:
    coarse = rng.integers(0, 256, (2, 3, 3)).astype(np.float32)
    smooth = cv2.resize(coarse, (192, 128), interpolation=cv2.INTER_LINEAR).astype(np.uint8)
    rgb = av.VideoFrame.from_ndarray(smooth, format="rgb24")
    frame = rgb.reformat(format=pix_fmt, dst_colorspace=colorspace)
    frame.colorspace = colorspace
    ours, theirs = to_rgb(frame).astype(int), frame.to_ndarray(format="rgb24").astype(int)
    # swscale's default path truncates and repeats chroma, so it lies a little off the exact value.
    assert np.abs(ours - theirs).max() <= 8
    assert np.abs(ours - theirs).mean() < 2.5
    assert np.abs(ours - smooth).mean() < min(1.5, np.abs(theirs - smooth).mean() + 0.05)


def test_chroma_of_odd_frames_covers_the_last_column() -> None:
    frame = av.VideoFrame(7, 5, "yuv420p")
    for plane, value in zip(frame.planes, (81, 90, 240), strict=True):
        plane.update(bytes([value]) * plane.buffer_size)
    np.testing.assert_allclose(to_rgb(frame), np.broadcast_to((254, 0, 0), (5, 7, 3)), atol=1)


@pytest.mark.parametrize("pix_fmt", ["rgb24", "bgr0", "gray", "yuv420p10le", "nv12"])
def test_other_formats_go_through_swscale(pix_fmt: str) -> None:
    grey = np.full((16, 16, 3), 120, dtype=np.uint8)
    frame = av.VideoFrame.from_ndarray(grey, format="rgb24").reformat(format=pix_fmt)
    np.testing.assert_allclose(to_rgb(frame), grey, atol=2)


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        ((1, 0, 0, 1), lambda a: a),
        ((0, -1, 1, 0), lambda a: np.rot90(a, 1)),
        ((-1, 0, 0, -1), lambda a: np.rot90(a, 2)),
        ((0, 1, -1, 0), lambda a: np.rot90(a, 3)),
        ((-1, 0, 0, 1), np.fliplr),
        ((1, 0, 0, -1), np.flipud),
        ((0, 1, 1, 0), lambda a: a.swapaxes(0, 1)),
    ],
)
def test_upright(matrix, expected) -> None:
    image = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    turned = upright(image, matrix)
    np.testing.assert_array_equal(turned, expected(image))
    assert turned.flags.c_contiguous
