"""Gathers the answers of trackers into tracks; cleans them on the way, beside the trackers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from spectrack.structures import FrameHWC, Prediction, Target
from spectrack.tracking.doubts import doubt_info
from spectrack.tracking.journal import Keeper
from spectrack.tracks import Track

if TYPE_CHECKING:
    from spectrack.tracking.clean_object import BoxOfMask


class Collector:
    """Takes the answers of frame after frame; used in a ``with`` block.

    In the end no pixel is of two objects, see :mod:`spectrack.tracking.joint`.

    Args:
        targets: Object id to target.
        stems: Name of each frame; numbers where left out.
        clean: Whether answers go through the spectral filter, in a thread.
        own_boxes: Objects whose boxes stay the tracker's.
        readers: How boxes are read off cleaned masks, where a tracker has a rule of its own.
        broken: Index of each frame that could not be decoded, and why; the loop adds to it.
        journal: Keeps every answer; where it goes on from an earlier run, the first answer given
            is the last of that run, for the filter to see where masks were.
        begins: Object id to the frame in which it starts, where that is not frame 0.
    """

    def __init__(
        self,
        targets: Mapping[int, Target],
        stems: Sequence[str] | None,
        clean: bool,
        own_boxes: Sequence[int],
        readers: Mapping[int, BoxOfMask],
        broken: Mapping[int, str],
        journal: Keeper | None = None,
        begins: Mapping[int, int] | None = None,
    ) -> None:
        from spectrack.tracking.cleaning import Cleaner  # compiles; only where it is used

        kept = None if journal is None else journal.kept
        known = 0 if kept is None else kept.frames
        begun = {key for key in targets if (begins or {}).get(key, 0) < known}
        held = [key for key, target in targets.items() if key in begun or target.mask is not None]
        self._cleaner = Cleaner(held, None, own_boxes, readers) if clean else None
        self._begins = dict(begins or {})
        self._masked = {key for key, target in targets.items() if target.mask is not None}
        self._keys, self._stems = list(targets), stems
        self._broken, self._journal = broken, journal
        self._tracks = {} if kept is None else kept.tracks
        self._known = 0 if kept is None else 1  # answers that are in the tracks already
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="clean")
        self._running: Future[list[dict[int, Prediction]]] | None = None

    def __enter__(self) -> Collector:
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def add(self, frame_hwc: FrameHWC, predictions: dict[int, Prediction]) -> None:
        """Take the answers for the next frame."""
        if not self._tracks:
            size_wh = (frame_hwc.shape[1], frame_hwc.shape[0])
            self._tracks = {key: Track(size_wh) for key in self._keys}
        if self._cleaner is None:
            self._append([predictions])
            return
        self._wait()
        self._running = self._pool.submit(self._cleaner.push, frame_hwc, predictions)

    def finish(self) -> dict[int, Track]:
        """The tracks, the video being over."""
        self._wait()
        if self._cleaner is not None:
            self._append(self._cleaner.flush())
        for key, track in self._tracks.items():
            told = {} if self._cleaner is None else self._cleaner.info(key).get("doubt_parts", {})
            # The filter has not seen all where a killed run went on.
            parts = {name: v for name, v in told.items() if len(v) == len(track)}
            given = [self._begins.get(key, 0)] if key in self._masked and track.entries else []
            track.info.update(doubt_info(track, parts, given))
        return self._tracks

    def so_far(self) -> dict[int, Track]:
        """The tracks as far as all objects are answered, cut to one length."""
        length = min((len(track) for track in self._tracks.values()), default=0)
        for track in self._tracks.values():
            del track.entries[length:], track.stems[length:]
        return self._tracks if length else {}

    def _wait(self) -> None:
        if self._running is not None:
            self._append(self._running.result())
            self._running = None

    def _append(self, ready: Iterable[dict[int, Prediction]]) -> None:
        from spectrack.tracking.joint import share_pixels  # needs torch; not every tracker does

        for answered in ready:
            if self._known:
                self._known -= 1
                continue
            predictions = share_pixels(answered)
            index = len(next(iter(self._tracks.values())))
            for key, track in self._tracks.items():
                track.append(predictions[key], self._stems[index] if self._stems else None)
            if self._journal is not None:
                self._journal.add(self._tracks, predictions, self._broken.get(index))
