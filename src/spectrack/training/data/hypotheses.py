"""What trackers say on annotated videos: run once, kept on disk, read by every training.

Each tracker starts from the truth every ``length`` frames, so that there are hypotheses of every
age, right ones and lost ones. Kept are the boxes of all and the soft masks of those that have some.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectrack.datasets.base import Dataset
from spectrack.datasets.base import VideoSequence as Video
from spectrack.errors import InputError
from spectrack.storage import Progress, replacing
from spectrack.structures import Box, Target
from spectrack.tracking.base import Tracker
from spectrack.tracking.table import make_tracker

LENGTH = 40
"""Frames between two starts."""


@dataclass(frozen=True)
class Hypotheses:
    """What trackers hypotheses on one video.

    Attributes:
        video: The video.
        trackers: Their names.
        starts_t: For every frame the frame in which the trackers were started, int (T,); 0 where
            that is yet to come.
        boxes_tk4: x, y, w, h, float32 (T, K, 4); NaN where a tracker found nothing.
        masks: For every frame the soft mask of each tracker: zlib-packed bytes (255 for 1) of
            (H, W), or b"" where it has none.
        size_wh: Width and height of the frames.
    """

    video: Video
    trackers: tuple[str, ...]
    starts_t: NDArray[np.int32]
    boxes_tk4: NDArray[np.float32]
    masks: list[list[bytes]]
    size_wh: tuple[int, int]

    def box(self, t: int, k: int) -> Box | None:
        """Box of tracker k in frame t."""
        values = self.boxes_tk4[t, k]
        return Box(*(float(v) for v in values)) if np.isfinite(values).all() else None

    def mask(self, t: int, k: int) -> NDArray[np.uint8] | None:
        """Soft mask of tracker k in frame t, uint8 (H, W) with 255 for 1."""
        packed = self.masks[t][k]
        if not packed:
            return None
        width, height = self.size_wh
        return np.frombuffer(zlib.decompress(packed), np.uint8).reshape(height, width)


def collect_hypotheses(
    data: Dataset,
    trackers: Sequence[str],
    folder: Path,
    *,
    length: int | None = LENGTH,
    progress: Progress | None = None,
) -> list[Hypotheses]:
    """Run trackers over a data set, or read what they hypotheses before.

    Args:
        data: Videos with true masks.
        trackers: Names, see :data:`spectrack.tracking.table.TRACKERS`.
        folder: Where a file a video is kept; made if need be.
        length: Frames between two starts; None starts in the first frame only, from its box, as
            in use.
        progress: Called with the videos done and in all.

    Raises:
        InputError: If a file was made for other trackers, or cannot be read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for number, name in enumerate(data):
        path = folder / f"{name}.npz"
        if not path.is_file():
            _save(path, _run(data[name], tuple(trackers), length))
        found.append(_load(path, data[name], tuple(trackers)))
        if progress is not None:
            progress(number + 1, len(data))
    return found


def _run(video: Video, names: tuple[str, ...], length: int | None) -> Hypotheses:
    boxes = np.full((len(video), len(names), 4), np.nan, dtype=np.float32)
    starts = np.zeros(len(video), dtype=np.int32)
    masks: list[list[bytes]] = []
    size_wh, start = (0, 0), 0
    target: Target | None = None
    running: list[Tracker] = []
    with video.frames() as frames:
        for t, frame in enumerate(frames):
            size_wh = (frame.shape[1], frame.shape[0])
            due = target is None or (length is not None and t - start >= length)
            truth = video.truth_mask(t) if due else None
            box = video.truth_box(t, truth) if due else None
            if box is not None:
                # Half of the starts know the mask, as it is in use once a mask was found.
                given = length is not None and (t // length) % 2 == 1
                start, target = t, Target(box, truth if given else None)
                running = [make_tracker(name) for name in names]
            starts[t] = start
            if target is None:  # nothing can be said before there is truth
                masks.append([b""] * len(names))
                continue
            row = []
            for k, tracker in enumerate(running):
                answer = tracker.init(frame, target) if start == t else tracker.update(frame)
                if answer.box is not None and answer.found:
                    boxes[t, k] = tuple(answer.box)
                soft = answer.mask
                kept = b""
                if soft is not None:
                    bytes_hw = np.rint(255 * soft.astype(np.float32)).astype(np.uint8)
                    kept = zlib.compress(bytes_hw.tobytes(), 1)
                row.append(kept)
            masks.append(row)
    return Hypotheses(video, names, starts, boxes, masks, size_wh)


def _save(path: Path, hypotheses: Hypotheses) -> None:
    flat = [packed for row in hypotheses.masks for packed in row]
    with replacing(path) as part, part.open("wb") as file:
        np.savez(
            file,
            trackers=np.array(hypotheses.trackers),
            starts=hypotheses.starts_t,
            boxes=hypotheses.boxes_tk4,
            sizes=np.array([len(packed) for packed in flat], dtype=np.int64),
            masks=np.frombuffer(b"".join(flat), np.uint8),
            size_wh=np.array(hypotheses.size_wh),
        )


def _load(path: Path, video: Video, trackers: tuple[str, ...]) -> Hypotheses:
    try:
        with np.load(path, allow_pickle=False) as file:
            names = tuple(str(name) for name in file["trackers"])
            ends = np.cumsum(file["sizes"])
            every = file["masks"].tobytes()
            flat = [every[end - size : end] for end, size in zip(ends, file["sizes"], strict=True)]
            boxes, starts = file["boxes"], file["starts"]
            size_wh = (int(file["size_wh"][0]), int(file["size_wh"][1]))
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{path} cannot be read; remove it so that it is made again") from error
    if names != trackers or len(boxes) != len(video):
        raise InputError(
            f"{path} was made for {', '.join(names)} and {len(boxes)} frames, not "
            f"{', '.join(trackers)} and {len(video)}; give another folder"
        )
    rows = [flat[t * len(names) : (t + 1) * len(names)] for t in range(len(boxes))]
    return Hypotheses(video, names, starts, boxes, rows, size_wh)


__all__ = ["Hypotheses", "collect_hypotheses"]
