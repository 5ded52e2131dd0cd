"""Score the masks of one object against the truth, without a data set."""

from __future__ import annotations

from pathlib import Path

from spectrack.datasets.base import Sequence
from spectrack.errors import InputError
from spectrack.evaluation.results import Result
from spectrack.evaluation.score import score_result
from spectrack.soft_masks import ArrayMasks, MaskSource, SoftMasks, TrackMasks
from spectrack.structures import HardHW
from spectrack.tracks import Track
from spectrack.video.masks import MaskFolder
from spectrack.video.reader import Frames


def measure(result: MaskSource, truth: MaskSource, frames: Frames | None) -> dict[str, float]:
    """Means of all measures; see :func:`spectrack.evaluate`.

    Args:
        result: A track, a folder of masks or an array (T, H, W).
        truth: Likewise.
        frames: The video, for TCONT.

    Raises:
        InputError: If they cannot be read or do not belong together.
    """
    answers, true = _open(result, frames), _open(truth, frames)
    if len(answers) != len(true):
        raise InputError(
            f"the result has {len(answers)} frames but the truth {len(true)}; "
            "give masks of the same frames"
        )

    def no_video() -> Frames:
        raise InputError("TCONT needs the frames; give the video too")

    sequence = Sequence(
        name="the video",
        stems=tuple(f"{i:05d}" for i in range(len(true))),
        open_frames=no_video if frames is None else lambda: frames,
        read_mask=lambda index: _hard(true, index),
    )
    boxes = (lambda index: result[index].box) if isinstance(result, Track) else None
    given = Result("the result", lambda index: _hard(answers, index), boxes)
    score = score_result(given, sequence, consistency=frames is not None)
    return {name: score.summary(name).mean for name in score.values}


def _open(source: MaskSource, frames: Frames | None) -> SoftMasks:
    if isinstance(source, Track):
        return TrackMasks(source)
    if isinstance(source, str | Path):
        return MaskFolder(source, frames)
    return ArrayMasks(source)


def _hard(masks: SoftMasks, index: int) -> HardHW | None:
    soft = masks[index]
    return None if soft is None else soft >= 0.5
