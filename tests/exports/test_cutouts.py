"""Cut-out frames and videos with alpha, decoded again."""

from __future__ import annotations

import av
import numpy as np
import pytest
from PIL import Image

from spectrack.errors import InputError
from spectrack.exports.base import About
from spectrack.exports.cutouts import RIM, write_pictures, write_prores, write_vp9
from spectrack.video.reader import open_video

DECODERS = {"a.mov": "prores", "a.webm": "libvpx-vp9"}


def union(tracks, t):
    return tracks[2].mask(t) | tracks[7].mask(t)


def test_pictures_are_the_frame_inside_and_nothing_outside(tracks, about, frames, tmp_path):
    write_pictures(tracks, tmp_path, about)
    files = sorted((tmp_path / "cutouts").iterdir())
    assert [f.stem for f in files] == tracks.first.stems
    for t, file in enumerate(files):
        rgba, inside = np.asarray(Image.open(file)), union(tracks, t)
        np.testing.assert_array_equal(rgba[..., 3], inside * 255)
        np.testing.assert_array_equal(rgba[inside][:, :3], frames[t][inside])
        assert not rgba[~inside].any()


def alpha_of(frame):
    """Alpha in 0 to 1, from its plane: swscale's RGBA is wrong in the last columns."""
    plane, wide = frame.planes[3], "10" in frame.format.name
    values = np.frombuffer(bytes(plane), np.uint16 if wide else np.uint8)
    return values.reshape(plane.height, -1)[:, : plane.width] / (1023 if wide else 255)


def decoded(path):
    """Alpha of every frame, by the decoder that knows it."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        decoder = av.CodecContext.create(DECODERS[path.name], "r")
        decoder.width, decoder.height = stream.width, stream.height
        found = [f for packet in container.demux(stream) for f in decoder.decode(packet)]
        assert stream.metadata.get("ALPHA_MODE", stream.metadata.get("alpha_mode", "1")) == "1"
    assert all("yuva" in frame.format.name for frame in found)
    assert all(int(frame.colorspace) == 1 for frame in found)
    return [alpha_of(frame) for frame in found]


@pytest.mark.parametrize(("write", "name"), [(write_prores, "a.mov"), (write_vp9, "a.webm")])
def test_videos_hold_alpha(write, name, tracks, about, frames, tmp_path):
    write(tracks, tmp_path / name, about)
    back = decoded(tmp_path / name)
    assert len(back) == len(frames)
    for t, alpha in enumerate(back):
        inside = union(tracks, t)
        assert ((alpha > 0.5) != inside).mean() < 0.005
    with av.open(str(tmp_path / name)) as container:
        assert float(container.streams.video[0].average_rate) == pytest.approx(about.frames.fps)


@pytest.mark.parametrize(("write", "name"), [(write_prores, "a.mov"), (write_vp9, "a.webm")])
def test_colours_survive_in_videos(write, name, tracks, tmp_path):
    flat = np.empty((6, 32, 48, 3), np.uint8)
    flat[:] = (200, 60, 90)
    write(tracks, tmp_path / name, About(frames=open_video(flat)))
    read = open_video(tmp_path / name)  # our reader: without alpha, as most players see it
    for t, frame in enumerate(read):
        inside = union(tracks, t)
        core = inside & np.roll(inside, 3, 0) & np.roll(inside, -3, 0)
        assert np.abs(frame[core].astype(int) - (200, 60, 90)).max() <= 8
        far = np.ones_like(inside)
        ys, xs = np.nonzero(inside)
        far[max(ys.min() - RIM - 8, 0) : ys.max() + RIM + 9, max(xs.min() - RIM - 8, 0) :] = False
        assert not far.any() or frame[far].max() <= 12


def test_odd_sizes_are_made_even(tmp_path):
    from spectrack.structures import Box, Prediction
    from spectrack.tracks import Track, Tracks

    track, mask = Track((33, 25)), np.zeros((25, 33), bool)
    mask[5:, 10:] = True
    for _ in range(3):
        track.append(Prediction(Box.from_mask(mask), mask))
    about = About(frames=open_video(np.full((3, 25, 33, 3), 100, np.uint8)))
    write_vp9(Tracks({1: track}), tmp_path / "a.webm", about)
    alpha = decoded(tmp_path / "a.webm")[0]
    assert alpha.shape == (26, 34)
    assert ((alpha[:25, :33] > 0.5) != mask).mean() < 0.01


def test_an_encoder_that_is_missing_is_told(tracks, about, tmp_path, monkeypatch):
    def missing(name, mode):
        raise av.codec.codec.UnknownCodecError(name)

    monkeypatch.setattr("av.codec.Codec", missing)
    with pytest.raises(InputError, match="libvpx-vp9 is not in this build of PyAV; install"):
        write_vp9(tracks, tmp_path / "a.webm", about)
    assert not list(tmp_path.iterdir())
