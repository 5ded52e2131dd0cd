"""What every source of frames can do, and the sources that need no file.

A source yields uint8 RGB frames of shape (H, W, 3), C-contiguous, one at a time: iterating a
two-hour film holds one frame. Each ``iter()`` begins at frame 0 again.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from spectrack.errors import InputError
from spectrack.structures import FrameHWC
from spectrack.video.given import rgb_frame

DEFAULT_FPS = 24.0
"""Frames per second assumed for sources that do not tell (folders, arrays); DAVIS plays at 24."""


class BrokenFrame(InputError):
    """One frame cannot be decoded; those around it may be good."""


class Frames(ABC):
    """A lazy sequence of frames.

    Attributes:
        source: What was opened, as given.
        name: Short name: stem of the file or name of the folder.
        size_wh: Width and height of every frame in pixels, after rotation.
        fps: Frames per second; the average for variable rates.
        stems: File stem of each frame for image folders, else None.
        media: The file that may hold sound beside the frames, else None.
    """

    source: str
    name: str
    size_wh: tuple[int, int]
    fps: float
    stems: list[str] | None = None
    media: Path | None = None

    @property
    @abstractmethod
    def length(self) -> int | None:
        """Number of frames, or None where nobody can know (a camera)."""

    @property
    def times_s(self) -> NDArray[np.float64] | None:
        """Time stamp of each frame in seconds as the file has them, or None without stamps."""
        return None

    @abstractmethod
    def __iter__(self) -> Iterator[FrameHWC]: ...

    def salvage(self, start: int = 0) -> Iterator[FrameHWC | BrokenFrame]:
        """Frames from ``start`` on, and an error in the place of each that cannot be decoded.

        Args:
            start: Index of the first frame, >= 0; those before it may be decoded, too.

        Raises:
            BrokenFrame: Where the source cannot tell what lies behind a frame that is broken.
        """
        return islice(iter(self), start, None)

    @abstractmethod
    def _read(self, index: int) -> FrameHWC:
        """Frame at an index already checked to lie in [0, length)."""

    def __getitem__(self, index: int) -> FrameHWC:
        """Frame ``index``; negative counts from the end.

        Raises:
            IndexError: If there is no such frame.
            InputError: If the source has no random access or the frame cannot be read.
        """
        count = self.length
        if count is None:
            raise InputError(f"{self.source} cannot jump to frame {index}; iterate over it instead")
        position = index + count if index < 0 else index
        if not 0 <= position < count:
            raise IndexError(f"frame {index} was asked for; {self.source} holds {count} frames")
        return self._read(position)

    def __len__(self) -> int:
        if self.length is None:
            # Not an InputError: list() and its like swallow only this one.
            raise TypeError(f"{self.source} has no known length; iterate over it instead")
        return self.length

    def close(self) -> None:
        """Free what the source holds open; reading afterwards may open it again."""
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class ArrayFrames(Frames):
    """Frames already in memory.

    Args:
        frames_thwc: Array or tensor of shape (T, H, W, 3), or a list of frames; a frame is as
            :func:`spectrack.video.given.rgb_frame` takes it. An array on disk is read, and its
            values are checked, frame by frame.
        name: Short name.
        fps: Frames per second.

    Raises:
        InputError: If there is no frame, or dtype or shape are others.
    """

    def __init__(
        self,
        frames_thwc: NDArray[Any] | Sequence[Any],
        name: str = "array",
        fps: float = DEFAULT_FPS,
    ) -> None:
        shape = None if isinstance(frames_thwc, Sequence) else tuple(frames_thwc.shape)
        if shape is not None and len(shape) != 4:
            raise InputError(
                f"an array of shape {shape} was given as video; "
                "expected uint8 RGB of shape (frames, height, width, 3)"
            )
        if len(frames_thwc) == 0:
            raise InputError("an empty array of frames was given; expected at least one frame")
        first = rgb_frame(frames_thwc[0])
        for frame in frames_thwc if shape is None else [first]:
            given = rgb_frame(frame)
            if given.shape != first.shape or 0 in given.shape:
                raise InputError(
                    f"frames of shape {first.shape} and {given.shape} were given; "
                    "expected frames of one size"
                )
        self._frames = frames_thwc
        self.source = self.name = name
        self.size_wh = (first.shape[1], first.shape[0])
        self.fps = fps

    @property
    def length(self) -> int:
        """Number of frames."""
        return len(self._frames)

    def __iter__(self) -> Iterator[FrameHWC]:
        return (self._read(i) for i in range(len(self._frames)))

    def _read(self, index: int) -> FrameHWC:
        return rgb_frame(self._frames[index])


class Camera(Frames):
    """A live camera, opened by number; no length and no random access.

    Args:
        index: Number of the camera, 0 for the first.

    Raises:
        InputError: If no such camera can be opened.
    """

    def __init__(self, index: int = 0) -> None:
        self.source = f"camera {index}"
        self.name = f"camera{index}"
        # OpenCV prints its own warnings for absent cameras; the error below says it in words.
        level = cv2.utils.logging.getLogLevel()
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
        try:
            self._capture = cv2.VideoCapture(index)
            good, frame = self._capture.read() if self._capture.isOpened() else (False, None)
        finally:
            cv2.utils.logging.setLogLevel(level)
        if not good or frame is None:
            self._capture.release()
            raise InputError(
                f"{self.source} cannot be opened; connect a camera or give a video file or folder"
            )
        self.size_wh = (frame.shape[1], frame.shape[0])
        self.fps = float(self._capture.get(cv2.CAP_PROP_FPS)) or DEFAULT_FPS

    @property
    def length(self) -> None:
        """Unknown: a camera goes on until it is closed."""
        return None

    def __iter__(self) -> Iterator[FrameHWC]:
        while self._capture.isOpened():
            good, frame = self._capture.read()
            if not good:
                return
            yield np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), dtype=np.uint8)

    def _read(self, index: int) -> FrameHWC:
        raise InputError(f"{self.source} cannot jump to frame {index}; iterate over it instead")

    def close(self) -> None:
        """Release the camera."""
        self._capture.release()
