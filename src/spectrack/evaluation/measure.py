"""Score the masks of a video against the truth, without a data set."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectrack.datasets.base import VideoSequence
from spectrack.errors import InputError
from spectrack.evaluation.results import Result
from spectrack.evaluation.score import NothingToScore, score_objects
from spectrack.evaluation.scores import Scores
from spectrack.structures import Box, HardHW, SoftHW
from spectrack.tracks import Track, Tracks
from spectrack.video.given_masks import SoftMasks, TrackMasks
from spectrack.video.mask_files import MASK_FILE_SUFFIXES
from spectrack.video.masks import MaskFolder
from spectrack.video.reader import Frames
from spectrack.video.soft_masks import MaskSource, objects_in, objects_in_memory, open_masks

Objects = Mapping[int, SoftMasks]


def measure(
    result: MaskSource | Tracks, truth: MaskSource | Tracks, frames: Frames | None
) -> dict[str, float]:
    """Means of all measures; see :func:`spectrack.evaluate`.

    Args:
        result: Tracks, a folder of masks or an array (T, H, W).
        truth: Likewise.
        frames: The video, for TCONT.

    Raises:
        InputError: If they cannot be read or do not belong together, or the truth holds no object,
            or shows its objects only in frames that are not scored.
    """
    wanted, names = _open(truth, frames)
    given, stems = _open(result, frames)
    if set(stems) >= set(names):
        place = [stems.index(stem) for stem in names]
    elif len(stems) == len(names):
        place = list(range(len(stems)))
    else:
        raise InputError(
            f"the result has {len(stems)} frames but the truth {len(names)}; "
            "give masks of the same frames"
        )
    if len(wanted) == 1 and len(given) > 1:
        raise InputError(
            f"the result holds objects {', '.join(map(str, given))} but the truth one; "
            "give the masks of that one"
        )
    tracks: Mapping[int, Track] = result if isinstance(result, Tracks) else {}
    if isinstance(result, Track):
        tracks = {1: result}
    sequence = _sequence(wanted, names, frames)
    answers = _result(given, tracks, place, several=len(wanted) > 1)
    try:
        scores = score_objects(answers, sequence, consistency=frames is not None)
    except NothingToScore:
        raise InputError(
            "the truth shows its object only in the last frames, none of which is scored; "
            "give a longer video"
        ) from None
    every = Scores(answers.source, sequence.name, tuple(scores))
    return {name: every.mean(name) for name in every.measures}


def _result(
    given: Objects, tracks: Mapping[int, Track], place: Sequence[int], several: bool
) -> Result:
    """The answers; boxes are those of the tracks where there are any.

    Args:
        given: Object id to masks.
        tracks: Object id to track; empty where the masks are all there is.
        place: Frame of the truth to frame of the result.
        several: Whether objects are told apart by their ids.
    """

    def box(index: int, object_id: int) -> Box | None:
        entry = tracks[object_id][place[index]] if object_id in tracks else None
        return entry.box if entry is not None and entry.found else None

    if not several:
        ((only, masks),) = given.items()
        boxes = (lambda index: box(index, only)) if tracks else None
        return Result("the result", lambda index: _hard(masks, place[index]), boxes)

    @lru_cache(1)
    def ids(index: int) -> NDArray[np.uint8] | None:
        found: NDArray[np.uint8] | None = None
        for object_id, masks in given.items():
            hard = _hard(masks, place[index])
            if hard is not None:
                found = np.zeros(hard.shape, np.uint8) if found is None else found
                found[hard] = object_id
        return found

    def any_object(index: int) -> HardHW | None:
        values = ids(index)
        return None if values is None else values > 0

    return Result("the result", any_object, read_ids=ids, read_object_box=box if tracks else None)


def _sequence(wanted: Objects, names: Sequence[str], frames: Frames | None) -> VideoSequence:
    """The truth as a sequence; of several objects each is given where it is seen first."""

    def open_frames() -> Frames:
        if frames is None:
            raise InputError("TCONT needs the frames; give the video too")
        return frames

    def truth(index: int, object_id: int) -> HardHW | None:
        return _hard(wanted[object_id], index)

    def any_object(index: int) -> HardHW | None:
        masks = [mask for i in wanted if (mask := truth(index, i)) is not None]
        return np.logical_or.reduce(masks) if masks else None

    seen = {i: _first_seen(masks) for i, masks in wanted.items()}
    starts = {i: first for i, first in seen.items() if first is not None}
    if not starts:
        raise InputError("the truth holds no object; give masks with one at least")
    if len(wanted) == 1:
        return VideoSequence(
            "the video", tuple(names), open_frames, any_object, starts={1: min(starts.values())}
        )
    return VideoSequence(
        "the video", tuple(names), open_frames, any_object, read_object=truth, starts=starts
    )


def _first_seen(masks: SoftMasks) -> int | None:
    """The first frame that shows an object."""
    hard = (_hard(masks, index) for index in range(len(masks)))
    return next((t for t, mask in enumerate(hard) if mask is not None and mask.any()), None)


class _Numbered:
    """One object of several whose overlaps are decided, as a result folder keeps them.

    Args:
        read_ids: Frame number to the ids of all objects, uint8 (H, W).
        object_id: Which one.
        length: Number of frames.
    """

    def __init__(
        self, read_ids: Callable[[int], NDArray[np.uint8]], object_id: int, length: int
    ) -> None:
        self._read_ids, self._object_id, self._length = read_ids, object_id, length

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> SoftHW | None:
        return (self._read_ids(index) == self._object_id).astype(np.float32)


def _open(source: MaskSource | Tracks, frames: Frames | None) -> tuple[Objects, list[str]]:
    """Object id to masks by number, and the names of their frames."""
    if isinstance(source, Track):
        return {1: TrackMasks(source)}, list(source.stems)
    if isinstance(source, Tracks):
        ids, first = lru_cache(1)(source.index_hw), source.first
        return {i: _Numbered(ids, i, len(first)) for i in source}, list(first.stems)
    if isinstance(source, str | Path):
        path = Path(source)
        if path.suffix.lower() in MASK_FILE_SUFFIXES and path.is_file() and frames is not None:
            return open_masks(path, frames), _names(frames, len(frames))
        folder = MaskFolder(source, frames)
        return objects_in(folder), list(folder.stems)
    found = objects_in_memory(source, frames)
    count = len(next(iter(found.values())))
    return found, _names(frames if isinstance(source, Mapping) else None, count)


def _names(frames: Frames | None, count: int) -> list[str]:
    """Names of the frames, numbers where they have none."""
    stems = None if frames is None else frames.stems
    return [f"{i:05d}" for i in range(count)] if stems is None else list(stems)


def _hard(masks: SoftMasks, index: int) -> HardHW | None:
    soft = masks[index]
    return None if soft is None else soft >= 0.5
