"""From a data set and folders of masks to the videos that fusing is learned from.

Each method has one folder, with a folder of masks a sequence: ``METHOD/SEQ/00000.png``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from spectrack.datasets.base import Dataset, VideoSequence
from spectrack.errors import InputError
from spectrack.fusion.objects import open_objects
from spectrack.fusion.stream import Channels, read_channels
from spectrack.fusion.train_videos import FusionVideo
from spectrack.structures import FrameHWC, HardHW
from spectrack.video.frames import DEFAULT_FPS, Frames
from spectrack.video.given_masks import SoftMasks


def folder_videos(
    dataset: Dataset, channels: Mapping[str, Path], with_frames: bool = False
) -> list[FusionVideo]:
    """One video a sequence; masks belong to frames as everywhere, by file stem first.

    Where the masks of a sequence number several objects, each that has a truth is a video of its
    own; a method that lacks one has no masks for it.

    Nothing but a few masks of each folder is read before a video is asked for.

    Args:
        dataset: Sequences with true masks.
        channels: Name of each channel to the folder of its method.
        with_frames: Whether the videos will be asked for frames too.

    Raises:
        InputError: If a method lacks a sequence, its masks cannot be used, a sequence has no true
            mask, or masks have several objects and the truth none of them; while reading, if a mask
            is damaged or of another size than the truth.
    """
    for name, folder in channels.items():
        if not folder.is_dir():
            raise InputError(f"channel {name}: {folder} is not a folder; give one of masks")
        lacking = [sequence for sequence in dataset if not (folder / sequence).is_dir()]
        if lacking:
            some = ", ".join(lacking[:3]) + (", ..." if len(lacking) > 3 else "")
            raise InputError(
                f"channel {name}: {folder} lacks {len(lacking)} of {len(dataset)} sequences "
                f"({some}); add their masks, or choose sequences that every channel has"
            )
    return [
        video for sequence in dataset.values() for video in _videos(sequence, channels, with_frames)
    ]


def _videos(
    sequence: VideoSequence, channels: Mapping[str, Path], with_frames: bool
) -> list[FusionVideo]:
    named = NamedFrames(sequence)
    folders = {name: folder / sequence.name for name, folder in channels.items()}
    objects = open_objects(folders, named)
    several = len(objects) > 1
    learned = _known(sequence, objects) if several else list(objects)
    frames = sequence.frames() if with_frames else None
    return [
        FusionVideo(
            name=f"{sequence.name} object {key}" if several else sequence.name,
            length=len(sequence),
            masks=partial(_masks, opened, named.size_wh),
            truth=partial(_truth, sequence, key) if several else sequence.truth_mask,
            frame=None if frames is None else partial(_frame, frames),
            sequence=sequence.name,
        )
        for key, opened in objects.items()
        if key in learned
    ]


def _masks(channels: Sequence[SoftMasks], size_wh: tuple[int, int], index: int) -> Channels:
    return read_channels(channels, index, size_wh)


def _truth(sequence: VideoSequence, object_id: int, index: int) -> HardHW | None:
    return sequence.truth_object(index, object_id)


def _known(sequence: VideoSequence, objects: Iterable[int]) -> list[int]:
    """Those of the objects that the truth holds in any frame.

    Raises:
        InputError: If it holds none of them.
    """
    masks = ((key, sequence.truth_object(t, key)) for t in range(len(sequence)) for key in objects)
    known = sorted({key for key, mask in masks if mask is not None and mask.any()})
    if not known:
        raise InputError(
            f"masks of sequence {sequence.name} hold objects {', '.join(map(str, objects))} and "
            "the truth none of them; give both the same numbers"
        )
    return known


def _frame(frames: Frames, index: int) -> FrameHWC:
    return frames[index]


class NamedFrames(Frames):
    """What masks must know of the frames of a sequence, their names and size; no pictures.

    Args:
        sequence: With true masks; the first of them gives the size.

    Raises:
        InputError: If there is no true mask.
    """

    def __init__(self, sequence: VideoSequence) -> None:
        self.source = self.name = sequence.name
        self.stems, self.fps = list(sequence.stems), DEFAULT_FPS
        truths = (sequence.truth_mask(t) for t in range(len(sequence)))
        first = next((truth for truth in truths if truth is not None), None)
        if first is None:
            raise InputError(
                f"sequence {sequence.name} has no true mask; give annotated sequences to train on"
            )
        self.size_wh = first.shape[1], first.shape[0]

    @property
    def length(self) -> int:
        """Number of frames."""
        return len(self.stems or ())

    def __iter__(self) -> Iterator[FrameHWC]:
        return (self._read(index) for index in range(self.length))

    def _read(self, index: int) -> FrameHWC:
        raise InputError(f"sequence {self.name} was opened without pictures; open its frames")
