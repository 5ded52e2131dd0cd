"""Answers of a method for one sequence, wherever they come from: a folder or a Track.

A folder of results is in DAVIS layout, ``RESULTS/SEQ/00000.png``; folders that ``track`` wrote
(``RESULTS/SEQ/masks/00000.png``) are read too. Masks belong to frames by their stem. In a sequence
of several objects the value of a pixel is the id of its object; of one object, foreground is
``mask > 0``, and a soft mask (grey with more than two levels) is cut at 0.5. Where ``boxes.csv``
lies beside them its boxes are taken, otherwise the boxes of the masks.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectrack.datasets.base import VideoSequence
from spectrack.errors import InputError, InputWarning
from spectrack.evaluation.result_boxes import BoxRows, only_object, read_box_rows
from spectrack.structures import Box, HardHW
from spectrack.tracks import BOXES, MASKS, Track, Tracks
from spectrack.video.alignment import constant_offset, offset_sentence
from spectrack.video.folder import natural_key
from spectrack.video.masks import kind_of, read_mask, read_mask_as

SHOWN = 5

Ids = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Result:
    """Masks and boxes of one sequence.

    Args:
        source: Where they come from, for messages.
        read_mask: Frame number to hard mask (H, W) of the object, or of all together, or None where
            the frame has none; left out for methods that give boxes alone.
        read_box: Frame number to box of the object, or None where it is not found; taken from the
            masks where left out.
        read_ids: Frame number to the objects one by one, uint8 (H, W) with 0 for none of them, or
            None where the frame has none; left out where results are of one object.
        read_object_box: Frame number and object id to box, likewise.
        read_score: Frame number to how sure the method is, NaN where it found nothing; left out
            where it does not tell.
    """

    source: str
    read_mask: Callable[[int], HardHW | None] | None = None
    read_box: Callable[[int], Box | None] | None = None
    read_ids: Callable[[int], Ids | None] | None = None
    read_object_box: Callable[[int, int], Box | None] | None = None
    read_score: Callable[[int], float] | None = None

    @classmethod
    def of_track(cls, track: Track | Tracks, sequence: VideoSequence) -> Result:
        """The entries of a track, or of several, in the order of the frames.

        Raises:
            InputError: If the track is not as long as the sequence.
        """
        first = track if isinstance(track, Track) else track.first
        if len(first) != len(sequence):
            raise InputError(
                f"the track has {len(first)} frames but sequence {sequence.name!r} has "
                f"{len(sequence)}; give the track of the whole sequence"
            )
        if isinstance(track, Tracks) and len(track) == 1:
            track = first
        if isinstance(track, Track) and len(sequence.object_ids) > 1:
            track = Tracks({1: track})

        def box_of(one: Track, index: int) -> Box | None:
            entry = one[index]
            return entry.box if entry.found else None

        if isinstance(track, Track):
            masks = any(entry.mask is not None for entry in track)
            return cls(
                "track",
                first.mask if masks else None,
                lambda index: box_of(first, index),
                read_score=lambda index: first[index].score if first[index].found else math.nan,
            )
        many = track
        masks = any(entry.mask is not None for one in many.values() for entry in one)
        ids = lru_cache(1)(many.index_hw) if masks else None
        return cls(
            "track",
            None if ids is None else lambda index: ids(index) > 0,
            read_ids=ids,
            read_object_box=lambda index, i: box_of(many[i], index) if i in many else None,
        )

    @classmethod
    def of_folder(
        cls,
        results: str | Path,
        sequence: VideoSequence,
        last: bool = False,
        whole: bool = False,
    ) -> Result:
        """The files of one sequence in a folder of results.

        Frames that are not scored may be missing: those up to the one in which the first object is
        given, those whose truth is not known, and the last one where it does not count.

        Args:
            results: The folder.
            sequence: Which one.
            last: Whether the last frame counts where truth is masks; it does not for DAVIS.
            whole: Every frame behind the first must be there, scored or not.

        Raises:
            InputError: If the folder, the sequence's folder in it or frames are missing; the
                message names them.
        """
        root = Path(results)
        if not root.is_dir():
            raise InputError(f"{root} is not a folder; give one in DAVIS layout, SEQ/00000.png")
        folder = root / sequence.name
        if not folder.is_dir():
            raise InputError(
                f"{root} lacks sequence {sequence.name!r}; give results of every sequence or "
                "choose the sequences to score"
            )
        masks = folder / MASKS if (folder / MASKS).is_dir() else folder
        # The order counts: what kind they are is judged from a few spread over them.
        files = sorted(masks.glob("*.png"), key=lambda path: natural_key(path.stem))
        there = in_order({path.stem: path for path in files}, sequence, masks)
        told = read_box_rows(folder / BOXES) if (folder / BOXES).is_file() else None
        answered = set(there) if there or told is None else {stem for stem, _ in told}
        unanswered = [i for i in range(1, len(sequence)) if sequence.stems[i] not in answered]
        if missing := unanswered if whole else _scored(unanswered, sequence, last):
            raise _incomplete(folder, sequence, missing)
        stems, several = sequence.stems, len(sequence.object_ids) > 1
        # Of several objects there may be one in a frame, or none; a soft mask may fade.
        kind = cache(lambda: "index" if several else kind_of(list(there.values())))

        @lru_cache(1)
        def ids(index: int) -> Ids | None:
            path = there.get(stems[index])
            if path is None:
                return None
            values = read_mask_as(path, kind())
            soft = np.issubdtype(values.dtype, np.floating)
            numbered: Ids = (values >= 0.5 if soft else values).astype(np.uint8)
            return numbered

        def mask(index: int) -> HardHW | None:
            values = ids(index)
            return None if values is None else values > 0

        def box(index: int, object_id: int) -> Box | None:
            row = None if told is None else told.get((stems[index], object_id))
            return None if row is None else row.box

        source, masked = str(folder), bool(there) and not _boxes_alone(there, told)
        if several:
            boxes = None if told is None else box
            return cls(source, mask if masked else None, None, ids if masked else None, boxes)
        only = only_object(folder / BOXES, told) if told else 1

        def sure(index: int) -> float:
            row = None if told is None else told.get((stems[index], only))
            return math.nan if row is None or row.box is None else row.score

        alone = None if told is None else lambda index: box(index, only)
        return cls(
            source,
            mask if masked else None,
            alone,
            ids if masked else None,
            read_score=None if told is None else sure,
        )

    def of_object(self, object_id: int) -> Result:
        """The answers for one object of several.

        Args:
            object_id: Which; one that was never answered has empty masks and no boxes.
        """
        read_ids, read_box = self.read_ids, self.read_object_box

        def mask(index: int) -> HardHW | None:
            values = None if read_ids is None else read_ids(index)
            return None if values is None else values == object_id

        return Result(
            self.source,
            None if read_ids is None else mask,
            None if read_box is None else lambda index: read_box(index, object_id),
        )

    def proposals(self, index: int) -> Ids | None:
        """Everything found in a frame, numbered; None where the frame has no masks."""
        if self.read_ids is not None:
            return self.read_ids(index)
        mask = self.mask(index)
        return None if mask is None else mask.astype(np.uint8)

    def mask(self, index: int) -> HardHW | None:
        """Hard mask of a frame, or None where there is none."""
        return None if self.read_mask is None else self.read_mask(index)

    def box(self, index: int, mask_hw: HardHW | None = None) -> Box | None:
        """Box of a frame, or None where the object is not found.

        Args:
            index: Frame number.
            mask_hw: The frame's mask where it is at hand, so that it is not read again.
        """
        if self.read_box is not None:
            return self.read_box(index)
        mask = self.mask(index) if mask_hw is None else mask_hw
        return None if mask is None else Box.from_mask(mask)


def in_order(there: dict[str, Path], sequence: VideoSequence, folder: Path) -> dict[str, Path]:
    """Masks by the stem of their frame; by position where all numbers differ by the same amount."""
    stems = sorted(there, key=natural_key)
    if not constant_offset(stems, sequence.stems):
        return there
    warnings.warn(offset_sentence(str(folder), stems, sequence.stems), InputWarning, stacklevel=3)
    return {mine: there[its] for mine, its in zip(sequence.stems, stems, strict=True)}


def _boxes_alone(there: Mapping[str, Path], told: BoxRows | None) -> bool:
    """Whether all masks are empty although boxes were found, as `track` leaves box trackers'."""
    if told is None or not any(row.box is not None for row in told.values()):
        return False
    return not any(read_mask(path).any() for path in there.values())


def _scored(frames: Iterable[int], sequence: VideoSequence, last: bool) -> list[int]:
    """Those of some frames that are scored."""
    masked = sequence.read_mask is not None
    counted = range(sequence.first_start + 1, len(sequence) - (masked and not last))
    return [
        index
        for index in frames
        if index in counted
        and index not in sequence.ignored
        and (not masked or sequence.truth_mask(index) is not None)
    ]


def _incomplete(folder: Path, sequence: VideoSequence, missing: Sequence[int]) -> InputError:
    names = ", ".join(sequence.stems[index] for index in missing[:SHOWN])
    more = f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
    return InputError(
        f"{folder} lacks frames {names}{more} of sequence {sequence.name!r}; "
        "give an answer for every frame"
    )
