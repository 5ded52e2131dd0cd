"""Average precision of a ``results.json`` of YouTube-VIS against a data set of tubes."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from spectrack.datasets.base import Dataset, VideoSequence
from spectrack.errors import InputError
from spectrack.metrics.average_precision import Tube, average_precision
from spectrack.structures import Mask
from spectrack.video.run_lengths import read_mask_of

MOST_BYTES = 4 << 30
"""A file may be no larger."""


def score_tubes(
    results: str | Path, dataset: Dataset, progress: Callable[[int, int], None] | None = None
) -> dict[str, float]:
    """AP and AR of instances that a method found by itself.

    Args:
        results: JSON list of tracks: ``video_id``, ``category_id``, ``score``, and
            ``segmentations`` with run lengths or null for every frame.
        dataset: The truth, with the numbers of its videos and categories, as YouTube-VIS has them.
        progress: Called with the number of videos read and in all.

    Returns:
        Figures of :func:`~spectrack.metrics.average_precision.average_precision`.

    Raises:
        InputError: If the file is none, a track does not fit the data set, or that has no truth.
    """
    numbers: Mapping[str, int] = getattr(dataset, "video_ids", {})
    kinds: Mapping[str, int] = getattr(dataset, "category_ids", {})
    if not numbers or not kinds:
        raise InputError(
            f"{dataset.name} does not number videos and categories; average precision is for data "
            "sets such as youtube_vis"
        )
    videos = {numbers[name]: name for name in dataset}
    names = {number: kind for kind, number in kinds.items()}
    truth: dict[str, list[Tube]] = {}
    lengths: dict[str, int] = {}
    for place, (name, sequence) in enumerate(dataset.items(), 1):
        truth[name] = list(_true_tubes(sequence))
        lengths[name] = len(sequence)
        if progress is not None:
            progress(place, len(dataset))
    if not any(truth.values()):
        raise InputError(f"{dataset.name} has no truth; give a split that has")
    found: dict[str, list[Tube]] = {name: [] for name in truth}
    strangers = set(numbers.values()) - set(videos)  # of the split, but not chosen
    for number, entry in enumerate(_entries(Path(results))):
        where = f"{results}, track {number}"
        try:
            video, kind = entry["video_id"], entry["category_id"]
            score, masks = float(entry["score"]), list(entry["segmentations"])
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"{where} lacks video_id, category_id, score or segmentations ({error!r}); give "
                "the file that the server of YouTube-VIS takes"
            ) from None
        if isinstance(video, int) and video in strangers:
            continue
        numbered = isinstance(video, int) and isinstance(kind, int)
        if not numbered or video not in videos or kind not in names:
            raise InputError(
                f"{where} is of video {video!r} and category {kind!r}, which {dataset.name} does "
                "not have"
            )
        name = videos[video]
        if len(masks) != lengths[name] or not math.isfinite(score):
            raise InputError(
                f"{where} has {len(masks)} masks and score {score}; expected one mask or null for "
                f"each of {lengths[name]} frames, and a finite score"
            )
        tube = [
            None if mask is None else read_mask_of(mask, f"{where}, frame {frame}")
            for frame, mask in enumerate(masks)
        ]
        found[name].append(Tube(names[kind], tube, score))
    return average_precision(found, truth)


def _true_tubes(sequence: VideoSequence) -> Iterator[Tube]:
    """The objects of a sequence, packed."""
    if sequence.read_object is None and sequence.read_objects is None:
        return
    for object_id in sequence.object_ids:
        masks = (sequence.truth_object(i, object_id) for i in range(len(sequence)))
        packed = [None if m is None or not m.any() else Mask.encode(m) for m in masks]
        yield Tube(sequence.categories.get(object_id, ""), packed)


def _entries(path: Path) -> list[Any]:
    """The tracks of a file.

    Raises:
        InputError: If it cannot be read or is no list.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError("it is larger than 4 GiB")
        data = json.loads(path.read_bytes())
        if not isinstance(data, list):
            raise ValueError("it is no list of tracks")
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            f"{path} cannot be read ({error}); give the results.json of YouTube-VIS"
        ) from None
    return data
