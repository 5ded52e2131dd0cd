"""YouTube-VIS: ``results.json``, a track of run lengths an object, with a class and a score.

Videos and classes have numbers, which the data set's own JSON file tells (``instances.json`` or
``SPLIT.json``). Our trackers know no classes: an object's is the ``category`` that its
``track.json`` notes, the number or the name, else the one that the data set tells, else the first.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spectrack.datasets.base import VideoSequence
from spectrack.errors import InputError
from spectrack.evaluation.submissions.archive import Pack, PackWriter
from spectrack.evaluation.submissions.base import Job, compare_names
from spectrack.evaluation.submissions.masks import read_ids
from spectrack.structures import Mask
from spectrack.tracks import INFO, MASKS, Tracks
from spectrack.video.run_lengths import read_mask_of

RESULTS = "results.json"
PLACES = ("valid.json", "test.json", "instances.json", "*/instances.json", "annotations/*.json")
"""Where the file of videos and classes may lie below the root; the first that is there is taken."""


@dataclass(frozen=True, slots=True)
class Video:
    """One video of the data set.

    Args:
        number: Its id.
        size_wh: Width and height of its frames.
        length: Number of frames.
    """

    number: int
    size_wh: tuple[int, int]
    length: int


@dataclass(frozen=True, slots=True)
class Index:
    """Videos by name, and classes by name."""

    videos: Mapping[str, Video]
    categories: Mapping[str, int]


def read_index(root: Path) -> Index:
    """Videos and classes of a data set.

    Raises:
        InputError: If there is no such file, or it cannot be used.
    """
    found = [path for pattern in PLACES for path in sorted(root.glob(pattern))]
    if not found:
        raise InputError(f"{root} holds no {', '.join(PLACES[:3])}; give the root of YouTube-VIS")
    try:
        data = json.loads(found[0].read_bytes())
        videos = {
            Path(v["file_names"][0]).parent.name: Video(
                int(v["id"]), (int(v["width"]), int(v["height"])), int(v["length"])
            )
            for v in data["videos"]
        }
        return Index(videos, {str(c["name"]): int(c["id"]) for c in data["categories"]})
    except (OSError, KeyError, IndexError, TypeError, ValueError, RecursionError) as error:
        raise InputError(f"{found[0]} cannot be used ({error!r}); give YouTube-VIS's own") from None


def write(job: Job, pack: PackWriter) -> None:
    """Pack ``results.json``.

    Raises:
        InputError: If a result is missing, or its video is not in the data set's file.
    """
    index = read_index(job.root)
    answers: list[dict[str, Any]] = []
    for number, sequence in enumerate(job.dataset.values(), start=1):
        video = index.videos.get(sequence.name)
        if video is None:
            raise InputError(f"sequence {sequence.name!r} is not in the data set's JSON file")
        answers += _answers(job.results / sequence.name, sequence, video, index)
        job.progress(number, len(job.dataset))
    pack.add(RESULTS, json.dumps(answers).encode("ascii"))


def _answers(
    folder: Path, sequence: VideoSequence, video: Video, index: Index
) -> list[dict[str, Any]]:
    """The tracks of one video."""
    root = folder / MASKS if (folder / MASKS).is_dir() else folder
    ids_thw = [read_ids(root / f"{stem}.png", video.size_wh) for stem in sequence.stems]
    scores, infos = {}, {}
    if (folder / INFO).is_file():
        for object_id, track in Tracks.load(folder).items():
            scores[object_id] = float(np.mean([e.score for e in track]))
            infos[object_id] = track.info
    answers = []
    for object_id in sorted({int(i) for ids in ids_thw for i in np.unique(ids)} - {0}):
        masks = [
            Mask.encode(ids == object_id) if (ids == object_id).any() else None for ids in ids_thw
        ]
        told = infos.get(object_id, {}).get("category", sequence.categories.get(object_id))
        answers.append(
            {
                "video_id": video.number,
                "score": round(scores.get(object_id, 1.0), 4),
                "category_id": _category(told, index),
                "segmentations": [
                    None
                    if m is None
                    else {"size": [m.height, m.width], "counts": m.counts.decode()}
                    for m in masks
                ],
            }
        )
    return answers


def _category(told: Any, index: Index) -> int:
    numbers = sorted(index.categories.values())
    if isinstance(told, int) and told in numbers:
        return told
    return index.categories.get(str(told), numbers[0] if numbers else 1)


def check(job: Job, pack: Pack) -> Iterator[str]:
    """What is wrong with a pack for YouTube-VIS."""
    index = read_index(job.root)
    yield from compare_names(pack, [RESULTS])
    if RESULTS not in pack.names:
        return
    try:
        answers = json.loads(pack.read(RESULTS))
    except (ValueError, RecursionError) as error:
        yield f"{RESULTS} cannot be read ({error}); write JSON"
        return
    if not isinstance(answers, list):
        yield f"{RESULTS} holds no list; write one entry a track"
        return
    videos = {video.number: video for video in index.videos.values()}
    answered = set()
    for number, answer in enumerate(answers):
        problem = _problem(answer, videos, set(index.categories.values()))
        if problem is not None:
            yield f"entry {number} of {RESULTS} {problem}"
        else:
            answered.add(answer["video_id"])
        job.progress(number + 1, len(answers))
    for name, video in index.videos.items():
        if video.number not in answered and name in job.dataset:
            yield f"{RESULTS} has no track of video {name}; give one at least"


def _problem(answer: Any, videos: Mapping[int, Video], categories: set[int]) -> str | None:
    """What is wrong with one track; None where nothing is."""
    keys = ("video_id", "score", "category_id", "segmentations")
    if not isinstance(answer, dict) or not all(key in answer for key in keys):
        return f"lacks one of {', '.join(keys)}"
    number, score, category, masks = (answer[key] for key in keys)
    if type(number) is not int or number not in videos:
        return f"is of video {number!r}, which is not in the data set"
    if type(category) is not int or category not in categories:
        return f"is of class {category!r}, which is not in the data set"
    if isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 1:
        return f"has the score {score!r}; expected 0 to 1"
    video = videos[number]
    if not isinstance(masks, list) or len(masks) != video.length:
        count = len(masks) if isinstance(masks, list) else 0
        return f"has {count} masks; expected {video.length}, one a frame or null"
    for t, value in enumerate(masks):
        try:
            mask = read_mask_of(value, f"mask {t}")
        except InputError as error:
            return f"cannot be used: {error}"
        if mask is not None and (mask.width, mask.height) != video.size_wh:
            shown, wanted = f"{mask.width}x{mask.height}", "{}x{}".format(*video.size_wh)
            return f"has a mask {t} of {shown} but the video is {wanted}"
    return None
