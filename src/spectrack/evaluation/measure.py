"""Score the masks of one object against the truth, without a data set."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from spectrack.datasets.base import VideoSequence
from spectrack.datasets.folder import mask_sequence
from spectrack.errors import InputError
from spectrack.evaluation.results import Result
from spectrack.evaluation.score import score_result
from spectrack.structures import Box, HardHW
from spectrack.tracks import Track
from spectrack.video.mask_files import MASK_FILE_SUFFIXES
from spectrack.video.masks import MaskFolder
from spectrack.video.reader import Frames
from spectrack.video.soft_masks import MaskSource, SoftMasks, TrackMasks, in_memory, open_masks


def measure(result: MaskSource, truth: MaskSource, frames: Frames | None) -> dict[str, float]:
    """Means of all measures; see :func:`spectrack.evaluate`.

    Args:
        result: A track, a folder of masks or an array (T, H, W).
        truth: Likewise.
        frames: The video, for TCONT.

    Raises:
        InputError: If they cannot be read or do not belong together.
    """
    sequence = _sequence(truth, frames)
    masks, stems = _open(result, frames)
    if set(stems) >= set(sequence.stems):
        place = [stems.index(stem) for stem in sequence.stems]
    elif len(masks) == len(sequence):
        place = list(range(len(masks)))
    else:
        raise InputError(
            f"the result has {len(masks)} frames but the truth {len(sequence)}; "
            "give masks of the same frames"
        )
    boxes = _boxes(result, place) if isinstance(result, Track) else None
    given = Result("the result", lambda index: _hard(masks, place[index]), boxes)
    score = score_result(given, sequence, consistency=frames is not None)
    return {name: score.summary(name).mean for name in score.values}


def _boxes(track: Track, place: list[int]) -> Callable[[int], Box | None]:
    """Box of a frame of the truth, or None where it was not found."""

    def box(index: int) -> Box | None:
        entry = track[place[index]]
        return entry.box if entry.found else None

    return box


def _sequence(truth: MaskSource, frames: Frames | None) -> VideoSequence:
    """The truth as a sequence."""
    if isinstance(truth, str | Path):
        return mask_sequence(truth, frames)
    masks, stems = _open(truth, frames)

    def open_frames() -> Frames:
        if frames is None:
            raise InputError("TCONT needs the frames; give the video too")
        return frames

    return VideoSequence("the video", tuple(stems), open_frames, lambda index: _hard(masks, index))


def _open(source: MaskSource, frames: Frames | None) -> tuple[SoftMasks, list[str]]:
    """Masks by number, and the names of their frames."""
    if isinstance(source, Track):
        return TrackMasks(source), list(source.stems)
    if isinstance(source, str | Path):
        path = Path(source)
        if path.suffix.lower() in MASK_FILE_SUFFIXES and path.is_file() and frames is not None:
            return next(iter(open_masks(path, frames).values())), _names(frames, len(frames))
        folder = MaskFolder(source, frames)
        return folder, list(folder.stems)
    masks = in_memory(source, frames)
    return masks, _names(frames if isinstance(source, Mapping) else None, len(masks))


def _names(frames: Frames | None, count: int) -> list[str]:
    """Names of the frames, numbers where they have none."""
    stems = None if frames is None else frames.stems
    return [f"{i:05d}" for i in range(count)] if stems is None else list(stems)


def _hard(masks: SoftMasks, index: int) -> HardHW | None:
    soft = masks[index]
    return None if soft is None else soft >= 0.5
