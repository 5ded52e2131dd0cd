"""Links to worker processes: answers find their question, and a process that dies is replaced."""

from __future__ import annotations

import hashlib
import os
import signal
import sys
from concurrent.futures import CancelledError
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from processes import PATIENCE_S, wait_until
from spectrack.app.jobs import MakeLayer, OpenVideo, ShowFrame
from spectrack.app.link import Link
from spectrack.app.worker import compute, read
from spectrack.datasets.synthetic.scene import make_clip
from spectrack.errors import InputError


@pytest.mark.skipif(sys.platform == "win32", reason="kills a process by a signal")
def test_a_reader_answers_says_what_is_wrong_and_is_replaced_when_it_dies(tmp_path):
    video = tmp_path / "clip.npy"
    frames_thwc = np.zeros((3, 16, 24, 3), np.uint8)
    frames_thwc[1] = 200
    np.save(video, frames_thwc)
    link = Link(read, (1 << 30,))
    try:
        asked = [link.ask(OpenVideo(video))[1], *(link.ask(ShowFrame(video, i))[1] for i in (0, 1))]
        found = [one.result(PATIENCE_S) for one in asked]
        assert found[0]["size_wh"] == (24, 16)
        assert found[0]["length"] == 3
        assert found[0]["stems"] == ("00000", "00001", "00002")
        first = hashlib.sha256(frames_thwc[0].tobytes()).hexdigest()
        assert found[0]["first_frame"] == first[:16]
        assert found[1] != found[2]
        assert all(jpeg.startswith(b"\xff\xd8") for jpeg in found[1:])
        with pytest.raises(InputError, match="does not exist"):
            link.ask(OpenVideo(Path("/nowhere.mp4")))[1].result(PATIENCE_S)

        first = link.pid
        os.kill(first, signal.SIGSTOP)
        _, lost = link.ask(ShowFrame(video, 0))
        os.kill(first, signal.SIGKILL)
        with pytest.raises((InputError, CancelledError), match="died"):
            lost.result(PATIENCE_S)
        wait_until(lambda: not link.alive, "the end of the process")
        assert link.ask(ShowFrame(video, 1))[1].result(PATIENCE_S) == found[2]
        assert link.pid != first
    finally:
        link.close()
    assert not link.alive


def test_work_is_held_goes_on_and_is_stopped_while_it_is_held(tmp_path):
    clip = make_clip(6, (64, 48), seed=3)
    np.save(tmp_path / "clip.npy", clip.frames_thwc)
    np.save(tmp_path / "masks.npy", clip.masks_thw)
    spawn = get_context("spawn")
    stop, go = spawn.Event(), spawn.Event()
    told = []
    link = Link(compute, (stop, go), told.append)
    job = MakeLayer(tmp_path / "clip.npy", "load", {"m": tmp_path / "masks.npy"}, tmp_path / "out")
    try:
        _, held = link.ask(job)  # it may not go yet, and comes to the first frame alone
        with pytest.raises(TimeoutError):
            held.result(8)
        assert len(told) <= 1
        go.set()
        assert held.result(PATIENCE_S) == "out"
        assert told[-1].values == (6, 6)
        go.clear()
        _, ended = link.ask(job)
        stop.set()
        with pytest.raises(CancelledError):
            ended.result(PATIENCE_S)
    finally:
        link.close()
