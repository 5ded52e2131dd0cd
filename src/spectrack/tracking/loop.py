"""The loop of a tracker over a video, one target or several; the spectral filter beside it."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from spectrack.errors import InputError
from spectrack.structures import FrameHWC, Prediction, Target
from spectrack.tracking.base import Tracker, check_frame
from spectrack.tracks import Track, Tracks

if TYPE_CHECKING:
    from spectrack.video.reader import Frames

Progress = Callable[[int, int | None], None]
OnFrame = Callable[[int, FrameHWC, dict[int, Prediction]], None]


def run(
    tracker: Tracker,
    frames: Frames,
    target: Target,
    progress: Progress | None = None,
    on_frame: Callable[[int, FrameHWC, Prediction], None] | None = None,
    clean: bool = False,
) -> Track:
    """Follow one target through a video.

    Args:
        tracker: A fresh tracker.
        frames: Uint8 RGB frames, read once from the first on.
        target: What to follow, in the first frame.
        progress: Called after every frame with the number done and the total (None if unknown).
        on_frame: Called after every frame with its index, the frame and the prediction.
        clean: Whether the masks go through the spectral filter, which sees some frames ahead;
            ``on_frame`` gets them as they are before.

    Returns:
        One entry a frame; the first is the tracker's answer to ``init``.

    Raises:
        InputError: If there are no frames, or target or frames cannot be used.
    """

    def forward(index: int, frame_hwc: FrameHWC, predictions: dict[int, Prediction]) -> None:
        if on_frame is not None:
            on_frame(index, frame_hwc, predictions[1])

    return run_many({1: tracker}, frames, {1: target}, progress, forward, clean)[1]


def run_many(
    trackers: Mapping[int, Tracker],
    frames: Frames,
    targets: Mapping[int, Target],
    progress: Progress | None = None,
    on_frame: OnFrame | None = None,
    clean: bool = False,
    keep_soft: bool = False,
) -> Tracks:
    """Follow several targets through a video that is decoded once; see :func:`run`.

    Args:
        trackers: Object id to a fresh tracker.
        frames: Uint8 RGB frames.
        targets: Object id to target, the same ids.
        progress: As in :func:`run`.
        on_frame: As in :func:`run`, with the predictions of all objects.
        clean: As in :func:`run`.
        keep_soft: Whether the tracks keep soft masks, see :class:`spectrack.tracks.Track`.

    Raises:
        InputError: As in :func:`run`, or if the ids differ.
    """
    if set(trackers) != set(targets):
        raise InputError(
            f"trackers for objects {sorted(trackers)} and targets {sorted(targets)} were given; "
            "give one of each for every object"
        )
    total = getattr(frames, "length", None)
    started = time.perf_counter()
    size_wh: tuple[int, int] | None = None
    index = -1
    own_boxes = [key for key, tracker in trackers.items() if getattr(tracker, "reads_boxes", False)]
    stems = getattr(frames, "stems", None)
    with _Collector(targets, stems, clean, own_boxes, keep_soft) as collector:
        for index, frame in enumerate(frames):
            if size_wh is None:
                size_wh = check_frame(frame)
                for target in targets.values():
                    target.check(size_wh)
            check_frame(frame, size_wh)
            predictions = {
                key: tracker.init(frame, targets[key]) if index == 0 else tracker.update(frame)
                for key, tracker in trackers.items()
            }
            collector.add(frame, predictions)
            if on_frame is not None:
                on_frame(index, frame, predictions)
            if progress is not None:
                progress(index + 1, total)
        if index < 0:
            raise InputError("the video holds no frames; give one with at least one frame")
        tracks = collector.finish()
    seconds = round(time.perf_counter() - started, 3)
    times_s, fps = getattr(frames, "times_s", None), getattr(frames, "fps", 0.0)
    for key, track in tracks.items():
        track.take_times(times_s, fps)
        settings: Any = getattr(trackers[key], "settings", None)
        described = {} if settings is None else dataclasses.asdict(settings)
        track.info.update(settings=described, cleaned=clean, seconds=seconds)
    return Tracks(tracks)


class _Collector:
    """Gathers answers into tracks; cleans them on the way, beside the trackers in a thread."""

    def __init__(
        self,
        targets: Mapping[int, Target],
        stems: Sequence[str] | None,
        clean: bool,
        own_boxes: Sequence[int],
        keep_soft: bool = False,
    ) -> None:
        from spectrack.tracking.cleaning import Cleaner  # compiles; only where it is used

        given = [key for key, target in targets.items() if target.mask is not None]
        self._cleaner = Cleaner(given, keep_boxes=own_boxes) if clean else None
        self._keys, self._stems, self._keep_soft = list(targets), stems, keep_soft
        self._tracks: dict[int, Track] = {}
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="clean")
        self._running: Future[list[dict[int, Prediction]]] | None = None

    def __enter__(self) -> _Collector:
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def add(self, frame_hwc: FrameHWC, predictions: dict[int, Prediction]) -> None:
        if not self._tracks:
            size_wh = (frame_hwc.shape[1], frame_hwc.shape[0])
            self._tracks = {key: Track(size_wh, keep_soft=self._keep_soft) for key in self._keys}
        if self._cleaner is None:
            self._append([predictions])
            return
        self._wait()
        self._running = self._pool.submit(self._cleaner.push, frame_hwc, predictions)

    def finish(self) -> dict[int, Track]:
        self._wait()
        if self._cleaner is not None:
            self._append(self._cleaner.flush())
        return self._tracks

    def _wait(self) -> None:
        if self._running is not None:
            self._append(self._running.result())
            self._running = None

    def _append(self, ready: list[dict[int, Prediction]]) -> None:
        for predictions in ready:
            for key, track in self._tracks.items():
                stem = self._stems[len(track)] if self._stems else None
                track.append(predictions[key], stem)
