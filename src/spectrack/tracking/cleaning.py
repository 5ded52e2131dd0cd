"""The spectral filter behind any tracker: its masks go through in a stream, a few frames late."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Mapping

import numpy as np

from spectrack.flow.local import CONTEXT, around, flow_pair, quick_flow
from spectrack.spectral.guided.stream import GuidedSettings, GuidedStream
from spectrack.structures import Box, FrameHWC, HardHW, Prediction, SoftHW
from spectrack.tracking.colour import covering_box, robust_box

Predictions = dict[int, Prediction]
BoxOfMask = Callable[[SoftHW], Box | None]


class Cleaner:
    """Makes the masks of one or more objects consistent in space and time as they come.

    Frames in which an object is not found keep the tracker's answer, so does an object without
    masks. Memory is that of :class:`spectrack.spectral.guided.stream.GuidedStream`.

    Args:
        keep_first: Objects whose mask in the first frame was given and stays as it is.
        settings: The recipe; ``default`` where left out.
        keep_boxes: Objects whose boxes stay the tracker's, grown where the cleaned mask reaches
            further; others get that of the cleaned mask.
        read_boxes: How boxes are read off cleaned masks, for objects whose tracker has a rule of
            its own; the box of the first frame is kept as with ``keep_boxes``.
    """

    def __init__(
        self,
        keep_first: Collection[int] = (),
        settings: GuidedSettings | None = None,
        keep_boxes: Collection[int] = (),
        read_boxes: Mapping[int, BoxOfMask] | None = None,
    ) -> None:
        self._keep_first, self._keep_boxes = set(keep_first), set(keep_boxes)
        self._read_boxes = dict(read_boxes or {})
        self._settings = settings or GuidedSettings()
        self._flow = quick_flow()
        self._keys: list[int] = []
        self._stream: GuidedStream | None = None
        self._waiting: deque[Predictions] = deque()
        self._last: tuple[FrameHWC, list[SoftHW]] | None = None
        self._given = 0

    def push(self, frame_hwc: FrameHWC, predictions: Mapping[int, Prediction]) -> list[Predictions]:
        """Take the answers for the next frame; the cleaned ones of earlier frames that are ready.

        Args:
            frame_hwc: uint8 RGB of shape (H, W, 3).
            predictions: Object id to the tracker's answer, the same ids for every frame.
        """
        if self._last is None:
            self._keys = [key for key, p in predictions.items() if p.mask is not None]
            size_wh = (frame_hwc.shape[1], frame_hwc.shape[0])
            self._stream = GuidedStream(size_wh, max(len(self._keys), 1), self._settings)
        if self._stream is None or not self._keys:
            self._last = frame_hwc, []
            return [dict(predictions)]
        masks = [_soft(predictions[key], frame_hwc) for key in self._keys]
        forward = backward = None
        if self._last is not None:
            last_hwc, last_masks = self._last
            area = around([*last_masks, *masks], self._settings.reach + CONTEXT)
            pair = flow_pair(self._flow, last_hwc, frame_hwc, area)
            forward, backward = pair.forward_hw2, pair.backward_hw2
        self._last = frame_hwc, masks
        self._waiting.append(dict(predictions))
        ready = self._stream.push(frame_hwc, np.stack(masks), forward, backward)
        return [self._cleaned(planes) for planes in ready]

    def flush(self) -> list[Predictions]:
        """The frames still inside, the video being over."""
        ready = self._stream.flush() if self._stream is not None and self._keys else []
        return [self._cleaned(planes) for planes in ready]

    def _cleaned(self, soft_mhw: SoftHW) -> Predictions:
        out = self._waiting.popleft()
        for key, soft_hw in zip(self._keys, soft_mhw, strict=True):
            kept = self._given == 0 and key in self._keep_first
            hard_hw: HardHW = soft_hw >= 0.5
            if out[key].found and not kept and hard_hw.any():
                box = self._box(key, out[key].box, soft_hw, hard_hw)
                out[key] = Prediction(box, soft_hw, out[key].score, True)
        self._given += 1
        return out

    def _box(self, key: int, said: Box | None, soft_hw: SoftHW, hard_hw: HardHW) -> Box | None:
        rule = self._read_boxes.get(key)
        if rule is not None and (self._given > 0 or said is None):
            return rule(soft_hw)
        kept = said is not None and (rule is not None or key in self._keep_boxes)
        return covering_box(said, hard_hw) if kept else robust_box(hard_hw)


def _soft(prediction: Prediction, frame_hwc: FrameHWC) -> SoftHW:
    if prediction.mask is None:
        return np.zeros(frame_hwc.shape[:2], dtype=np.float32)
    return np.clip(prediction.mask.astype(np.float32), 0, 1)
