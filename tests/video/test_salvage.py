"""Broken frames keep their place: everything around them comes as if they were whole."""

from __future__ import annotations

import shutil
from pathlib import Path

import av
import numpy as np
import pytest

from spectrack.errors import InputError
from spectrack.structures import FrameHWC
from spectrack.video.cut import FirstFrames
from spectrack.video.frames import BrokenFrame, Frames
from spectrack.video.reader import open_video
from spectrack.video.salvage import HeldFrames, broken_frames
from video_clips import write_clip


def damaged(path: Path, numbers: list[int], fill: bytes = b"\0") -> Path:
    """A copy of a video in which the packets shown as these frames hold rubbish."""
    with av.open(str(path)) as container:
        packets = sorted((p for p in container.demux(video=0) if p.size), key=lambda p: p.pts)
        places = [(packets[n].pos, packets[n].size) for n in numbers]
    data = bytearray(path.read_bytes())
    for place, size in places:
        data[place : place + size] = fill * size
    out = path.with_name(f"damaged{path.suffix}")
    out.write_bytes(data)
    return out


def intra(folder: Path) -> Path:
    """A video in which every frame stands alone."""
    options = {"g": "1", "qscale": "2"}
    return write_clip(folder / "clip.mov", codec="mjpeg", pix_fmt="yuvj420p", options=options)


def check(frames: Frames, whole: list[FrameHWC], broken: list[int], start: int = 0) -> None:
    items = list(frames.salvage(start))
    assert len(items) == len(whole) - start
    for index, item in enumerate(items, start):
        if index in broken:
            assert isinstance(item, BrokenFrame)
        else:
            np.testing.assert_array_equal(item, whole[index])


@pytest.mark.parametrize("broken", [[9], [3, 4, 17], [39]])
def test_a_video_whose_frames_stand_alone(tmp_path, broken):
    path = intra(tmp_path)
    with open_video(path) as frames:
        whole = list(frames)
    with open_video(damaged(path, broken)) as frames:
        assert len(frames) == len(whole)
        for start in (0, 4, 20):
            check(frames, whole, broken, start)
        check(FirstFrames(frames, 12), whole[:12], broken, 2)
        with pytest.raises(InputError, match="corrupt"):
            list(frames)


def test_an_h264_video_goes_on_behind_the_broken_frame(tmp_path):
    path = write_clip(tmp_path / "clip.mp4", options={"bf": "2", "g": "10", "crf": "10"})
    with open_video(path) as frames:
        whole = list(frames)
    with open_video(damaged(path, [13], b"\xff")) as frames:
        items = list(frames.salvage())
    assert len(items) == len(whole)
    assert isinstance(items[13], BrokenFrame)
    for index in [*range(10), *range(20, len(whole))]:  # other groups of pictures
        np.testing.assert_array_equal(items[index], whole[index])


def test_a_folder(tmp_path, frames_folder, clip):
    folder = Path(shutil.copytree(frames_folder, tmp_path / "frames"))
    (folder / "00004.png").write_bytes(b"")
    (folder / "00009.png").write_bytes(b"no picture")
    with open_video(folder) as frames:
        for start in (0, 4, 5):
            check(frames, list(clip.frames_thwc), [4, 9], start)
        held = HeldFrames(frames)
        expected = [*range(4), 3, *range(5, 9), 8]
        assert len(held) == 10
        for index, frame in enumerate(held):
            np.testing.assert_array_equal(frame, clip.frames_thwc[expected[index]])
            np.testing.assert_array_equal(held[index], frame)


def test_random_access_behind_a_broken_frame(tmp_path):
    path = intra(tmp_path)
    with open_video(path) as frames:
        whole = list(frames)
    with open_video(damaged(path, [9, 10])) as frames:
        held = HeldFrames(frames)
        np.testing.assert_array_equal(held[10], whole[8])
        np.testing.assert_array_equal(held[30], whole[30])


def test_frames_behind_a_broken_one_in_any_order(tmp_path):
    path = write_clip(tmp_path / "clip.mp4", options={"bf": "2", "g": "10", "crf": "10"})
    with open_video(damaged(path, [13], b"\xff")) as frames:
        assert list(broken_frames(frames)) == [13]
        expected = list(HeldFrames(frames))
        for order in (range(len(expected)), range(len(expected) - 1, -1, -1), [14, 15, 3, 16, 13]):
            held = HeldFrames(frames)
            for index in order:
                np.testing.assert_array_equal(held[index], expected[index])


def test_another_size_is_no_broken_frame(tmp_path, frames_folder):
    from PIL import Image

    folder = Path(shutil.copytree(frames_folder, tmp_path / "frames"))
    Image.new("RGB", (64, 64)).save(folder / "00005.png")
    with open_video(folder) as frames, pytest.raises(InputError, match="one size"):
        list(frames.salvage())
