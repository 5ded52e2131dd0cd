"""Overlays keep the times and the sound of their video."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from spectrack.errors import InputWarning
from spectrack.structures import Box, Prediction
from spectrack.tracks import Track
from spectrack.video.cut import FirstFrames
from spectrack.video.export import write_overlay
from spectrack.video.reader import open_video
from spectrack.video.salvage import HeldFrames
from video_clips import numbered_frame, without

SIZE = (96, 64)
TONE, RATE = 441.0, 44100
STAMPS = [0, 40, 80, 200, 210, 600, 640, 680, 1500, 1540, 1580, 2000]
"""Times of frames in milliseconds, far from an even beat."""


def write_source(
    path: Path,
    stamps: list[int],
    audio: str | None = None,
    codec: str = "libx264",
    rate: int = RATE,
    sound_from_s: float = 0.0,
    options: dict[str, str] | None = None,
) -> Path:
    """A clip of numbered frames with a tone that starts at a time, and silence before."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        stream.options = options or {}
        stream.codec_context.time_base = Fraction(1, 1000)
        sound = None if audio is None else container.add_stream(audio, rate=rate, layout="mono")
        for number, stamp in enumerate(stamps):
            frame = av.VideoFrame.from_ndarray(numbered_frame(number, SIZE), format="rgb24")
            frame.pts, frame.time_base = stamp, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if sound is not None:
            time = np.arange(round((stamps[-1] / 1000 + 0.04) * rate)) / rate
            wave = np.sin(2 * np.pi * TONE * time) * 0.4 * (time >= sound_from_s)
            pieces = np.array_split(wave.astype(np.float32), max(1, len(wave) // 1024))
            count = 0
            for piece in pieces:
                block = av.AudioFrame.from_ndarray(piece[None], format="fltp", layout="mono")
                block.sample_rate, block.pts, block.time_base = rate, count, Fraction(1, rate)
                count += len(piece)
                container.mux(sound.encode(block))
            container.mux(sound.encode(None))
    return path


def track_of(count: int) -> Track:
    track = Track(SIZE)
    for i in range(count):
        mask = np.zeros(SIZE[::-1], bool)
        mask[20:40, 10 + i : 30 + i] = True
        track.append(Prediction(Box.from_mask(mask), mask, 0.75))
    return track


def heard(path: Path) -> tuple[str, np.ndarray, int]:
    """Codec, samples and rate of the sound of a file, samples at their times."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        rate = stream.codec_context.sample_rate
        samples = np.zeros(0, np.float32)
        for frame in container.decode(stream):
            start = round(frame.time * rate)
            block = frame.to_ndarray().mean(axis=0) if frame.format.is_planar else None
            assert block is not None
            samples = np.pad(samples, (0, max(0, start + len(block) - len(samples))))
            samples[start : start + len(block)] = block
        return stream.codec_context.name, samples, rate


def overlay_of(path: Path, out: Path, count: int = len(STAMPS)) -> Path:
    with open_video(path) as frames:
        return write_overlay(out, FirstFrames(frames, count), track_of(count))


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_uneven_times_are_kept(tmp_path: Path, name: str) -> None:
    source = write_source(tmp_path / name, STAMPS)
    out = overlay_of(source, tmp_path / "o.mp4")
    np.testing.assert_allclose(open_video(out).times_s, np.array(STAMPS) / 1000, atol=2e-3)


def test_times_start_at_nought(tmp_path: Path) -> None:
    source = write_source(tmp_path / "a.mkv", [s + 500 for s in STAMPS])
    out = overlay_of(source, tmp_path / "o.mp4")
    np.testing.assert_allclose(open_video(out).times_s, np.array(STAMPS) / 1000, atol=2e-3)


@pytest.mark.parametrize(
    ("name", "codec", "audio", "rate", "kept"),
    [
        ("a.mp4", "libx264", "aac", RATE, "aac"),
        ("a.mp4", "libx264", "libmp3lame", RATE, "mp3float"),
        ("a.webm", "libvpx", "libopus", 48000, "aac"),
        ("a.avi", "mpeg4", "pcm_s16le", RATE, "aac"),
        ("a.ts", "libx264", "aac", RATE, "aac"),
    ],
)
def test_the_sound_stays_in_step(tmp_path: Path, name, codec, audio, rate, kept) -> None:
    even = [40 * i for i in range(50)]
    stamps = STAMPS if name == "a.mp4" else even
    source = write_source(tmp_path / name, stamps, audio, codec, rate, sound_from_s=1.0)
    out = overlay_of(source, tmp_path / "o.mp4", len(stamps))
    found, samples, found_rate = heard(out)
    assert found == kept
    assert found_rate == rate
    loud = np.flatnonzero(np.abs(samples) > 0.1) / rate
    before = heard(source)[1] if name != "a.avi" else None
    starts = 1.0 if before is None else float(np.flatnonzero(np.abs(before) > 0.1)[0] / rate)
    if name == "a.ts":  # a transport stream starts its clock anywhere
        starts -= float(open_video(source).times_s[0])
    assert loud[0] == pytest.approx(starts, abs=0.05)
    assert loud[-1] == pytest.approx(stamps[-1] / 1000 + 0.04, abs=0.12)
    middle = samples[round(1.2 * rate) : round(1.8 * rate)]
    peak = np.abs(np.fft.rfft(middle)).argmax() * rate / len(middle)
    assert peak == pytest.approx(TONE, abs=3)


@pytest.mark.parametrize(
    ("audio", "rate", "kept"),
    [
        ("pcm_s16le", 96000, 48000),
        ("pcm_s16le", 37800, 32000),
        ("pcm_s16le", 11024, 11025),
        ("libmp3lame", 11025, 11025),
    ],
)
def test_sound_of_rates_that_mp4_cannot_hold_is_encoded_anew(
    tmp_path: Path, audio: str, rate: int, kept: int
) -> None:
    source = write_source(tmp_path / "a.mkv", STAMPS, audio, rate=rate)
    codec, samples, found_rate = heard(overlay_of(source, tmp_path / "o.mp4"))
    assert (codec, found_rate) == ("aac", kept)
    middle = samples[round(0.5 * kept) : round(1.5 * kept)]
    # Matroska rounds times to milliseconds, which puts some pieces a few samples off
    assert np.abs(np.fft.rfft(middle)).argmax() == pytest.approx(TONE, abs=10)


def test_sound_that_nobody_can_decode_is_left_out(tmp_path: Path) -> None:
    source = write_source(tmp_path / "a.mov", STAMPS, "pcm_s16le")
    source.write_bytes(source.read_bytes().replace(b"sowt", b"apac"))
    with av.open(str(source)) as container:
        assert container.streams.audio[0].codec_context is None
    assert len(open_video(overlay_of(source, tmp_path / "o.mp4"))) == len(STAMPS)


def test_sound_that_a_file_cannot_hold_costs_no_overlay(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("spectrack.video.sound._RATES", (11024,))
    source = write_source(tmp_path / "a.mkv", STAMPS, "pcm_s16le")
    with pytest.warns(InputWarning, match="the sound of .* cannot be written"):
        out = overlay_of(source, tmp_path / "o.mp4")
    with av.open(str(out)) as container:
        assert not container.streams.audio
    np.testing.assert_allclose(open_video(out).times_s, np.array(STAMPS) / 1000, atol=2e-3)
    assert not list(tmp_path.glob("*.part"))


def test_sound_of_a_recording_between_key_frames_stays_in_step(tmp_path: Path) -> None:
    """What is dropped before the first picture is no beginning of the sound either."""
    even = [40 * i for i in range(50)]
    options = {"g": "12", "bf": "0"}
    whole = write_source(tmp_path / "a.mkv", even, "pcm_s16le", sound_from_s=1.0, options=options)
    source = without(whole, tmp_path / "cut.mkv", range(5))
    with open_video(source) as frames:
        begin = float(frames.times_s[0])
    assert begin == pytest.approx(0.48, abs=1e-3)  # the second key frame, 12 frames on
    with open_video(source) as frames:
        out = write_overlay(tmp_path / "o.mp4", frames, track_of(20))
    samples = heard(out)[1]
    loud = np.flatnonzero(np.abs(samples) > 0.1) / RATE
    assert loud[0] == pytest.approx(1.0 - begin, abs=0.05)


def test_broken_frames_that_are_passed_over_cost_no_sound(tmp_path: Path) -> None:
    source = write_source(tmp_path / "a.mp4", STAMPS, "aac")
    with open_video(source) as frames:
        out = write_overlay(tmp_path / "o.mp4", HeldFrames(frames), track_of(len(STAMPS)))
    np.testing.assert_array_equal(heard(out)[1], heard(overlay_of(source, tmp_path / "p.mp4"))[1])


def test_sound_ends_with_the_pictures(tmp_path: Path) -> None:
    source = write_source(tmp_path / "a.mp4", STAMPS, "aac")
    out = overlay_of(source, tmp_path / "o.mp4", 6)
    assert len(open_video(out)) == 6
    last = 1 / open_video(source).fps  # how long the last frame is shown
    assert len(heard(out)[1]) / RATE < 0.6 + last + 0.05


def test_without_sound_there_is_none(tmp_path: Path) -> None:
    out = overlay_of(write_source(tmp_path / "a.mp4", STAMPS), tmp_path / "o.mp4")
    with av.open(str(out)) as container:
        assert not container.streams.audio


def test_broken_sound_is_left_out_and_said(tmp_path: Path, monkeypatch) -> None:
    from spectrack.video.sound import Sound

    def fail(self):
        raise av.error.InvalidDataError(0, "bad packet")
        yield

    monkeypatch.setattr(Sound, "_copied", fail)
    source = write_source(tmp_path / "a.mp4", STAMPS, "aac")
    with pytest.warns(InputWarning, match="the sound of .* cannot be read to its end"):
        out = overlay_of(source, tmp_path / "o.mp4")
    assert len(open_video(out)) == len(STAMPS)


def test_the_results_know_the_times(tmp_path: Path, spectrack, still: str) -> None:
    source = write_source(tmp_path / "a.mkv", STAMPS, "aac")
    out = tmp_path / "out"
    done = spectrack("track", source, "--box", "10,20,20,20", "--tracker", still, "--out", out)
    assert (done.status, done.err) == (0, "")
    track = Track.load(out)
    np.testing.assert_allclose(track.times_s, np.array(STAMPS) / 1000, atol=2e-3)
    info = json.loads((out / "track.json").read_text())["objects"]["1"]
    assert info["variable_frame_rate"] is True
    assert info["fps"] == open_video(source).fps
    np.testing.assert_allclose(open_video(out / "overlay.mp4").times_s, track.times_s, atol=2e-3)
    assert heard(out / "overlay.mp4")[0] == "aac"
    refined = tmp_path / "refined"
    spectrack("refine", out, "--video", source, "--no-overlay", "--out", refined)
    assert Track.load(refined).times_s == track.times_s
