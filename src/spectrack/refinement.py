"""The recipes that stream: frames and masks go by once, memory stays fixed (``default``, ``deep``).

Flow between consecutive frames is found in a thread of its own, one frame ahead of the filter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import numpy as np

from spectrack.errors import InputError
from spectrack.flow import FlowEstimator, FlowPair, warp
from spectrack.local_flow import CONTEXT, around, flow_pair, quick_flow
from spectrack.soft_masks import SoftMasks
from spectrack.spectral.guided import GUIDED_PRESETS, GuidedSettings, GuidedStream
from spectrack.structures import Box, FrameHWC, Prediction, SoftHW
from spectrack.tracks import Track

ProgressCall = Callable[[int, int | None], None]
Item = tuple[FrameHWC, SoftHW, FlowPair | None]


def refine_video(
    frames: Iterable[FrameHWC],
    masks: SoftMasks,
    preset: str | GuidedSettings = "default",
    progress: ProgressCall | None = None,
    flow: FlowEstimator | None = None,
    crop: bool = True,
) -> Track:
    """Make the masks of one object consistent, frame by frame.

    Args:
        frames: Frames of the video; their ``stems`` name the masks where they have any.
        masks: A mask for every frame; one that is missing is carried over by flow from the frame
            before, and before the first mask of all that one is taken.
        preset: A key of ``spectrack.spectral.guided.GUIDED_PRESETS``, or settings of your own.
        progress: Called with the number of frames finished and in all.
        flow: Dense flow; :func:`spectrack.local_flow.quick_flow` by default.
        crop: Whether to find flow only around the masks, where the filter reads it.

    Returns:
        A mask, box and score a frame. The score is the mean certainty inside the mask.

    Raises:
        InputError: If there are no frames, no masks, or they do not fit.
    """
    settings = GUIDED_PRESETS[preset] if isinstance(preset, str) else preset
    stems = getattr(frames, "stems", None)
    margin = settings.reach + CONTEXT if crop else None
    stream: GuidedStream | None = None
    track: Track | None = None
    for frame, soft, pair in with_flow(frames, masks, flow or quick_flow(), margin):
        height, width = frame.shape[:2]
        if stream is None or track is None:
            stream, track = GuidedStream((width, height), 1, settings), Track((width, height))
        flows = (None, None) if pair is None else (pair.forward_hw2, pair.backward_hw2)
        for ready in stream.push(frame, soft, *flows):
            _append(track, ready[0], stems)
            if progress is not None:
                progress(len(track), len(masks))
    if stream is None or track is None:
        raise InputError("the video holds no frames; give one with at least one frame")
    for ready in stream.flush():
        _append(track, ready[0], stems)
        if progress is not None:
            progress(len(track), len(masks))
    if len(track) != len(masks):
        raise InputError(f"{len(masks)} masks were given for {len(track)} frames; give one a frame")
    return track


def with_flow(
    frames: Iterable[FrameHWC], masks: SoftMasks, flow: FlowEstimator, margin: int | None = None
) -> Iterator[tuple[FrameHWC, SoftHW, FlowPair | None]]:
    """Frames, masks, and the flow from and to the frame before (None for the first).

    Everything is read one frame ahead in a thread of its own. A mask that is missing is carried
    over by flow; without ``margin`` flow covers the frame, else what lies that many pixels around
    the masks of both frames, and is 0 elsewhere.

    Raises:
        InputError: If there are more frames than masks, or no mask at all.
    """

    def read(t: int, last: FrameHWC | None, carried: SoftHW) -> Item | None:
        frame = next(source, None)
        if frame is None:
            return None
        if t >= len(masks):
            raise InputError(f"{len(masks)} masks were given for more frames; give one a frame")
        soft = masks[t]
        if last is None or last.shape != frame.shape:
            return frame, carried if soft is None else soft, None
        known = [carried] if soft is None else [carried, soft]
        pair = flow_pair(flow, last, frame, None if margin is None else around(known, margin))
        if soft is None:
            soft = np.clip(warp(carried, pair.backward_hw2), 0, 1)
        return frame, soft, pair

    source = iter(frames)
    with ThreadPoolExecutor(1, thread_name_prefix="flow") as pool:
        item = read(0, None, _first_mask(masks))
        for t in count(1):
            if item is None:
                return
            ahead = pool.submit(read, t, *item[:2])
            yield item
            item = ahead.result()


def _first_mask(masks: SoftMasks) -> SoftHW:
    first = next((m for m in (masks[i] for i in range(len(masks))) if m is not None), None)
    if first is None:
        raise InputError("no frame has a mask; give masks named like the frames")
    return first


def _append(track: Track, soft_hw: SoftHW, stems: list[str] | None) -> None:
    hard_hw = soft_hw >= 0.5
    box = Box.from_mask(hard_hw)
    score = float(soft_hw[hard_hw].mean()) if box is not None else 0.0
    stem = stems[len(track)] if stems else None
    track.append(Prediction(box, hard_hw, score, box is not None), stem)
