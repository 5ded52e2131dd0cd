"""Answers of a method for one sequence, wherever they come from: a folder or a Track.

A folder of results is in DAVIS layout, ``RESULTS/SEQ/00000.png``; folders that ``track`` wrote
(``RESULTS/SEQ/masks/00000.png``) are read too. Masks belong to frames by their stem, foreground is
``mask > 0``; a soft mask (grey with more than two levels) is cut at 0.5. Where ``boxes.csv`` lies
beside them its boxes are taken, otherwise the boxes of the masks.
"""

from __future__ import annotations

import csv
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spectrack.datasets.base import VideoSequence
from spectrack.errors import InputError, InputWarning
from spectrack.structures import Box, HardHW
from spectrack.tracks import BOXES, MASKS, Track
from spectrack.video.alignment import constant_offset, offset_sentence
from spectrack.video.folder import natural_key
from spectrack.video.masks import read_mask

SHOWN = 5


@dataclass(frozen=True, eq=False)
class Result:
    """Masks and boxes of one sequence.

    Args:
        source: Where they come from, for messages.
        read_mask: Frame number to hard mask (H, W), or None where the frame has none; left out
            for methods that give boxes alone.
        read_box: Frame number to box, or None where the object is not found; taken from the masks
            where left out.
    """

    source: str
    read_mask: Callable[[int], HardHW | None] | None = None
    read_box: Callable[[int], Box | None] | None = None

    @classmethod
    def of_track(cls, track: Track, sequence: VideoSequence) -> Result:
        """The entries of a track, in the order of the frames.

        Raises:
            InputError: If the track is not as long as the sequence.
        """
        if len(track) != len(sequence):
            raise InputError(
                f"the track has {len(track)} frames but sequence {sequence.name!r} has "
                f"{len(sequence)}; give the track of the whole sequence"
            )
        masks = any(entry.mask is not None for entry in track)

        def box(index: int) -> Box | None:
            entry = track[index]
            return entry.box if entry.found else None

        return cls("track", track.mask if masks else None, box)

    @classmethod
    def of_folder(cls, results: str | Path, sequence: VideoSequence) -> Result:
        """The files of one sequence in a folder of results.

        The first frame may be missing, as it was given; with masks as truth so may the last: J and
        F are not scored there.

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
        there = in_order({path.stem: path for path in masks.glob("*.png")}, sequence, masks)
        boxes = _read_boxes(folder / BOXES) if (folder / BOXES).is_file() else None
        answered = set(there) if there or boxes is None else set(boxes)
        scored = sequence.stems[1:] if sequence.read_mask is None else sequence.stems[1:-1]
        missing = [stem for stem in scored if stem not in answered]
        if missing:
            names = ", ".join(missing[:SHOWN])
            more = f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
            raise InputError(
                f"{folder} lacks frames {names}{more} of sequence {sequence.name!r}; "
                "give an answer for every frame"
            )
        stems = sequence.stems

        def mask(index: int) -> HardHW | None:
            path = there.get(stems[index])
            if path is None:
                return None
            values = read_mask(path)
            hard: HardHW = values >= 0.5 if np.issubdtype(values.dtype, np.floating) else values > 0
            return hard

        def box(index: int) -> Box | None:
            return None if boxes is None else boxes.get(stems[index])

        return cls(str(folder), mask if there else None, None if boxes is None else box)

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


def _read_boxes(path: Path) -> dict[str, Box | None]:
    """Boxes by frame stem from a ``boxes.csv`` of one object; None where it was not found.

    Raises:
        InputError: If the file is damaged or holds several objects.
    """
    boxes: dict[str, Box | None] = {}
    try:
        with path.open(newline="") as handle:
            for row in csv.DictReader(handle):
                if row["frame"] in boxes:
                    raise ValueError(f"frame {row['frame']} occurs twice")
                numbers = [row[key] for key in "xywh"]
                found = all(numbers) and row.get("found") != "0"
                boxes[row["frame"]] = Box(*map(float, numbers)) if found else None
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path} cannot be read ({error}); expected the columns frame,object,x,y,w,h,score,"
            "found and one object"
        ) from error
    return boxes
