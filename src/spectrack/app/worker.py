"""The worker processes: one that computes, one that shows frames and may use little memory."""

from __future__ import annotations

import hashlib
import os
import signal
from collections.abc import Callable
from contextlib import closing
from functools import lru_cache
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

from spectrack.app.jobs import (
    Asked,
    Export,
    Job,
    MakeLayer,
    OpenVideo,
    Publish,
    Run,
    Segment,
    ShowFrame,
    Told,
)
from spectrack.errors import InputError
from spectrack.processes import die_with_parent, limit_memory
from spectrack.storage import refusal

READER_BYTES = 3 << 29
"""Memory that the process may use which decodes what was uploaded: 1.5 GiB."""
QUALITY = 88
"""Of the JPEG frames in the page."""
LONGEST_FRAMES = 200_000
MOST_PIXELS = 8192 * 4320
"""Videos with more frames, or larger ones, are refused."""


class Stopped(Exception):
    """The job was to end."""


def compute(pipe: Connection, stop: Event, go: Event) -> None:
    """Do jobs, one after the other, until the other end of the pipe closes.

    Args:
        pipe: Gives :class:`Asked` and takes :class:`Told`.
        stop: Set to end the job that runs; it is cleared by who asks.
        go: Cleared to hold it for a while.
    """
    _become_worker()

    def check() -> None:
        while not go.wait(0.2):
            if stop.is_set():
                break
        if stop.is_set():
            raise Stopped

    from spectrack.app import work

    handlers: dict[type, Callable[[Any, Callable[..., None], Callable[[], None]], Any]] = {
        Run: work.run_spans,
        Segment: work.segment,
        MakeLayer: work.make_layer,
        Publish: work.publish,
        Export: work.export,
    }
    _serve(pipe, lambda job, tell: handlers[type(job)](job, tell, check))


def read(pipe: Connection, limit_bytes: int) -> None:
    """Decode frames until the other end of the pipe closes, with a limit on memory.

    Args:
        pipe: Gives :class:`Asked` and takes :class:`Told`.
        limit_bytes: Memory beside what the process has at its start.
    """
    _become_worker()
    from spectrack.api import open_frames
    from spectrack.video import reader as _readers  # mapped before the limit is set

    del _readers
    limit_memory(limit_bytes)

    @lru_cache(maxsize=1)
    def opened(video: Path) -> Any:
        return open_frames(str(video))

    def handle(job: Job, tell: Callable[..., None]) -> Any:
        del tell
        if isinstance(job, OpenVideo):
            opened.cache_clear()
            with closing(open_frames(str(job.video))) as frames:
                return _describe(frames)
        if isinstance(job, ShowFrame):
            return _jpeg(opened(job.video)[job.frame])
        raise InputError(f"{type(job).__name__} is no job of the reader")

    _serve(pipe, handle)


def _serve(pipe: Connection, handle: Callable[[Any, Callable[..., None]], Any]) -> None:
    while True:
        try:
            asked: Asked = pipe.recv()
        except (EOFError, OSError):
            return
        number = asked.number

        def tell(what: str, *values: Any, number: int = number) -> None:
            pipe.send(Told(number, what, values))

        try:
            tell("done", handle(asked.job, tell))
        except Stopped:
            tell("stopped")
        except InputError as error:
            tell("failed", " ".join(str(error).split()))
        except MemoryError:
            tell("failed", "the video needs more memory than it may use; give a smaller one")
        except (BrokenPipeError, EOFError):
            return
        except OSError as error:
            tell("failed", str(refusal(error) or error))
        except Exception as error:
            tell("failed", f"{type(error).__name__}: {error}")


def _become_worker() -> None:
    """Die with the parent, and leave Ctrl-C to it."""
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, frame: os._exit(128 + number))


def _describe(frames: Any) -> dict[str, Any]:
    """What a session keeps of a video; its first and last frame are decoded.

    A video that was replaced by one of the same size and length is told by its first frame.

    Raises:
        InputError: If it is too large, or cannot be worked with.
    """
    length = frames.length
    if length is None:
        raise InputError(f"{frames.name} has no end; give a video file or a folder of images")
    width, height = frames.size_wh
    if length > LONGEST_FRAMES or width * height > MOST_PIXELS:
        raise InputError(
            f"the video has {length} frames of {width}x{height}; the page takes at most "
            f"{LONGEST_FRAMES} of {MOST_PIXELS} pixels"
        )
    first = hashlib.sha256(frames[0].tobytes()).hexdigest()[:16]
    frames[length - 1]
    stems = frames.stems or [f"{index:05d}" for index in range(length)]
    return {
        "size_wh": (width, height),
        "length": length,
        "fps": float(frames.fps),
        "stems": tuple(stems),
        "first_frame": first,
    }


def _jpeg(frame_hwc: Any) -> bytes:
    import cv2

    good, data = cv2.imencode(
        ".jpg", cv2.cvtColor(frame_hwc, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    )
    if not good:
        raise InputError("the frame cannot be shown")
    return bytes(data)
