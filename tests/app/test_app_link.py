"""Links to worker processes: answers find their question, and a process that dies is replaced."""

from __future__ import annotations

import os
import signal
import sys
from concurrent.futures import CancelledError
from pathlib import Path

import numpy as np
import pytest

from processes import PATIENCE_S, wait_until
from spectrack.app.jobs import OpenVideo, ShowFrame
from spectrack.app.link import Link
from spectrack.app.worker import read
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
