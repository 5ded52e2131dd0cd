"""What a live run records as it goes: a result folder, and a video with the true times."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from spectrack.result_folder import ResultWriter, index_of_masks

if TYPE_CHECKING:
    from spectrack.tracking.live import LiveAnswer
    from spectrack.video.writer import VideoWriter

OVERLAY = "overlay.mp4"
RATE = 25.0
"""Frames a second that the video names; each has its own time."""


class Recorder:
    """Writes each answer when it comes; memory grows by a name a frame alone.

    Frames are called by their numbers in the stream, so that gaps are those dropped.

    Args:
        folder: To write into.
        overlay: Whether to write the video, too.
    """

    def __init__(self, folder: Path, overlay: bool = True) -> None:
        self._folder, self._overlay = folder, overlay
        self._files = ExitStack()
        self._results: ResultWriter | None = None
        self._video: VideoWriter | None = None
        self._dropped: list[tuple[int, int]] = []
        self._last = -1
        self._begun_s = 0.0

    def add(self, answer: LiveAnswer) -> None:
        """Write an answer."""
        height, width = answer.frame_hwc.shape[:2]
        if self._results is None:
            self._begin((width, height), answer)
        assert self._results is not None
        if answer.dropped:
            self._dropped.append((answer.number - answer.dropped, answer.number - 1))
        masks = (
            (one.score, object_id, one.hard_mask()) for object_id, one in answer.predictions.items()
        )
        index_hw = index_of_masks(masks, (width, height))
        stem = f"{answer.number:07d}"
        self._results.add(stem, index_hw, answer.predictions, answer.time_s)
        if self._video is not None:
            from spectrack.video.export import draw_predictions

            drawn = draw_predictions(answer.frame_hwc, answer.predictions)
            self._video.write(drawn, answer.time_s - self._begun_s)

    def finish(self, made: Mapping[str, Any], objects: Mapping[int, Mapping[str, Any]]) -> None:
        """Make it complete.

        Args:
            made: What made all of it, as JSON has it.
            objects: Object id to what made its answers.
        """
        if self._video is not None:
            self._video.close()
        if self._results is not None:
            every = {**made, "dropped": [list(span) for span in self._dropped]}
            self._results.finish({key: {**every, **own} for key, own in objects.items()})

    def _begin(self, size_wh: tuple[int, int], answer: LiveAnswer) -> None:
        self._begun_s = answer.time_s
        self._results = ResultWriter(self._folder, size_wh, timed=True)
        self._files.enter_context(self._results)
        if self._overlay:
            from spectrack.video.writer import VideoWriter

            self._video = VideoWriter(self._folder / OVERLAY, RATE, size_wh, timed=True)
            self._files.callback(self._video.abort)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._files.close()
