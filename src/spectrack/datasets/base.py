"""What every data set looks like: named sequences with frames and truth.

A sequence opens its frames and reads its truth when asked, so a data set of any size costs no
memory. Truth is a hard mask a frame, a box a frame, or both, of one object or of several that
appear when they do and may leave; a frame without truth gives None, one in which an annotated
object is out of sight an empty mask.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from spectrack.errors import InputError
from spectrack.structures import Box, HardHW, Target

if TYPE_CHECKING:
    from spectrack.video.reader import Frames

_SHOWN = 20


@dataclass(frozen=True, eq=False, slots=True)
class VideoSequence:
    """One video with its truth.

    Args:
        name: Unique in its data set.
        stems: File stem of every frame; results are matched by them.
        open_frames: Opens the frames.
        read_mask: Frame number to hard mask of shape (H, W), of all objects together, or None
            where a frame has none; left out for data sets of boxes.
        read_box: Frame number to box of the one object; taken from the mask where left out.
        read_polygon: Frame number to the corners of a rotated truth, float64 (N, 2) in pixels, or
            None where a frame has none; left out where truth is upright.
        read_objects: Frame number to the objects one by one, uint8 (H, W) with 0 for none of them,
            or None where a frame has none; left out where truth is of one object.
        read_object: Frame number and object id to the hard mask of that object, or None where a
            frame has no truth; in the place of ``read_objects`` where objects may overlap.
        read_void: Frame number to the pixels that count for nobody, bool (H, W), or None where
            there are none.
        starts: Object id to the number of the frame in which the object is given to a method; one
            object, from the first frame, where left out.
        categories: Object id to what it is, where the data set tells.
        attributes: What is difficult about the sequence, in the data set's words.
        frame_values: Name to one number a frame, float64 (T,): 0 or 1 for tags such as
            ``occlusion``, or what else the data set tells of frames.
        description: The target in words, where the data set has them.
        ignored: Frames whose truth is not known, so that no measure counts them. Other frames
            without a box are frames in which the object is absent.
    """

    name: str
    stems: tuple[str, ...]
    open_frames: Callable[[], Frames]
    read_mask: Callable[[int], HardHW | None] | None = None
    read_box: Callable[[int], Box | None] | None = None
    read_polygon: Callable[[int], NDArray[np.float64] | None] | None = None
    read_objects: Callable[[int], NDArray[np.uint8] | None] | None = None
    read_object: Callable[[int, int], HardHW | None] | None = None
    read_void: Callable[[int], HardHW | None] | None = None
    starts: Mapping[int, int] = field(default_factory=lambda: {1: 0})
    categories: Mapping[int, str] = field(default_factory=dict)
    attributes: frozenset[str] = frozenset()
    frame_values: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    description: str = ""
    ignored: frozenset[int] = frozenset()

    def __len__(self) -> int:
        return len(self.stems)

    @property
    def object_ids(self) -> tuple[int, ...]:
        """Ids of the objects, ascending; (1,) where truth is of one object."""
        return tuple(sorted(self.starts))

    @property
    def first_start(self) -> int:
        """The first frame in which an object is given.

        Raises:
            InputError: If there is no object.
        """
        self.check_objects()
        return min(self.starts.values())

    def check_objects(self) -> None:
        """Refuse a sequence without an object.

        Raises:
            InputError: If no object is given.
        """
        if not self.starts:
            raise InputError(
                f"sequence {self.name!r} has no object that is given; choose a part of the data "
                "set with truth, or leave the sequence out"
            )

    def frames(self) -> Frames:
        """Open the frames; use it as a context manager or close it."""
        return self.open_frames()

    def truth_mask(self, index: int) -> HardHW | None:
        """True mask of a frame, bool (H, W), or None where the data set has none."""
        return None if self.read_mask is None else self.read_mask(index)

    def truth_object(self, index: int, object_id: int) -> HardHW | None:
        """True mask of one object, bool (H, W), or None where a frame has no truth.

        Where truth is of one object, that is object 1.

        Raises:
            InputError: If the truth is of one object and another was asked for.
        """
        if self.read_object is not None:
            return self.read_object(index, object_id)
        if self.read_objects is not None:
            ids_hw = self.read_objects(index)
            return None if ids_hw is None else ids_hw == object_id
        self._check_single(object_id)
        return self.truth_mask(index)

    def truth_void(self, index: int) -> HardHW | None:
        """Pixels of a frame that count for nobody, bool (H, W), or None where there are none."""
        return None if self.read_void is None else self.read_void(index)

    def truth_box(
        self, index: int, mask_hw: HardHW | None = None, object_id: int | None = None
    ) -> Box | None:
        """True box of a frame, or None where the object is out of sight or not annotated.

        Args:
            index: Frame number.
            mask_hw: The true mask of the frame, or of the object, where it is at hand, so that it
                is not read again.
            object_id: Which object; all of them together where left out.

        Raises:
            InputError: As :meth:`truth_object`.
        """
        if self.read_box is not None:
            if object_id is not None:
                self._check_single(object_id)
            return self.read_box(index)
        mask = mask_hw
        if mask is None and object_id is not None:
            mask = self.truth_object(index, object_id)
        elif mask is None:
            mask = self.truth_mask(index)
        return None if mask is None else Box.from_mask(mask)

    def target(
        self, give_mask: bool = False, object_id: int | None = None, frame: int | None = None
    ) -> Target:
        """What to follow.

        Args:
            give_mask: Hand out the true mask too; otherwise its box alone.
            object_id: Which object; all of them together where left out.
            frame: From which frame; where left out the one in which the object is given, or the
                first.

        Raises:
            InputError: If the frame has no truth, or the object is not known.
        """
        if object_id is not None and object_id not in self.starts:
            known = shortened(map(str, self.object_ids))
            raise InputError(f"sequence {self.name!r} has no object {object_id}; it has {known}")
        start = 0 if object_id is None else self.starts[object_id]
        index = start if frame is None else frame
        if not give_mask:
            mask = None
        elif object_id is None:
            mask = self.truth_mask(index)
        else:
            mask = self.truth_object(index, object_id)
        box = self.truth_box(index, mask, object_id)
        if box is None or (mask is not None and not mask.any()):
            where = "the first frame" if index == 0 else f"frame {self.stems[index]}"
            what = "annotated object" if object_id is None else f"truth of object {object_id}"
            raise InputError(
                f"{where} of sequence {self.name!r} has no {what}; "
                "give a sequence that starts with one"
            )
        return Target(box=box, mask=mask)

    def targets(self, give_mask: bool = False, frame: int | None = None) -> dict[int, Target]:
        """What to follow, object by object, each from the frame in which it is given.

        Args:
            give_mask: As in :meth:`target`.
            frame: Only the objects that are given in this frame; all where left out.

        Returns:
            Object id to target, ids ascending; :attr:`starts` tells the frames.

        Raises:
            InputError: If an object has no truth in its frame.
        """
        wanted = [i for i in self.object_ids if frame is None or self.starts[i] == frame]
        return {i: self.target(give_mask, i) for i in wanted}

    def _check_single(self, object_id: int) -> None:
        if object_id != 1:
            raise InputError(
                f"sequence {self.name!r} has truth of one object, so object {object_id} has none; "
                "choose a data set that numbers its objects"
            )


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
        sequences: In order; or name to what opens a sequence, which is then opened anew each time
            it is asked for, so that a data set of any size costs nothing but its names.

    Attributes:
        protocol: How it is scored, a name in ``spectrack.metrics.protocols``.
        seen: Categories that the data set shows in training, where scores are told apart by it;
            None where they are not.
        challenge: Which challenge of VOT it is, a name in
            ``spectrack.metrics.expected_overlap.EAO_INTERVALS``; None where that is not known.
        Options: What can be chosen about it: a frozen dataclass whose fields have defaults.
    """

    protocol: str = "davis"
    seen: frozenset[str] | None = None
    challenge: str | None = None
    Options: ClassVar[type[Any]] = NoOptions

    def __init__(
        self,
        name: str,
        sequences: Iterable[VideoSequence] | Mapping[str, Callable[[], VideoSequence]],
    ) -> None:
        self.name = name
        self._sequences: Mapping[str, VideoSequence | Callable[[], VideoSequence]]
        if isinstance(sequences, Mapping):
            self._sequences = dict(sequences)
        else:
            self._sequences = {sequence.name: sequence for sequence in sequences}

    def __getitem__(self, key: str) -> VideoSequence:
        try:
            found = self._sequences[key]
        except KeyError:
            known = shortened(self._sequences)
            raise InputError(f"sequence {key!r} is not in {self.name}; it has {known}") from None
        return found if isinstance(found, VideoSequence) else found()

    def __contains__(self, key: object) -> bool:
        return key in self._sequences

    def __iter__(self) -> Iterator[str]:
        return iter(self._sequences)

    def __len__(self) -> int:
        return len(self._sequences)


def shortened(names: Iterable[str]) -> str:
    """Names for a message: the first of them, and how many more there are."""
    every = list(names)
    more = len(every) - _SHOWN
    return ", ".join(every[:_SHOWN]) + (f" and {more} more" if more > 0 else "") or "none"
