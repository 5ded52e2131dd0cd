"""From a data set and folders of masks to the videos that fusing is learned from.

Each method has one folder, with a folder of masks a sequence: ``METHOD/SEQ/00000.png``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from spectrack.datasets.base import Dataset, VideoSequence
from spectrack.errors import InputError
from spectrack.fusion.stream import open_channels, read_channels
from spectrack.fusion.train_videos import FusionVideo
from spectrack.structures import FrameHWC
from spectrack.video.frames import DEFAULT_FPS, Frames


def folder_videos(
    dataset: Dataset, channels: Mapping[str, Path], with_frames: bool = False
) -> list[FusionVideo]:
    """One video a sequence; masks belong to frames as everywhere, by file stem first.

    Nothing but a few masks of each folder is read before a video is asked for.

    Args:
        dataset: Sequences with true masks.
        channels: Name of each channel to the folder of its method.
        with_frames: Whether the videos will be asked for frames too.

    Raises:
        InputError: If a method lacks a sequence, its masks cannot be used, or a sequence has no
            true mask; while reading, if a mask is damaged or of another size than the truth.
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
    return [_video(sequence, channels, with_frames) for sequence in dataset.values()]


def _video(sequence: VideoSequence, channels: Mapping[str, Path], with_frames: bool) -> FusionVideo:
    named = NamedFrames(sequence)
    folders = {name: folder / sequence.name for name, folder in channels.items()}
    opened = open_channels(folders, named)
    return FusionVideo(
        name=sequence.name,
        length=len(sequence),
        masks=lambda t: read_channels(opened, t, named.size_wh),
        truth=sequence.truth_mask,
        frame=partial(_frame, sequence.frames()) if with_frames else None,
    )


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
