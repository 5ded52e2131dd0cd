"""What every data set looks like: named sequences with frames and truth.

A sequence opens its frames and reads its truth when asked, so a data set of any size costs no
memory. Truth is a hard mask a frame, a box a frame, or both; a frame without truth gives None.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from spectrack.errors import InputError
from spectrack.structures import Box, HardHW, Target

if TYPE_CHECKING:
    from spectrack.video.reader import Frames


@dataclass(frozen=True, eq=False)
class VideoSequence:
    """One video with its truth.

    Args:
        name: Unique in its data set.
        stems: File stem of every frame; results are matched by them.
        open_frames: Opens the frames.
        read_mask: Frame number to hard mask of shape (H, W), or None where a frame has none;
            left out for data sets of boxes.
        read_box: Frame number to box; taken from the mask where left out.
        read_polygon: Frame number to the corners of a rotated truth, float64 (N, 2) in pixels, or
            None where a frame has none; left out where truth is upright.
        read_objects: Frame number to the objects one by one, uint8 (H, W) with 0 for none of them,
            or None where a frame has none; left out where truth is of one object.
    """

    name: str
    stems: tuple[str, ...]
    open_frames: Callable[[], Frames]
    read_mask: Callable[[int], HardHW | None] | None = None
    read_box: Callable[[int], Box | None] | None = None
    read_polygon: Callable[[int], NDArray[np.float64] | None] | None = None
    read_objects: Callable[[int], NDArray[np.uint8] | None] | None = None

    def __len__(self) -> int:
        return len(self.stems)

    def frames(self) -> Frames:
        """Open the frames; use it as a context manager or close it."""
        return self.open_frames()

    def truth_mask(self, index: int) -> HardHW | None:
        """True mask of a frame, bool (H, W), or None where the data set has none."""
        return None if self.read_mask is None else self.read_mask(index)

    def truth_object(self, index: int, object_id: int) -> HardHW | None:
        """True mask of one object of several, bool (H, W), or None where a frame has no truth.

        Raises:
            InputError: If the truth does not number its objects.
        """
        if self.read_objects is None:
            raise InputError(
                f"sequence {self.name!r} has truth of one object; objects of several have none"
            )
        ids_hw = self.read_objects(index)
        return None if ids_hw is None else ids_hw == object_id

    def truth_box(self, index: int, mask_hw: HardHW | None = None) -> Box | None:
        """True box of a frame, or None where the object is out of sight or not annotated.

        Args:
            index: Frame number.
            mask_hw: The frame's true mask where it is at hand, so that it is not read again.
        """
        if self.read_box is not None:
            return self.read_box(index)
        mask = self.truth_mask(index) if mask_hw is None else mask_hw
        return None if mask is None else Box.from_mask(mask)

    def target(self, give_mask: bool = False) -> Target:
        """What to follow, from the first frame.

        Args:
            give_mask: Hand out the true mask too; otherwise its box alone.

        Raises:
            InputError: If the first frame has no truth.
        """
        mask = self.truth_mask(0) if give_mask else None
        box = self.truth_box(0, mask)
        if box is None:
            raise InputError(
                f"the first frame of sequence {self.name!r} has no annotated object; "
                "give a sequence that starts with one"
            )
        return Target(box=box, mask=mask)


Sequence = VideoSequence
"""Its earlier name, which collections.abc has too."""


@dataclass(frozen=True)
class NoOptions:
    """A data set without options."""


class Dataset(Mapping[str, VideoSequence]):
    """Sequences by name, in a fixed order.

    One in the table of data sets is built as ``cls(root, sequences=names, **options)``, where
    ``names`` is None for all sequences and the options are fields of ``Options``.

    Args:
        name: Of the data set and its part, for reports; results of two parts or options must not
            be taken for each other, so it tells them apart.
        sequences: In order.

    Attributes:
        protocol: How its boxes are scored, a name in ``spectrack.metrics.protocols``.
        Options: What can be chosen about it: a frozen dataclass whose fields have defaults.
    """

    protocol: ClassVar[str] = "davis"
    Options: ClassVar[type[Any]] = NoOptions

    def __init__(self, name: str, sequences: list[VideoSequence]) -> None:
        self.name = name
        self._sequences = {sequence.name: sequence for sequence in sequences}

    def __getitem__(self, key: str) -> VideoSequence:
        try:
            return self._sequences[key]
        except KeyError:
            raise InputError(
                f"sequence {key!r} is not in {self.name}; it has {', '.join(self._sequences)}"
            ) from None

    def __contains__(self, key: object) -> bool:
        return key in self._sequences

    def __iter__(self) -> Iterator[str]:
        return iter(self._sequences)

    def __len__(self) -> int:
        return len(self._sequences)
