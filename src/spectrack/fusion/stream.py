"""Fusing the masks of many methods: mixed, then made consistent, as a stream (SFSeg++ paper).

The masks of all channels are read a few frames ahead in threads, mixed (Eq. 9, see
:mod:`spectrack.spectral.mixing.mixing`), and the mix goes through the filter like the masks of one
method.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from spectrack.errors import InputError
from spectrack.flow.estimators import FlowEstimator
from spectrack.refinement.streaming import filter_steps, result_of
from spectrack.refinement.whole_video import filter_mixed
from spectrack.spectral.doubt import DoubtMeter
from spectrack.spectral.guided.stream import GuidedSettings
from spectrack.spectral.mixing.mixing import Mixed, MixStream
from spectrack.spectral.mixing.settings import MixingSettings
from spectrack.storage import Progress
from spectrack.structures import FrameHWC, SoftHW
from spectrack.tracks import MASKS, Track
from spectrack.video.frames import Frames
from spectrack.video.given_masks import SoftMasks
from spectrack.video.soft_masks import MaskSource, missing_stems, open_masks

AHEAD = 4
"""Frames of all channels that are read before they are needed."""

Channels = tuple[NDArray[np.uint8], NDArray[np.bool_]]


def fuse_video(
    frames: Iterable[FrameHWC],
    channels: Sequence[SoftMasks],
    mixing: MixingSettings,
    preset: str | GuidedSettings = "colour",
    progress: Progress | None = None,
    flow: FlowEstimator | None = None,
) -> Track:
    """Fuse the masks that several methods give one object.

    Memory does not grow with the video, except for the compressed masks of the result; with the
    presets of the paper it does, see :mod:`spectrack.refinement.whole_video`.

    Args:
        frames: Frames of the video; their ``stems`` name the masks where they have any.
        channels: The masks of each method for every frame; where a method lacks one the others
            decide, where all do the mask is carried over by flow.
        mixing: Weights of the channels, in their order.
        preset: Key of ``GUIDED_PRESETS``, settings of your own, ``paper`` (Eq. 10-11, where F_m
            takes the place of motion) or ``published``.
        progress: Called with the number of frames finished and in all.
        flow: Dense flow; chosen by the preset where left out.

    Returns:
        A mask, box and score a frame. ``info`` holds the mixing, the mean weight and agreement of
        each channel, and the doubt of each frame.

    Raises:
        InputError: If there are no frames or no masks, numbers or sizes do not fit, or the weights
            follow the target's size.
    """
    return result_of(fuse_steps(frames, channels, mixing, preset, progress, flow))


def fuse_steps(
    frames: Iterable[FrameHWC],
    channels: Sequence[SoftMasks],
    mixing: MixingSettings,
    preset: str | GuidedSettings = "colour",
    progress: Progress | None = None,
    flow: FlowEstimator | None = None,
) -> Generator[None, None, Track]:
    """What :func:`fuse_video` does, one frame a step, so that several objects share a video."""
    count = _common_length(channels, mixing.names)
    size_wh = _mask_size(channels, count)
    notes = Notes(mixing.names)
    meter = DoubtMeter()
    mixed = mix_channels(read_ahead(channels, count, size_wh), mixing, size_wh)
    if preset == "paper":
        pairs = list(mixed)
        masks = list(notes.take(pairs, meter))
        track = filter_mixed(frames, masks, [m.pairwise_hw for m, _ in pairs], progress)
        for t, soft_hw in enumerate(masks):
            hard_hw = track.mask(t)
            before = hard_hw if soft_hw is None else soft_hw >= 0.5
            meter.add(before, hard_hw.astype(np.float32))
    else:
        stream = notes.take(mixed, meter)
        steps = filter_steps(frames, stream, count, preset, progress, flow, True, meter)
        track = yield from steps
    track.info.update(channels=notes.summary(), mixing=_described(mixing), **meter.info())
    return track


def mix_channels(
    planes: Iterable[Channels], mixing: MixingSettings, size_wh: tuple[int, int]
) -> Iterator[tuple[Mixed, bool]]:
    """Mix frame by frame.

    Args:
        planes: For each frame the channels, uint8 (C, H, W) with 255 for 1, and which are there.
        mixing: Weights of the channels.
        size_wh: Width and height.

    Yields:
        The mixed frame, and whether any channel had a mask in it.
    """
    stream, known = MixStream(mixing, size_wh), deque[bool]()
    for channels_chw, present_c in planes:
        known.append(bool(present_c.any()))
        yield from ((mixed, known.popleft()) for mixed in stream.push(channels_chw, present_c))
    yield from ((mixed, known.popleft()) for mixed in stream.flush())


def read_ahead(
    channels: Sequence[SoftMasks], count: int, size_wh: tuple[int, int]
) -> Iterator[Channels]:
    """Masks of all channels frame by frame, read in threads up to ``AHEAD`` frames early.

    Yields:
        uint8 (C, H, W) with 255 for 1 and 0 where a channel has no mask, and bool (C,) which has.

    Raises:
        InputError: If a mask cannot be read or has another size.
    """
    waiting: deque[Future[Channels]] = deque()
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1), thread_name_prefix="masks") as pool:
        for t in range(count):
            waiting.append(pool.submit(read_channels, channels, t, size_wh))
            if len(waiting) > AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def read_channels(channels: Sequence[SoftMasks], t: int, size_wh: tuple[int, int]) -> Channels:
    """Masks of all channels for one frame; see :func:`read_ahead`."""
    planes_chw = np.zeros((len(channels), size_wh[1], size_wh[0]), dtype=np.uint8)
    present_c = np.zeros(len(channels), dtype=bool)
    for c, masks in enumerate(channels):
        soft_hw = masks[t]
        if soft_hw is None:
            continue
        if soft_hw.shape != size_wh[::-1]:
            raise InputError(
                f"mask {t} of channel {c + 1} is {soft_hw.shape[1]}x{soft_hw.shape[0]} and "
                f"others are {size_wh[0]}x{size_wh[1]}; give masks of the size of the frames"
            )
        cv2.convertScaleAbs(soft_hw, planes_chw[c], 255)
        present_c[c] = True
    return planes_chw, present_c


class Notes:
    """What is worth knowing of the channels, gathered while they go by.

    Args:
        names: Names of the channels.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._seen = np.zeros(len(names), dtype=int)
        self._weight = np.zeros(len(names))
        self._agreement = np.zeros(len(names))

    def take(
        self, mixed: Iterable[tuple[Mixed, bool]], meter: DoubtMeter
    ) -> Iterator[SoftHW | None]:
        """Hand on the mixed maps, None where no channel has a mask."""
        for frame, known in mixed:
            # A mask that is there agrees at least a little, see FLOOR in the mixing.
            self._seen += frame.agreement_c > 0
            self._weight += frame.weights_c
            self._agreement += frame.agreement_c
            meter.disagree(1 - _weighted_agreement(frame) if known else 1.0)
            yield frame.soft_hw if known else None

    def summary(self) -> list[dict[str, Any]]:
        """For each channel its name, mean weight and agreement where it has masks, and how many."""
        frames = np.maximum(self._seen, 1)
        rows = zip(
            self._names, self._weight / frames, self._agreement / frames, self._seen, strict=True
        )
        return [
            {
                "name": name,
                "weight": round(float(weight), 4),
                "agreement": round(float(agreement), 4),
                "frames": int(seen),
            }
            for name, weight, agreement, seen in rows
        ]


def named_sources(
    sources: Mapping[str, MaskSource] | Sequence[MaskSource],
) -> dict[str, MaskSource]:
    """Masks by the name of their channel; those of a list are named by folder or by number.

    Raises:
        InputError: If two come to the same name.
    """
    if isinstance(sources, Mapping):
        return dict(sources)
    folders = [Path(source) for source in sources if isinstance(source, str | Path)]
    of_folders = iter(channel_names(folders))
    names = [
        next(of_folders) if isinstance(source, str | Path) else str(number)
        for number, source in enumerate(sources, start=1)
    ]
    _refuse_twice(names, "give a dict of names of your own to masks")
    return dict(zip(names, sources, strict=True))


def no_mask_at_all(channels: Sequence[SoftMasks]) -> list[str]:
    """Names of the frames that no channel has a mask for."""
    first, *others = ([*missing_stems(masks)] for masks in channels)
    return [stem for stem in first if all(stem in other for other in others)]


def open_channels(
    sources: Mapping[str, MaskSource], frames: Frames, object_id: int | None = None
) -> list[SoftMasks]:
    """The masks of every channel for the frames of a video.

    Args:
        sources: Name of each channel, and where its masks are.
        frames: The video.
        object_id: Which object of indexed masks.

    Raises:
        InputError: If masks cannot be read or do not fit the frames, or a channel holds several
            objects and none was chosen; the sentence names the channel.
    """
    if not sources:
        raise InputError("no masks were given; give the masks of one or more methods")
    channels = []
    for name, source in sources.items():
        try:
            opened = open_masks(source, frames, object_id)
        except InputError as error:
            raise InputError(f"channel {name}: {error}") from error
        if len(opened) > 1:
            shown = ", ".join(map(str, opened))
            raise InputError(f"channel {name} holds objects {shown}; choose one to fuse")
        channels.append(next(iter(opened.values())))
    return channels


def channel_names(folders: Sequence[Path]) -> list[str]:
    """Names of channels from their folders.

    The name of the folder (of the result folder where its ``masks`` is given); where all have the
    same, as in ``METHOD/SEQUENCE``, the name of the folder above.

    Raises:
        InputError: If two channels come to the same name.
    """
    paths = [path.absolute() for path in folders]
    paths = [path.parent if path.name == MASKS else path for path in paths]
    if len(paths) > 1 and len({path.name for path in paths}) == 1:
        paths = [path.parent for path in paths]
    names = [path.name for path in paths]
    _refuse_twice(names, "give names of your own as NAME=FOLDER")
    return names


def _refuse_twice(names: Sequence[str], advice: str) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"two channels are named {twice[0]}; {advice}")


def _common_length(channels: Sequence[SoftMasks], names: Sequence[str]) -> int:
    if len(channels) != len(names):
        raise InputError(
            f"masks of {len(channels)} channels were given for weights of {len(names)} "
            f"({', '.join(names)}); give one channel for each weight"
        )
    lengths = [len(masks) for masks in channels]
    if len(set(lengths)) > 1:
        shown = ", ".join(f"{n} {length}" for n, length in zip(names, lengths, strict=True))
        raise InputError(f"the channels differ in length ({shown}); give a mask for every frame")
    return lengths[0]


def _mask_size(channels: Sequence[SoftMasks], count: int) -> tuple[int, int]:
    """Width and height of the first mask that is there.

    Raises:
        InputError: If there is none.
    """
    for t in range(count):
        for masks in channels:
            soft_hw = masks[t]
            if soft_hw is not None:
                return soft_hw.shape[1], soft_hw.shape[0]
    raise InputError("no channel has a mask for any frame; give masks named like the frames")


def _weighted_agreement(frame: Mixed) -> float:
    """Mean agreement of the channels under their weights, those below 0 left out."""
    weights = np.maximum(frame.weights_c, 0)
    total = float(weights.sum())
    return float(weights @ frame.agreement_c) / total if total > 0 else 0.0


def _described(mixing: MixingSettings) -> dict[str, Any]:
    return {
        "weights": list(mixing.weights),
        "bias": mixing.bias,
        "agreement": mixing.agreement,
        "reach": mixing.reach,
    }
