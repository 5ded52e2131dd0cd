"""Masks or boxes of another method, as if it were a tracker of ours."""

from __future__ import annotations

import csv
import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spectrack.errors import InputError
from spectrack.structures import Box, FrameHWC, Prediction, Target
from spectrack.tracking.base import Tracker
from spectrack.tracking.colour import robust_box
from spectrack.tracks import BOXES
from spectrack.video.masks import MaskFolder


@dataclass(frozen=True, slots=True)
class ExternalSettings:
    """Where the answers lie.

    Args:
        path: A folder of masks, a result folder of ours, or a file of boxes: ``boxes.csv`` of
            ours, or one line a frame with x,y,w,h or the x,y of four corners, split by commas,
            blanks or tabs; NaN or an empty line where the target is out of sight.
        object_id: The object meant where the masks or boxes hold several.
        one_based: Boxes count pixels from 1, as OTB does.
    """

    path: str = ""
    object_id: int | None = None
    one_based: bool = False


class ExternalTracker(Tracker):
    """Answers frame by frame what another method answered, by position from the first frame on.

    Args:
        settings: See :class:`ExternalSettings`.

    Raises:
        InputError: If the path is missing or cannot be read.
    """

    Settings = ExternalSettings
    counts_frames = True
    """Its answers go by the number of the frame, so it starts at the first one or not at all."""

    def __init__(self, settings: ExternalSettings) -> None:
        if not settings.path:
            raise InputError("the external tracker needs answers; give path=FOLDER or path=FILE")
        path = Path(settings.path)
        if not path.exists():
            raise InputError(f"{path} does not exist; give a folder of masks or a file of boxes")
        super().__init__(settings)
        self._masks: MaskFolder | None = None
        self._boxes: list[Box | None] = []
        if path.is_dir():
            self._masks = MaskFolder(path, None, settings.object_id)
        else:
            self._boxes = read_boxes(path, settings.object_id, settings.one_based)
        self.gives = "boxes" if self._masks is None else "masks"
        self._frame = -1

    def _init(self, frame_hwc: FrameHWC, target: Target) -> Prediction:
        """The other method's answer for the first frame; the target is only checked."""
        self._frame = 0
        return self._answer()

    def _update(self, frame_hwc: FrameHWC) -> Prediction:
        """The other method's answer for the next frame.

        Raises:
            InputError: If there are fewer answers than frames or a mask has another size.
        """
        self._frame += 1
        return self._answer()

    def _answer(self) -> Prediction:
        number = len(self._boxes) if self._masks is None else len(self._masks)
        if self._frame >= number:
            raise InputError(
                f"{self.settings.path} holds {number} answers but the video has more frames; "
                "give one answer a frame"
            )
        if self._masks is None:
            box = self._boxes[self._frame]
            return Prediction(box, None, float(box is not None), found=box is not None)
        soft = self._masks[self._frame]
        if soft is None:
            soft = np.zeros(self.size_wh[::-1], dtype=np.float32)
        if soft.shape != self.size_wh[::-1]:
            raise InputError(
                f"mask {self._frame} of {self.settings.path} is {soft.shape[1]}x{soft.shape[0]} "
                f"but the frame is {self.size_wh[0]}x{self.size_wh[1]}; give masks of that size"
            )
        box = robust_box(soft >= 0.5, 0.0)
        return Prediction(box, soft, float(box is not None), found=box is not None)


def read_boxes(
    path: str | Path, object_id: int | None = None, one_based: bool = False
) -> list[Box | None]:
    """Read one box a frame; see :class:`ExternalSettings` for the formats.

    Raises:
        InputError: If the file cannot be read or a line is not a box; it names the line.
    """
    path = Path(path)
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as text ({error}); give a file of boxes") from None
    if not text.strip():
        raise InputError(f"{path} is empty; give a file with one box a line")
    lines = text.splitlines()  # empty ones at the end count, too: the target has left the view
    if lines[0].startswith("frame,object,"):
        return _read_own(path, lines, object_id)
    return [_box(path, number, line, one_based) for number, line in enumerate(lines, 1)]


def _read_own(path: Path, lines: list[str], object_id: int | None) -> list[Box | None]:
    rows = list(csv.DictReader(lines))
    try:
        objects = sorted({int(row["object"]) for row in rows})
        if object_id is None and len(objects) > 1:
            raise InputError(
                f"{path} holds objects {', '.join(map(str, objects))}; say which with object_id"
            )
        wanted = objects[0] if object_id is None and objects else object_id
        chosen = [row for row in rows if int(row["object"]) == wanted]
        boxes = [Box(*(float(row[k]) for k in "xywh")) if row["x"] else None for row in chosen]
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} is not a {BOXES} of ours ({error}); give one") from None
    if not boxes:
        raise InputError(f"{path} holds no boxes of object {wanted}; it has {objects}")
    return boxes


def _box(path: Path, number: int, line: str, one_based: bool) -> Box | None:
    parts = [part for part in re.split(r"[,;\s]+", line.strip()) if part]
    if not parts:
        return None
    try:
        values = [float(part) for part in parts]
    except ValueError:
        values = []
    if len(values) not in (4, 8):
        raise InputError(
            f"line {number} of {path} is {line.strip()!r}; expected x,y,w,h or four corners"
        )
    if not all(math.isfinite(v) for v in values):
        return None
    if len(values) == 8:
        xs, ys = values[0::2], values[1::2]
        values = [min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)]
    shift = 1.0 if one_based else 0.0
    x, y, w, h = values
    return Box(x - shift, y - shift, w, h) if w > 0 and h > 0 else None
