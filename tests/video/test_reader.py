"""The one door: what open_video accepts and what it says about the rest."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from spectrack.errors import InputError
from spectrack.video.reader import ArrayFrames, Camera, ImageFolder, VideoFile, open_video


def test_kinds(numbered_clip: Path, tmp_path: Path) -> None:
    video = open_video(str(numbered_clip))
    assert isinstance(video, VideoFile)
    assert open_video(video) is video
    assert isinstance(open_video(np.zeros((1, 2, 3, 3), np.uint8)), ArrayFrames)


def test_arrays(rng: np.random.Generator) -> None:
    frames_thwc = rng.integers(0, 256, (4, 6, 5, 3), dtype=np.uint8)
    for given in (frames_thwc, list(frames_thwc), frames_thwc[:, ::-1, ::-1][:, ::-1, ::-1]):
        frames = open_video(given)
        assert (frames.size_wh, len(frames), frames.stems) == ((5, 6), 4, None)
        assert all(f.flags.c_contiguous for f in frames)
        np.testing.assert_array_equal(np.stack(list(frames)), frames_thwc)
        np.testing.assert_array_equal(frames[-1], frames_thwc[3])


@pytest.mark.parametrize(
    "given",
    [
        np.full((2, 4, 4, 3), 2.0, np.float32),
        np.full((2, 4, 4, 3), np.nan),
        np.zeros((2, 4, 4, 3), np.int64),
        iter([]),
        (frame for frame in [np.zeros((4, 4), np.uint8)]),
        np.zeros((4, 4, 3), np.uint8),
        np.zeros((2, 4, 4, 1), np.uint8),
        np.zeros((2, 4, 4), np.uint8),
        np.zeros((0, 4, 4, 3), np.uint8),
        np.zeros((2, 0, 4, 3), np.uint8),
        [np.zeros((4, 4, 3), np.uint8), np.zeros((4, 5, 3), np.uint8)],
        [],
        {"a": 1},
        None,
        2.5,
    ],
    ids=lambda g: str(getattr(g, "shape", type(g).__name__)),
)
def test_arrays_that_are_no_video(given) -> None:
    with pytest.raises(InputError, match=r"expected|give"):
        open_video(given)


def test_missing_source(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing\.mp4 does not exist; give"):
        open_video(tmp_path / "nothing.mp4")


@pytest.mark.parametrize("source", [99, "99"])
def test_absent_camera(source, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match="camera 99 cannot be opened"):
        open_video(source)
    assert capfd.readouterr().err == ""


def test_camera_has_no_length(monkeypatch: pytest.MonkeyPatch) -> None:
    class Device:
        left = 3

        def isOpened(self) -> bool:
            return True

        def read(self):
            self.left -= 1
            image = np.zeros((4, 6, 3), np.uint8)
            image[..., 0] = 200  # blue in OpenCV's order
            return self.left >= 0, image

        def get(self, _: int) -> float:
            return 0.0

        def release(self) -> None:
            self.left = 0

    monkeypatch.setattr("spectrack.video.frames.cv2.VideoCapture", lambda index: Device())
    with Camera(0) as camera:
        assert (camera.size_wh, camera.length, camera.fps) == ((6, 4), None, 24.0)
        with pytest.raises(InputError, match="cannot jump"):
            camera[0]
        live = list(camera)
        assert len(live) == 2
        assert (live[0] == (0, 0, 200)).all()


@pytest.mark.data
def test_davis_folder(davis_root: Path) -> None:
    frames = open_video(davis_root / "JPEGImages" / "480p" / "dog")
    assert isinstance(frames, ImageFolder)
    assert (len(frames), frames.size_wh, frames.name) == (60, (854, 480), "dog")
    assert frames.stems is not None
    assert frames.stems[0] == "00000"
