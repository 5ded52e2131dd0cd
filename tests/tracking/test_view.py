"""A scaled window into the frame, and back."""

from __future__ import annotations

import numpy as np
import pytest

from spectrack.tracking.view import View


def test_flow_of_a_view_comes_back_in_pixels_of_the_frame() -> None:
    view = View(20, 10, 100, 70, 0.5)
    width, height = view.size_wh
    flow = np.empty((height, width, 2), dtype=np.float32)
    flow[..., 0], flow[..., 1] = 3, -2
    out = view.paste_flow(flow, (160, 90))
    np.testing.assert_allclose(out[10:70, 20:100], np.broadcast_to((6.0, -4.0), (60, 80, 2)))
    out[10:70, 20:100] = 0
    assert not out.any()


@pytest.mark.parametrize(("width", "scale"), [(203, 0.7), (221, 0.6), (236, 0.6), (150, 1.0)])
def test_a_mask_that_is_cut_and_pasted_stays_in_range(width: int, scale: float) -> None:
    view = View(3, 5, 3 + width, 205, scale)
    out = view.paste(view.cut(np.ones((240, 428), np.float32)), (428, 240))
    assert out.max() <= 1
    assert out[5:205, 3 : 3 + width].min() > 0.999
    out[5:205, 3 : 3 + width] = 0
    assert not out.any()
