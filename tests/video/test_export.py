"""Written files: playable, complete or absent, and exact where they promise it."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from spectrack.errors import InputError
from spectrack.structures import Box, Prediction
from spectrack.tracks import Track, Tracks
from spectrack.video.export import VideoWriter, write_overlay, write_video
from spectrack.video.frames import ArrayFrames, BrokenFrame
from spectrack.video.reader import open_video
from spectrack.video.writer import LEAST_FPS
from video_clips import numbered_frame, read_number


def _frames(count: int = 12, size_wh: tuple[int, int] = (96, 64)):
    return open_video(np.stack([numbered_frame(i, size_wh) for i in range(count)]))


def _track(count: int = 12, size_wh: tuple[int, int] = (96, 64), start: int = 10) -> Track:
    track = Track(size_wh)
    for i in range(count):
        mask = np.zeros((size_wh[1], size_wh[0]), bool)
        mask[20:40, start + i : start + 20 + i] = True
        track.append(Prediction(Box.from_mask(mask), mask, 0.75, found=i != 4))
    return track


@pytest.mark.parametrize("size_wh", [(96, 64), (97, 65), (33, 64)])
def test_browsers_can_play_it(tmp_path: Path, size_wh: tuple[int, int]) -> None:
    path = write_video(tmp_path / "a.mp4", _frames(12, size_wh), fps=29.97)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.pix_fmt == "yuv420p"
        assert stream.frames == 12
        assert float(stream.average_rate) == pytest.approx(29.97, abs=0.01)
        assert (stream.width % 2, stream.height % 2) == (0, 0)
    head = path.read_bytes()
    assert head[4:8] == b"ftyp"
    assert head.index(b"moov") < head.index(b"mdat")  # starts before it is loaded
    width, height = size_wh
    back = open_video(path)
    assert [read_number(f[:height, :width]) for f in back] == list(range(12))
    np.testing.assert_allclose(back.times_s, np.arange(12) / 29.97, atol=1e-3)


def test_colours_survive(tmp_path: Path) -> None:
    flat = np.zeros((3, 64, 64, 3), np.uint8)
    flat[:] = np.array([[200, 30, 60], [20, 180, 90], [40, 60, 220]])[:, None, None]
    back = open_video(write_video(tmp_path / "a.mp4", open_video(flat), fps=1))
    for given, read in zip(flat, back, strict=True):
        assert np.abs(read.astype(int) - given).max() <= 4


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4"])
@pytest.mark.parametrize("size_wh", [(96, 64), (97, 65)])
def test_lossless_round_trip(tmp_path: Path, name: str, size_wh: tuple[int, int]) -> None:
    frames = _frames(6, size_wh)
    back = open_video(write_video(tmp_path / name, frames, lossless=True))
    assert back.size_wh == size_wh
    np.testing.assert_array_equal(np.stack(list(back)), np.stack(list(frames)))


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_interruption_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "a.mp4"

    def stop(done: int, total: int | None) -> None:
        if done == 5:
            raise error

    with pytest.raises(error):
        write_overlay(path, _frames(), _track(), progress=stop)
    assert list(tmp_path.iterdir()) == []
    path.write_bytes(b"older")
    with pytest.raises(error):
        write_video(path, _frames(), progress=stop)
    assert [p.name for p in tmp_path.iterdir()] == ["a.mp4"]
    assert path.read_bytes() == b"older"


def test_writer_refuses(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"ending in \.mp4"):
        VideoWriter(tmp_path / "a.gif", 24, (8, 8))
    with pytest.raises(InputError, match="does not exist"):
        VideoWriter(tmp_path / "none" / "a.mp4", 24, (8, 8))
    for fps in (0, -1, float("nan"), float("inf"), 0.0004, 1001):
        with pytest.raises(InputError, match=r"a rate from 0\.001 to 1000"):
            VideoWriter(tmp_path / "a.mp4", fps, (8, 8))
    with pytest.raises(InputError, match="no frame"):
        VideoWriter(tmp_path / "a.mp4", 24, (8, 8)).close()
    for frame in (np.zeros((8, 9, 3), np.uint8), np.zeros((8, 8, 3), np.float32)):
        with (
            pytest.raises(InputError, match="expected uint8"),
            VideoWriter(tmp_path / "a.mp4", 24, (8, 8)) as writer,
        ):
            writer.write(frame)
    assert list(tmp_path.iterdir()) == []


def test_overlay_draws_every_object(tmp_path: Path) -> None:
    tracks = Tracks({1: _track(), 2: _track(start=60)})
    seen: list[tuple[int, int | None]] = []
    frames = _frames(14)
    path = write_overlay(
        tmp_path / "o.mp4", frames, tracks, fps=10, progress=lambda d, t: seen.append((d, t))
    )
    assert seen == [(i, 12) for i in range(1, 13)]
    drawn = list(open_video(path))
    assert len(drawn) == 12
    for i, image in enumerate(drawn):
        change = np.abs(image.astype(int) - frames[i]).mean(axis=2)
        assert change[25:35, 12 + i : 28 + i].mean() > 15
        assert change[25:35, 62 + i : 78 + i].mean() > 15


def test_the_slowest_video_is_written(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", _frames(2), fps=LEAST_FPS)
    np.testing.assert_allclose(open_video(path).times_s, [0, 1000])


def test_frames_behind_the_track_are_not_decoded(tmp_path: Path) -> None:
    class Broken(ArrayFrames):
        def __iter__(self):
            yield from list(super().__iter__())[:2]
            raise BrokenFrame("frame 2 is damaged; repair it")

    frames = Broken(np.stack([numbered_frame(i) for i in range(5)]))
    assert len(open_video(write_overlay(tmp_path / "o.mp4", frames, _track(2)))) == 2
    with pytest.raises(InputError, match="frame 2 is damaged"):
        write_overlay(tmp_path / "o.mp4", frames, _track(3))


def test_overlay_needs_the_right_video(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="ends after 8 frames but the track has 12"):
        write_overlay(tmp_path / "o.mp4", _frames(8), _track())
    with pytest.raises(InputError, match="the video is 64x48 but the track is 96x64"):
        write_overlay(tmp_path / "o.mp4", _frames(12, (64, 48)), _track())
    assert list(tmp_path.iterdir()) == []
