"""Video files: exact frames, exact times, rotation, and what broken files say."""

from __future__ import annotations

import tracemalloc
import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from spectrack.errors import InputError
from spectrack.video.containers import announced_bytes
from spectrack.video.reader import VideoFile, open_video
from video_clips import numbered_frame, read_number, without, write_clip

X264 = {"bf": "3", "g": "12", "crf": "12"}
KINDS = {
    "b-frames.mp4": {"options": X264},
    "open-gop.mp4": {"options": {**X264, "x264-params": "open-gop=1"}},
    "b-frames.mkv": {"options": X264},
    "b-frames.ts": {"options": X264},
    "mpeg4.avi": {"codec": "mpeg4", "options": {"g": "12", "qscale": "2"}},
    "b-frames.avi": {"options": X264},
    "bare.h264": {"options": X264},
    "vp8.webm": {"codec": "libvpx", "options": {"g": "12", "crf": "4", "b": "2M"}},
    "lossless.mkv": {"codec": "ffv1", "pix_fmt": "bgr0"},
    "motion.mov": {"codec": "mjpeg", "pix_fmt": "yuvj420p", "options": {"qscale": "2"}},
}


@pytest.mark.parametrize("name", KINDS)
def test_every_frame_once_and_by_index(tmp_path: Path, name: str) -> None:
    path = write_clip(tmp_path / name, **KINDS[name])
    with open_video(path) as frames:
        assert [read_number(f) for f in frames] == list(range(40))
        assert len(frames) == frames.length == 40
        assert frames.size_wh == (96, 64)
        assert frames.fps == pytest.approx(25)
        assert frames.stems is None
        assert frames.name == path.stem
        order = [39, 0, 13, 12, 11, 14, 36, 1, 25, 26, 3, -1, -40]
        assert [read_number(frames[i]) for i in order] == [i % 40 for i in order]


def test_random_access_gives_the_pixels_of_iteration(numbered_clip: Path) -> None:
    with open_video(numbered_clip) as frames:
        whole = list(frames)
        for i in (31, 5, 6, 24, 23):
            np.testing.assert_array_equal(frames[i], whole[i])
        with pytest.raises(IndexError, match="40 frames"):
            frames[40]


def test_length_is_known_before_decoding_and_times_are_exact(numbered_clip: Path) -> None:
    frames = VideoFile(numbered_clip)
    assert frames.length == 40
    np.testing.assert_allclose(frames.times_s, np.arange(40) / 25, atol=1e-12)


def test_a_file_without_stamps_has_no_times(tmp_path: Path) -> None:
    frames = VideoFile(write_clip(tmp_path / "bare.h264", 8, options=X264))
    assert frames.length == 8
    assert frames.times_s is None


def test_times_rise_where_the_file_knows_only_the_order_of_decoding(tmp_path: Path) -> None:
    frames = VideoFile(write_clip(tmp_path / "a.avi", 20, options=X264))
    assert frames.times_s is not None
    np.testing.assert_allclose(np.diff(frames.times_s), 1 / 25, atol=1e-9)


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_variable_frame_rate(tmp_path: Path, suffix: str) -> None:
    stamps = np.cumsum([0, 40, 40, 10, 500, 33, 7, 100, 100, 41]).tolist()
    path = write_clip(
        tmp_path / f"vfr.{suffix}", 10, stamps=stamps, time_base=Fraction(1, 1000), options=X264
    )
    with open_video(path) as frames:
        np.testing.assert_allclose(frames.times_s, np.array(stamps) / 1000, atol=1e-9)
        assert [read_number(f) for f in frames] == list(range(10))
        assert [read_number(frames[i]) for i in (4, 9, 2)] == [4, 9, 2]


@pytest.mark.parametrize(
    ("angle", "hflip"), [(90, False), (180, False), (270, False), (0, True), (90, True)]
)
def test_display_matrix_is_honoured(tmp_path: Path, angle: int, hflip: bool) -> None:
    if not hasattr(av.video.stream.VideoStream, "set_display_rotation"):
        pytest.skip("this PyAV cannot write a display matrix")
    path = write_clip(
        tmp_path / "turned.mp4",
        4,
        codec="libx264rgb",
        pix_fmt="rgb24",
        options={"qp": "0"},
        prepare=lambda stream: stream.set_display_rotation(angle, hflip=hflip),
    )
    with open_video(path) as frames:
        expected = [np.rot90(numbered_frame(i), angle // 90) for i in range(4)]
        if hflip:
            expected = [e[:, ::-1] for e in expected]
        assert frames.size_wh == (expected[0].shape[1], expected[0].shape[0])
        for frame, truth in zip(frames, expected, strict=True):
            assert frame.flags.c_contiguous
            np.testing.assert_array_equal(frame, truth)


def test_lossless_file_gives_exact_pixels(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "odd.mkv", 3, codec="ffv1", pix_fmt="bgr0", size_wh=(97, 65))
    with open_video(path) as frames:
        for i, frame in enumerate(frames):
            np.testing.assert_array_equal(frame, numbered_frame(i, (97, 65)))


def test_each_iteration_starts_at_frame_zero(numbered_clip: Path) -> None:
    with open_video(numbered_clip) as frames:
        first, second = iter(frames), iter(frames)
        assert [read_number(next(first)) for _ in range(5)] == [0, 1, 2, 3, 4]
        assert read_number(next(second)) == 0
        assert read_number(next(first)) == 5


def test_iterating_a_long_video_holds_few_frames(tmp_path: Path) -> None:
    size_wh = (320, 240)
    path = write_clip(tmp_path / "long.mp4", 150, size_wh=size_wh, options={"preset": "ultrafast"})
    frames = open_video(path)
    tracemalloc.start()
    count = sum(1 for _ in frames)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 150
    assert peak < 12 * 320 * 240 * 3


def _packet(path: Path, number: int) -> tuple[int, int]:
    """Place and size in the file of the packet shown as a frame."""
    with av.open(str(path)) as container:
        packets = [p for p in container.demux(video=0) if p.size]
        packet = sorted(packets, key=lambda p: p.pts)[number]
        return packet.pos, packet.size


@pytest.mark.parametrize("number", [9, 17, 39])
def test_broken_frame_is_named(tmp_path: Path, number: int) -> None:
    options = {"g": "1", "qscale": "2"}
    path = write_clip(tmp_path / "broken.mov", codec="mjpeg", pix_fmt="yuvj420p", options=options)
    place, size = _packet(path, number)
    data = bytearray(path.read_bytes())
    data[place : place + size] = bytes(size)
    path.write_bytes(data)
    frames = open_video(path)
    with pytest.raises(InputError, match=rf"broken.mov is corrupt at frame {number} "):
        list(frames)


def test_broken_h264_frame_is_named(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "broken.mp4", options={"bf": "0", "g": "250", "crf": "10"})
    place, size = _packet(path, 21)
    data = bytearray(path.read_bytes())
    data[place : place + size] = b"\xff" * size
    path.write_bytes(data)
    with pytest.raises(InputError, match="corrupt at frame 21 "):
        list(open_video(path))
    with pytest.raises(InputError, match="corrupt at frame 21 "):
        open_video(path)[30]


@pytest.mark.parametrize(
    ("name", "muxer"),
    [
        ("cut.mp4", {}),
        ("cut.mp4", {"movflags": "faststart"}),
        ("cut.mkv", {}),
        ("cut.webm", {}),
        ("cut.avi", {}),
        ("cut.mov", {}),
    ],
)
@pytest.mark.parametrize("share", [0.3, 0.6, 0.97])
def test_truncated_file(tmp_path: Path, name: str, muxer: dict[str, str], share: float) -> None:
    codec = {".webm": "libvpx", ".avi": "mpeg4"}.get(Path(name).suffix, "libx264")
    path = write_clip(tmp_path / name, codec=codec, muxer=muxer)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(InputError, match=r"truncated|not a video"):
        open_video(path)


def test_size_change_is_named(tmp_path: Path) -> None:
    small = write_clip(tmp_path / "a.ts", 5)
    large = write_clip(tmp_path / "b.ts", 5, size_wh=(128, 64))
    path = tmp_path / "both.ts"
    path.write_bytes(small.read_bytes() + large.read_bytes())
    with pytest.raises(InputError, match=r"changes size at frame 5 \(128x64 after 96x64\)"):
        list(open_video(path))


def test_not_a_video(tmp_path: Path, rng: np.random.Generator) -> None:
    cases = {
        "empty.mp4": b"",
        "text.mp4": b"hello\n" * 500,
        "text.txt": b"hello\n" * 500,
        "noise.mp4": rng.bytes(20000),
        "zeros.avi": bytes(20000),
        "song.lrc": b"[00:12.00]line\n",
    }
    for name, data in cases.items():
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises(InputError, match=r"is empty|is not a video") as caught:
            open_video(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


class Pipe:
    """What cannot be gone back in."""

    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: bytes) -> int:
        self.data += data
        return len(data)


@pytest.mark.parametrize("size", [b"\xff" * 4, b"\0" * 4])
def test_an_avi_from_a_pipe_is_not_truncated(tmp_path: Path, size: bytes) -> None:
    pipe = Pipe()
    with av.open(pipe, "w", format="avi") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuvj420p"
        for i in range(8):
            frame = av.VideoFrame.from_ndarray(numbered_frame(i), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    assert pipe.data[4:8] == b"\xff" * 4
    pipe.data[4:8] = size
    path = tmp_path / "piped.avi"
    path.write_bytes(pipe.data)
    assert announced_bytes(path) is None
    with open_video(path) as frames:
        assert frames.length == 8
        assert [read_number(f) for f in frames] == list(range(8))
        assert read_number(frames[5]) == 5


def check_all_alike(path: Path, numbers: list[int], known_before: bool = True) -> None:
    """Length, times, iteration and random access tell of the same frames."""
    with open_video(path) as frames:
        if known_before:
            assert frames.length == len(frames.times_s) == len(numbers)
        assert [read_number(f) for f in frames] == numbers
        assert frames.length == len(frames) == len(numbers)
        np.testing.assert_allclose(frames.times_s, np.array(numbers) / 25, atol=2e-3)
        order = [*range(len(numbers) - 1, -1, -3), 0, 1]
        assert [read_number(frames[i]) for i in order] == [numbers[i] for i in order]
    with open_video(path) as frames:  # counted first, asked for its times afterwards
        assert sum(1 for _ in frames) == len(numbers)
        assert len(frames.times_s) == len(numbers)


@pytest.mark.parametrize(
    ("codec", "options", "dropped", "first"),
    [
        ("libx264", X264, 5, 12),
        ("libx264", X264, 14, 24),
        ("libx264", {**X264, "x264-params": "open-gop=1"}, 5, 12),
        ("mpeg2video", {"g": "12", "bf": "2"}, 10, 12),
        # it begins with a key frame, and with frames shown before it that lean on what is gone
        ("libx265", {"x265-params": "keyint=12:open-gop=1:log-level=none"}, 11, 12),
    ],
)
def test_what_comes_before_the_first_picture_is_no_frame(
    tmp_path: Path, codec: str, options: dict[str, str], dropped: int, first: int
) -> None:
    whole = write_clip(tmp_path / "a.mkv", codec=codec, options=options)
    cut = without(whole, tmp_path / "cut.mkv", range(dropped))
    with av.open(str(cut)) as container:
        assert sum(bool(p.size) for p in container.demux(video=0)) > 40 - first
    check_all_alike(cut, list(range(first, 40)))


def test_hidden_frames_of_vp8_are_no_frames(tmp_path: Path) -> None:
    """As encoders write them that look ahead: a packet of its own, with a time of its own."""
    options = {"g": "12", "crf": "4", "b": "2M"}
    whole = write_clip(tmp_path / "a.webm", codec="libvpx", options=options)
    path, hidden = tmp_path / "hidden.webm", {7, 8, 20, 39}
    with av.open(str(whole)) as source, av.open(str(path), "w") as copy:
        stream = copy.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(p for p in source.demux(video=0) if p.size):
            data = bytearray(bytes(packet))
            data[0] &= 0xFF if number not in hidden else ~0x10
            made = av.Packet(bytes(data))
            made.pts, made.dts, made.time_base = packet.pts, packet.dts, packet.time_base
            made.is_keyframe, made.stream = packet.is_keyframe, stream
            copy.mux(made)
    check_all_alike(path, [i for i in range(40) if i not in hidden])


def test_packets_without_a_picture_are_known_once_all_was_decoded(tmp_path: Path) -> None:
    """MPEG-4 has packets that say "nothing new"; only decoding tells them from frames."""
    whole = write_clip(tmp_path / "a.mkv", codec="mpeg4", options={"g": "1", "qscale": "2"})
    path, empty = tmp_path / "empty.mkv", {5, 17, 18, 30}
    with av.open(str(whole)) as source, av.open(str(path), "w") as copy:
        stream = copy.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(p for p in source.demux(video=0) if p.size):
            made = packet
            if number in empty:  # start code, P, same second, time 0 of 25, not coded, padding
                made = av.Packet(b"\0\0\1\xb6" + bytes([0b01_0_1_0000, 0b0_1_0_01111]))
                made.pts, made.dts, made.time_base = packet.pts, packet.dts, packet.time_base
            made.stream = stream
            copy.mux(made)
    check_all_alike(path, [i for i in range(40) if i not in empty], known_before=False)
    with open_video(path) as frames:
        assert frames.length == 40  # opening is quick: nothing was decoded yet
        assert sum(1 for _ in frames) == len(frames) == len(frames.times_s) == 36


def test_sound_only(tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(8000))
    with pytest.raises(InputError, match="not a video"):
        open_video(path)
