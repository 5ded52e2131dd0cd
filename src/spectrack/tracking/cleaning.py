"""The spectral filter behind any tracker: its masks go through in a stream, a few frames late.

Frames of any size are filtered at a bounded cost: each object in a window that follows it
(:mod:`spectrack.spectral.guided.canvas`), shrunk where it would hold more than ``PIXELS``. Smaller
frames go through whole.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Mapping
from functools import partial
from typing import Any

from spectrack.flow.local import quick_flow
from spectrack.spectral.guided.settings import GuidedSettings
from spectrack.structures import FrameHWC, Prediction
from spectrack.threads import side_by_side
from spectrack.tracking.clean_object import BoxOfMask, ObjectCleaner

Predictions = dict[int, Prediction]

PIXELS = 450_000
"""Most pixels that are filtered of a frame for each object: a whole frame of 480p, any aspect."""


class Cleaner:
    """Makes the masks of one or more objects consistent in space and time as they come.

    Frames in which an object is not found keep the tracker's answer, so does an object without
    masks. Memory, for each object, is that of a
    :class:`spectrack.spectral.guided.stream.GuidedStream` of at most ``pixels`` pixels and a byte
    a pixel of its box in each frame inside; besides there is the last frame.

    Args:
        keep_first: Objects whose first mask was given and stays as it is.
        settings: The recipe; ``colour`` where left out.
        keep_boxes: Objects whose boxes stay the tracker's, grown where the cleaned mask reaches
            further; others get that of the cleaned mask.
        read_boxes: How boxes are read off cleaned masks, for objects whose tracker has a rule of
            its own; the box of the first frame is kept as with ``keep_boxes``.
        pixels: See ``PIXELS``; None filters whole frames whatever their size.
    """

    def __init__(
        self,
        keep_first: Collection[int] = (),
        settings: GuidedSettings | None = None,
        keep_boxes: Collection[int] = (),
        read_boxes: Mapping[int, BoxOfMask] | None = None,
        pixels: int | None = PIXELS,
    ) -> None:
        self._keep_first, self._keep_boxes = set(keep_first), set(keep_boxes)
        self._read_boxes = dict(read_boxes or {})
        self._settings = settings or GuidedSettings()
        self._pixels = pixels
        self._objects: dict[int, ObjectCleaner] = {}
        self._others: deque[Predictions] = deque()
        self._last: FrameHWC | None = None

    def push(
        self,
        frame_hwc: FrameHWC,
        predictions: Mapping[int, Prediction],
        fixed: Collection[int] = (),
    ) -> list[Predictions]:
        """Take the answers for the next frame; the cleaned ones of earlier frames that are ready.

        Args:
            frame_hwc: uint8 RGB of shape (H, W, 3).
            predictions: Object id to the tracker's answer, the same ids for every frame. An
                object without a mask in the first of them has none later, unless it was not there.
            fixed: Objects whose mask in this frame is known: it stays as it is, and those in the
                frames beside it are drawn to it.
        """
        if self._last is None:
            size_wh = (frame_hwc.shape[1], frame_hwc.shape[0])
            self._objects = {
                key: ObjectCleaner(
                    size_wh,
                    self._settings,
                    quick_flow(),  # it works on one pair of frames at a time
                    self._pixels,
                    keep_first=key in self._keep_first,
                    keep_boxes=key in self._keep_boxes,
                    box_of_mask=self._read_boxes.get(key),
                )
                for key, prediction in predictions.items()
                if prediction.mask is not None or prediction.absent
            }
        last, self._last = self._last, frame_hwc
        if not self._objects:
            return [dict(predictions)]
        # Those without masks wait here; objects keep their own answers, packed.
        self._others.append({k: p for k, p in predictions.items() if k not in self._objects})
        ready = side_by_side(
            [
                partial(o.push, last, frame_hwc, predictions[k], k in fixed)
                for k, o in self._objects.items()
            ]
        )
        return [self._together(list(answers)) for answers in zip(*ready, strict=True)]

    def flush(self) -> Iterator[Predictions]:
        """The frames still inside, one at a time, the video being over."""
        for answers in zip(*(o.flush() for o in self._objects.values()), strict=True):
            yield self._together(list(answers))

    def info(self, key: int) -> dict[str, Any]:
        """What ``track.json`` keeps of an object: how much each frame so far is worth a look.

        Args:
            key: Id of the object.

        Returns:
            ``doubt`` and ``doubt_parts`` of :class:`spectrack.spectral.doubt.DoubtMeter`; nothing
            for an object without masks.
        """
        return self._objects[key].meter.info() if key in self._objects else {}

    def _together(self, answers: list[Prediction]) -> Predictions:
        return self._others.popleft() | dict(zip(self._objects, answers, strict=True))
