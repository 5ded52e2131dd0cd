"""Two objects of one small clip, and the clip as a folder of frames."""

from __future__ import annotations

import numpy as np
import pytest

from spectrack.exports.base import About
from spectrack.structures import Box, Prediction
from spectrack.tracks import Track, Tracks
from spectrack.video.reader import open_video

COUNT, SIZE_WH = 6, (48, 32)


@pytest.fixture(scope="session")
def frames():
    """Frames that tell their number and place by their colours."""
    yy, xx = np.mgrid[: SIZE_WH[1], : SIZE_WH[0]]
    thwc = [np.dstack([xx * 5, yy * 7, np.full_like(xx, 20 * t)]) for t in range(COUNT)]
    return np.stack(thwc).astype(np.uint8)


@pytest.fixture(scope="session")
def video(frames, tmp_path_factory):
    """The frames as pictures with names of their own."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("koi")
    for t, frame in enumerate(frames):
        Image.fromarray(frame).save(folder / f"f{t:03d}.png")
    return folder


@pytest.fixture
def about(video):
    return About(name="koi", frames=open_video(video), labels={2: "carp, <old> & grey"})


def masks_of(object_id: int) -> list[np.ndarray]:
    """Object 2 has a hole and two parts and is there from the start; object 7 comes late, is lost
    once, and lies partly behind the image's edge."""
    out = []
    for t in range(COUNT):
        mask = np.zeros((SIZE_WH[1], SIZE_WH[0]), bool)
        if object_id == 2:
            mask[4:20, 3 + t : 18 + t] = True
            mask[8:12, 7 + t : 11 + t] = False
            mask[24:27, 5:9] = True
        elif t >= 2 and t != 4:
            mask[10 + t :, 36:] = True
            mask[10 + t, 36] = False
        out.append(mask)
    return out


@pytest.fixture
def tracks(video):
    """Both objects; scores of four digits, as files keep them."""
    objects = {}
    for object_id in (2, 7):
        track = objects[object_id] = Track(SIZE_WH)
        for t, mask in enumerate(masks_of(object_id)):
            box = Box.from_mask(mask)
            score = 0.5 + 0.05 * t if box else 0.0
            track.append(Prediction(box, mask, score, box is not None), f"f{t:03d}")
    return Tracks(objects)


@pytest.fixture
def boxes(tracks):
    """The same without masks."""
    objects = {}
    for object_id, track in tracks.items():
        one = objects[object_id] = Track(SIZE_WH)
        for stem, e in zip(track.stems, track, strict=True):
            one.append(Prediction(e.box, None, e.score, e.found), stem)
    return Tracks(objects)
