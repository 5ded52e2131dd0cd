"""The recipes that stream: frames and masks go by once, memory stays fixed (``default``, ``deep``).

Flow between consecutive frames is found in a thread of its own, one frame ahead of the filter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from spectrack.errors import InputError
from spectrack.flow import DISFlow, FlowEstimator, FlowPair, warp
from spectrack.soft_masks import SoftMasks
from spectrack.spectral.guided import GUIDED_PRESETS, GuidedSettings, GuidedStream
from spectrack.structures import Box, FrameHWC, Prediction, SoftHW
from spectrack.tracks import Track

ProgressCall = Callable[[int, int | None], None]


def refine_video(
    frames: Iterable[FrameHWC],
    masks: SoftMasks,
    preset: str | GuidedSettings = "default",
    progress: ProgressCall | None = None,
    flow: FlowEstimator | None = None,
) -> Track:
    """Make the masks of one object consistent, frame by frame.

    Args:
        frames: Frames of the video; their ``stems`` name the masks where they have any.
        masks: A mask for every frame; one that is missing is carried over by flow from the frame
            before, and before the first mask of all that one is taken.
        preset: A key of ``spectrack.spectral.guided.GUIDED_PRESETS``, or settings of your own.
        progress: Called with the number of frames finished and in all.
        flow: Dense flow; DIS by default.

    Returns:
        A mask, box and score a frame. The score is the mean certainty inside the mask.

    Raises:
        InputError: If there are no frames, no masks, or they do not fit.
    """
    settings = GUIDED_PRESETS[preset] if isinstance(preset, str) else preset
    stems = getattr(frames, "stems", None)
    stream: GuidedStream | None = None
    track: Track | None = None
    total = len(masks)
    soft = _first_mask(masks)
    for t, (frame, pair) in enumerate(with_flow(frames, flow or DISFlow())):
        height, width = frame.shape[:2]
        if stream is None or track is None:
            stream, track = GuidedStream((width, height), 1, settings), Track((width, height))
        if t >= total:
            raise InputError(f"{total} masks were given for more frames; give one a frame")
        given = masks[t]
        if given is not None:
            soft = given
        elif pair is not None:
            soft = np.clip(warp(soft, pair.backward_hw2), 0, 1)
        flows = (None, None) if pair is None else (pair.forward_hw2, pair.backward_hw2)
        for ready in stream.push(frame, soft, *flows):
            _append(track, ready[0], stems)
            if progress is not None:
                progress(len(track), total)
    if stream is None or track is None:
        raise InputError("the video holds no frames; give one with at least one frame")
    for ready in stream.flush():
        _append(track, ready[0], stems)
        if progress is not None:
            progress(len(track), total)
    if len(track) != total:
        raise InputError(f"{total} masks were given for {len(track)} frames; give one a frame")
    return track


def with_flow(
    frames: Iterable[FrameHWC], flow: FlowEstimator
) -> Iterator[tuple[FrameHWC, FlowPair | None]]:
    """Frames with the flow from and to the frame before (None for the first), one ahead."""

    def read(previous: FrameHWC | None) -> tuple[FrameHWC, FlowPair | None] | None:
        frame = next(source, None)
        if frame is None or previous is None or frame.shape != previous.shape:
            return None if frame is None else (frame, None)
        return frame, FlowPair(flow(previous, frame), flow(frame, previous))

    source = iter(frames)
    with ThreadPoolExecutor(1, thread_name_prefix="flow") as pool:
        item = read(None)
        while item is not None:
            ahead = pool.submit(read, item[0])
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
