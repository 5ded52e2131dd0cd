"""Parts of a video, forward and backward, from a file and in memory; little is held."""

from __future__ import annotations

import numpy as np
import pytest

from spectrack.errors import InputError
from spectrack.video import spans
from spectrack.video.reader import open_video
from spectrack.video.spans import FrameSpan
from video_clips import numbered_frame, read_number, write_clip


@pytest.mark.parametrize(("first", "last"), [(0, 9), (3, 6), (9, 0), (7, 2), (5, 5)])
def test_the_frames_in_their_order(first, last, monkeypatch):
    frames = open_video(np.stack([numbered_frame(t) for t in range(10)]))
    monkeypatch.setattr(spans, "MOST_HELD", 3)
    span = FrameSpan(frames, first, last)
    order = list(range(first, last + 1)) or list(range(first, last - 1, -1))
    assert [read_number(frame) for frame in span] == order
    assert [read_number(frame) for frame in span.salvage(1)] == order[1:]
    assert [span.number(i) for i in range(span.length)] == order
    assert read_number(span[len(order) - 1]) == last
    assert len(span) == len(order)


def test_backward_through_a_file_in_runs(tmp_path, monkeypatch):
    path = tmp_path / "clip.mp4"
    write_clip(path, 40)
    with open_video(path) as frames:
        asked = []
        read = frames._read
        monkeypatch.setattr(frames, "_read", lambda t: asked.append(t) or read(t))
        monkeypatch.setattr(spans, "HELD_BYTES", 16 * 3 * frames.size_wh[0] * frames.size_wh[1])
        seen = [read_number(frame) for frame in FrameSpan(frames, 35, 1)]
    assert seen == list(range(35, 0, -1))
    assert asked == [*range(20, 36), *range(4, 20), *range(1, 4)]


def test_what_has_no_such_frames():
    frames = open_video(np.zeros((4, 8, 9, 3), np.uint8))
    for first, last in [(0, 4), (-1, 2), (4, 0)]:
        with pytest.raises(IndexError, match="of 4"):
            FrameSpan(frames, first, last)
    with pytest.raises(InputError, match="cannot jump to frame 2"):
        FrameSpan(open_video(iter(np.zeros((2, 8, 8, 3), np.uint8))), 2, 0)
