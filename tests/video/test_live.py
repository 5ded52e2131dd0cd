"""Live sources: the newest frame is taken whatever came before; lost ones come back, or do not."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from file_site import running_site
from live_clip import SIDE, SIZE_WH, place, write_stream
from spectrack.errors import InputError
from spectrack.video.live import LiveReader, StreamClock
from spectrack.video.live_sources import (
    LiveSource,
    LostStream,
    Picture,
    PlayedSource,
    StreamSource,
    open_live,
)
from video_clips import write_clip


class Script(LiveSource):
    """Connections as lists: a number is a stamp of a frame, an event is waited for."""

    def __init__(self, *connections: list[object], returns: bool = True) -> None:
        self.shown, self.returns, self._connections = "script", returns, list(connections)
        self.opened = 0

    def pictures(self, stop: threading.Event) -> Iterator[Picture]:
        self.opened += 1
        if not self._connections:
            raise LostStream("script is gone")
        for one in self._connections.pop(0):
            if isinstance(one, threading.Event):
                one.wait(60)
            elif isinstance(one, Exception):
                raise one
            else:
                yield Picture(one, lambda: np.zeros((4, 6, 3), np.uint8))  # type: ignore[arg-type]


def numbers(reader: LiveReader) -> list[int]:
    return [one.number for one in iter(reader.take, None)]


def test_the_first_frame_is_kept_and_then_the_newest_taken():
    go = threading.Event()
    with LiveReader(Script([0.0, 0.1, 0.2, go, 0.3, 0.4], returns=False)) as reader:
        reader.wait_for(3)
        assert [reader.take().number for _ in range(2)] == [0, 2]
        go.set()
        reader.wait_for(5)
        assert reader.take().number == 4
        assert reader.take() is None
        assert reader.lost is None


def test_a_slow_taker_never_falls_behind_over_2000_frames(tmp_path: Path):
    """Through a pipe, whatever the speed of the machine: what is taken is what came last."""
    clip, pipe = tmp_path / "clip.ts", tmp_path / "pipe"
    write_stream(clip, 2000)
    os.mkfifo(pipe)
    feeder = threading.Thread(target=lambda: pipe.write_bytes(clip.read_bytes()), daemon=True)
    feeder.start()
    taken = []
    with LiveReader(open_live(str(pipe))) as reader:
        while (one := reader.take()) is not None:
            taken.append(one)
            # a taker that needs as long as forty frames
            reader.wait_for(min(one.number + 40, 2000))
            rows, columns = np.nonzero(one.rgb().mean(2) > 120)
            left, top = place(one.number)
            assert abs(columns.mean() + 0.5 - left - SIDE / 2) < 1.5
            assert abs(rows.mean() + 0.5 - top - SIDE / 2) < 1.5
        assert reader.arrived == 2000
    assert [one.number for one in taken[:1]] == [0]
    steps = np.diff([one.number for one in taken])
    assert (steps[1:-1] >= 39).all()
    assert taken[-1].number == 1999
    np.testing.assert_allclose([t.time_s for t in taken], [t.number / 25 for t in taken], atol=1e-3)


def test_what_is_due_is_told_by_the_least_delay():
    clock = StreamClock()
    came = [(5.0, 100.0), (5.1, 100.3), (5.2, 100.2), (5.3, 100.8)]
    placed = [clock.place(*one) for one in came]
    assert [round(t, 6) for t, _ in placed] == [0.0, 0.1, 0.2, 0.3]
    # the third frame came 0.0 after the first's beat, the second 0.2 late, the fourth 0.5
    np.testing.assert_allclose([due for _, due in placed], [100.0, 100.1, 100.2, 100.3])


def test_a_backlog_that_grows_is_seen_as_delay():
    """Ten frames a second by their stamps, that come at nine a second."""
    clock = StreamClock()
    late = [n / 9 - clock.place(n / 10, n / 9)[1] for n in range(91)]
    np.testing.assert_allclose(late, [n / 9 - n / 10 for n in range(91)], atol=1e-9)


def test_times_go_on_where_stamps_begin_anew():
    clock = StreamClock()
    clock.place(1000.0, 10.0)
    assert clock.place(1001.0, 11.0) == (1.0, 11.0)
    assert clock.place(3.0, 13.0) == (3.0, 13.0)
    assert clock.place(3.5, 13.7) == pytest.approx((3.5, 13.5))
    assert clock.place(90000.0, 20.0) == pytest.approx((9.8, 20.0))
    clock.reopen()
    assert clock.place(90001.0, 30.0) == pytest.approx((19.8, 30.0))
    bare = StreamClock()
    assert [bare.place(None, t) for t in (7.0, 9.5)] == [(0.0, 7.0), (2.5, 9.5)]


def test_a_lost_source_is_opened_again_so_often_and_no_more():
    script = Script([0.0, 0.1], [LostStream("broke")], [5.0], [])
    with LiveReader(script, retries=3, pause_s=0.0) as reader:
        found = numbers(reader)
        assert reader.arrived == 3
        assert found[-1] == 2
        assert reader.reconnected == 1
        assert reader.lost == "script is gone"
        # two connections with frames, one that broke between, four that gave none in the end
        assert script.opened == 3 + 3


def test_what_never_was_there_is_told_at_once():
    script = Script()
    with (
        LiveReader(script, retries=9) as reader,
        pytest.raises(InputError, match="script is gone"),
    ):
        reader.take()
    assert script.opened == 1
    with LiveReader(Script([], returns=False)) as reader, pytest.raises(InputError, match="no fra"):
        reader.take()


def test_mistakes_in_the_thread_are_raised_where_frames_are_taken():
    with LiveReader(Script([0.0, ZeroDivisionError()])) as reader:
        reader.wait_for(2)
        with pytest.raises(ZeroDivisionError):
            numbers(reader)


def test_closing_wakes_whoever_waits():
    reader = LiveReader(Script([0.0, threading.Event()]))
    with reader:
        assert reader.take().number == 0
        threading.Timer(0.05, reader.close).start()
        assert reader.take() is None


def test_a_file_is_played_at_its_own_rate(tmp_path: Path):
    write_stream(tmp_path / "clip.ts", 6, fps=10)
    now, waits = [50.0], []

    class Stop(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waits.append(timeout)
            now[0] += timeout or 0.0
            return False

    source = PlayedSource(str(tmp_path / "clip.ts"), clock=lambda: now[0])
    came = []
    for picture in source.pictures(Stop()):
        came.append((picture.stamp_s, now[0]))
        now[0] += 0.03  # time that somebody takes with it
        assert picture.rgb().shape == (SIZE_WH[1], SIZE_WH[0], 3)
    np.testing.assert_allclose([s for s, _ in came], np.arange(6) / 10, atol=1e-3)
    np.testing.assert_allclose([t for _, t in came], 50 + np.arange(6) / 10, atol=1e-3)
    assert waits[0] == 0


def test_a_recording_behind_an_address_comes_whole_and_once(tmp_path: Path):
    """Its first frames are not lost to probing, and it is not replayed for ever."""
    clip = write_clip(tmp_path / "clip.mkv", 30, options={"g": "10"})
    with running_site() as site:
        site.content = clip.read_bytes()
        with LiveReader(open_live(site.url), retries=1, pause_s=0.0) as reader:
            reader.wait_for(60)
            assert (reader.arrived, reader.reconnected, reader.lost) == (30, 0, None)
            assert numbers(reader) == [0, 29]
        assert len(site.asked) == 1


def test_passwords_are_not_shown():
    for rest in ("/door?password=se", "/user=me&password=se", "?se", ""):
        source = StreamSource(f"rtsp://me:s@e@10.0.0.7:554{rest}")
        assert source.shown == "rtsp://10.0.0.7:554"
    assert StreamSource("/tmp/some@pipe").shown == "/tmp/some@pipe"


@pytest.mark.parametrize("word", ["ftp://a/b", "file:///etc/passwd", "concat://x", "nothing.mp4"])
def test_what_is_no_source_is_refused(word: str):
    with pytest.raises(InputError, match="give"):
        open_live(word)


def test_a_stream_cannot_make_us_read_files(tmp_path: Path):
    """A playlist in a pipe that names a file on this machine: neither is opened."""
    write_stream(tmp_path / "secret.ts", 30)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    text = f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:1,\n{tmp_path}/secret.ts\n#EXT-X-ENDLIST\n"
    feeder = threading.Thread(target=lambda: pipe.write_text(text), daemon=True)
    feeder.start()
    with LiveReader(open_live(str(pipe))) as reader, pytest.raises(InputError, match="opened"):
        reader.take()


def test_noise_is_no_stream(tmp_path: Path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    noise = np.random.default_rng(0).integers(0, 256, 30_000, np.uint8).tobytes()
    feeder = threading.Thread(target=lambda: pipe.write_bytes(noise), daemon=True)
    feeder.start()
    with LiveReader(open_live(str(pipe))) as reader, pytest.raises(InputError, match="pipe"):
        reader.take()
