"""The recipes that stream: frames and masks go by once, memory stays fixed (``colour``, ``deep``).

Flow between consecutive frames is found in a thread of its own, one frame ahead of the filter, and
whatever makes the masks (reading, mixing) runs there too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain, repeat
from typing import TypeVar

import numpy as np

from spectrack.errors import InputError
from spectrack.flow.estimators import FlowEstimator, FlowPair, warp
from spectrack.flow.local import CONTEXT, around, flow_pair, quick_flow
from spectrack.refinement.presets import PRESETS
from spectrack.refinement.whole_video import check_fixed, refine_whole
from spectrack.spectral.doubt import DoubtMeter
from spectrack.spectral.guided.enlarged import EnlargedStream, stream_for
from spectrack.spectral.guided.stream import GUIDED_PRESETS, GuidedSettings, GuidedStream
from spectrack.spectral.sfseg.filter import PRESETS as WHOLE_PRESETS
from spectrack.storage import Progress
from spectrack.structures import Box, FrameHWC, HardHW, Prediction, SoftHW
from spectrack.tracks import Track
from spectrack.video.given_masks import SoftMasks

Guide = Callable[[FrameHWC, SoftHW, bool], SoftHW]
"""What a network sees: from a frame, its mask, and whether that is known to be right, to a map of
the object, float32 (H, W). It is asked frame by frame."""


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """A frame as the filter takes it.

    Attributes:
        frame_hwc: uint8 RGB.
        soft_hw: Its mask.
        pair: Flow from and to the frame before; None for the first.
        guide_hw: What a network sees in it, where one looks.
    """

    frame_hwc: FrameHWC
    soft_hw: SoftHW
    pair: FlowPair | None
    guide_hw: SoftHW | None


Result = TypeVar("Result")


def refine_video(
    frames: Iterable[FrameHWC],
    masks: SoftMasks,
    preset: str | GuidedSettings = "colour",
    progress: Progress | None = None,
    flow: FlowEstimator | None = None,
    crop: bool = True,
    fixed: Collection[int] = (),
    kernel: str = "numba",
    guide: Guide | None = None,
) -> Track:
    """Make the masks of one object consistent, frame by frame.

    Args:
        frames: Frames of the video; their ``stems`` name the masks where they have any.
        masks: A mask for every frame; one that is missing is carried over by flow from the frame
            before, and before the first mask of all that one is taken.
        preset: A key of ``spectrack.spectral.guided.stream.GUIDED_PRESETS``, or your own settings.
        progress: Called with the number of frames finished and in all.
        flow: Dense flow; :func:`spectrack.flow.local.quick_flow` by default.
        crop: Whether to find flow only around the masks, where the filter reads it.
        fixed: Numbers of the frames whose masks are known: they stay, and the others feel them.
        kernel: What filters: ``numba``, or ``triton`` on a GPU.
        guide: What else tells pixels apart; that of the preset where left out. See
            :meth:`spectrack.spectral.guided.stream.GuidedStream.push`.

    Returns:
        A mask, box and score a frame. The score is the mean certainty inside the mask;
        ``info["doubt"]`` says how much each frame is worth a look, see
        :mod:`spectrack.spectral.doubt`.

    Raises:
        InputError: If there are no frames, no masks, they do not fit, a known one is missing, or
            settings of your own ask for a guide and none was given.
    """
    check_fixed(fixed, masks)
    meter = DoubtMeter()
    given = (masks[i] for i in range(len(masks)))
    track = filter_masks(
        frames, given, len(masks), preset, progress, flow, crop, meter, fixed, kernel, guide
    )
    track.info.update(meter.info())
    return track


def filter_masks(
    frames: Iterable[FrameHWC],
    masks: Iterable[SoftHW | None],
    count: int,
    preset: str | GuidedSettings,
    progress: Progress | None,
    flow: FlowEstimator | None,
    crop: bool,
    meter: DoubtMeter,
    fixed: Collection[int] = (),
    kernel: str = "numba",
    guide: Guide | None = None,
) -> Track:
    """What :func:`refine_video` does, with masks that come one by one.

    Args:
        frames: As there.
        masks: Soft masks in the order of the frames, None where one is missing; read in a thread.
        count: How many there are.
        preset: As there, or ``paper`` or ``published``, which hold the whole video in memory.
        progress: As there.
        flow: As there.
        crop: As there.
        meter: Is shown every mask before and after the filter.
        fixed: As there.
        kernel: As there; recipes that hold the whole video choose for themselves.
        guide: As there; they do without.

    Raises:
        InputError: As there.
    """
    steps = filter_steps(
        frames, masks, count, preset, progress, flow, crop, meter, fixed, kernel, guide
    )
    return result_of(steps)


def result_of(steps: Generator[None, None, Result]) -> Result:
    """Take all steps at once; what they come to."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: Result = end.value
            return result


def filter_steps(
    frames: Iterable[FrameHWC],
    masks: Iterable[SoftHW | None],
    count: int,
    preset: str | GuidedSettings,
    progress: Progress | None,
    flow: FlowEstimator | None,
    crop: bool,
    meter: DoubtMeter,
    fixed: Collection[int] = (),
    kernel: str = "numba",
    guide: Guide | None = None,
) -> Generator[None, None, Track]:
    """What :func:`filter_masks` does, one frame a step, so that several can share a video.

    Recipes that hold the whole video take one step in all.
    """
    if isinstance(preset, str) and preset in WHOLE_PRESETS:
        return _filter_whole(frames, list(masks), preset, progress, flow, meter, fixed)
    settings = GUIDED_PRESETS[preset] if isinstance(preset, str) else preset
    stems = getattr(frames, "stems", None)
    margin = settings.reach + CONTEXT if crop else None
    stream: GuidedStream | EnlargedStream | None = None
    track: Track | None = None
    waiting: deque[HardHW] = deque()  # masks inside the filter, cut

    def keep(ready: Iterable[SoftHW], track: Track) -> None:
        for (soft_hw,) in ready:
            meter.add(waiting.popleft(), soft_hw)
            append(track, soft_hw, stems)
            if progress is not None:
                progress(len(track), count)

    guide = guide or _guide_of(preset)
    items = with_flow(frames, masks, flow or quick_flow(), margin, guide, fixed)
    for t, item in enumerate(items):
        if stream is None or track is None:
            height, width = item.frame_hwc.shape[:2]
            stream = stream_for((width, height), settings, kernel)
            track = Track((width, height))
        pair, forward, backward = item.pair, None, None
        if pair is not None:
            forward, backward = pair.forward_hw2, pair.backward_hw2
        waiting.append(item.soft_hw >= 0.5)
        known = t in fixed
        pushed = item.frame_hwc, item.soft_hw, forward, backward, known, item.guide_hw
        keep(stream.push(*pushed), track)
        yield
    if stream is None or track is None:
        raise InputError("the video holds no frames; give one with at least one frame")
    keep(stream.flush(), track)
    if len(track) != count:
        raise InputError(f"{count} masks were given for {len(track)} frames; give one a frame")
    return track


def _guide_of(preset: str | GuidedSettings) -> Guide | None:
    """The guide that a preset brings with it."""
    if isinstance(preset, str):
        made: Guide | None = PRESETS[preset].make_guide()
        return made
    if preset.guidance or preset.share:
        raise InputError(
            f"the settings want a guide (guidance {preset.guidance}, share {preset.share}) and "
            "there is none; give guide= or set both to 0"
        )
    return None


def _filter_whole(
    frames: Iterable[FrameHWC],
    masks: list[SoftHW | None],
    preset: str,
    progress: Progress | None,
    flow: FlowEstimator | None,
    meter: DoubtMeter,
    fixed: Collection[int],
) -> Track:
    track = refine_whole(frames, masks, preset, progress, flow, fixed)
    for t, soft_hw in enumerate(masks):
        hard_hw = track.mask(t)
        meter.add(hard_hw if soft_hw is None else soft_hw >= 0.5, hard_hw.astype(np.float32))
    return track


def with_flow(
    frames: Iterable[FrameHWC],
    masks: Iterable[SoftHW | None],
    flow: FlowEstimator,
    margin: int | None = None,
    guide: Guide | None = None,
    fixed: Collection[int] = (),
) -> Iterator[Item]:
    """Frames, masks, what a network sees, and the flow from and to the frame before.

    Everything is read one frame ahead in a thread of its own. A mask that is missing is carried
    over by flow; before the first mask of all that one is taken. Without ``margin`` flow covers
    the frame, else what lies that many pixels around the masks of both frames, and is 0 elsewhere.

    Raises:
        InputError: If there are more frames than masks, or no mask at all.
    """

    def read(t: int, before: Item | None) -> Item | None:
        frame = next(source, None)
        if frame is None:
            return None
        try:
            soft = next(given)
        except StopIteration:
            raise InputError(f"{t} masks were given for more frames; give one a frame") from None
        if before is None or before.frame_hwc.shape != frame.shape:
            if soft is None:
                raise InputError(f"frame {t} has another size and no mask; give frames of one size")
            return Item(frame, soft, None, guide and guide(frame, soft, t in fixed))
        last, carried = before.frame_hwc, before.soft_hw
        known = [carried] if soft is None else [carried, soft]
        pair = flow_pair(flow, last, frame, None if margin is None else around(known, margin))
        if soft is None:
            soft = np.clip(warp(carried, pair.backward_hw2), 0, 1)
        return Item(frame, soft, pair, guide and guide(frame, soft, t in fixed))

    source, given = iter(frames), begin_with_a_mask(masks)
    with ThreadPoolExecutor(1, thread_name_prefix="flow") as pool:
        item = pool.submit(read, 0, None).result()
        t = 0
        while item is not None:
            t += 1
            ahead = pool.submit(read, t, item)
            yield item
            item = ahead.result()


def begin_with_a_mask(masks: Iterable[SoftHW | None]) -> Iterator[SoftHW | None]:
    """The masks, where the first ones are missing with the first that is there in their place.

    Raises:
        InputError: If all are missing.
    """
    rest = iter(masks)
    for missing, mask in enumerate(rest):
        if mask is not None:
            yield from chain(repeat(mask, missing + 1), rest)
            return
    raise InputError("no frame has a mask; give masks named like the frames")


def append(track: Track, soft_hw: SoftHW, stems: list[str] | None) -> None:
    """Add the answer for the next frame: the mask where it reaches one half, its box and score.

    The score is the mean of the map inside the mask.
    """
    hard_hw = soft_hw >= 0.5
    box = Box.from_mask(hard_hw)
    score = float(soft_hw[hard_hw].mean()) if box is not None else 0.0
    stem = stems[len(track)] if stems else None
    track.append(Prediction(box, hard_hw, score, box is not None), stem)
