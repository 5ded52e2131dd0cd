"""YouTube-VIS: ``results.json``, a track of run lengths an object, with a class and a score.

Our trackers know no classes: an object's is the ``category`` that its ``track.json`` notes, the
number or the name, else the one that the data set tells, else the first.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spectrack.datasets.base import VideoSequence
from spectrack.datasets.youtube_vis import YouTubeVis
from spectrack.errors import InputError
from spectrack.evaluation.submissions.archive import Pack, PackWriter
from spectrack.evaluation.submissions.base import Job, compare_names
from spectrack.evaluation.submissions.masks import read_ids, size_of
from spectrack.structures import Mask
from spectrack.tracks import INFO, MASKS, Tracks
from spectrack.video.run_lengths import read_mask_of

RESULTS = "results.json"


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

    @classmethod
    def of(cls, dataset: YouTubeVis, name: str) -> Video:
        """A video by the name of its sequence."""
        sequence = dataset[name]
        return cls(int(dataset.video_ids[name]), size_of(sequence), len(sequence))


def write(job: Job, pack: PackWriter) -> None:
    """Pack ``results.json``.

    Raises:
        InputError: If a result is missing.
    """
    dataset = _numbered(job)
    answers: list[dict[str, Any]] = []
    for number, sequence in enumerate(job.dataset.values(), start=1):
        video = Video.of(dataset, sequence.name)
        folder = job.results / sequence.name
        answers += _answers(folder, sequence, video, dataset.category_ids)
        job.progress(number, len(job.dataset))
    pack.add(RESULTS, json.dumps(answers).encode("ascii"))


def _answers(
    folder: Path, sequence: VideoSequence, video: Video, categories: Mapping[str, int]
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
                "category_id": _category(told, categories),
                "segmentations": [
                    None
                    if m is None
                    else {"size": [m.height, m.width], "counts": m.counts.decode()}
                    for m in masks
                ],
            }
        )
    return answers


def _category(told: Any, categories: Mapping[str, int]) -> int:
    numbers = sorted(categories.values())
    if isinstance(told, int) and told in numbers:
        return told
    return categories.get(str(told), numbers[0] if numbers else 1)


def _numbered(job: Job) -> YouTubeVis:
    """The data set, with the numbers of videos and classes.

    Raises:
        InputError: If it is another one.
    """
    if not isinstance(job.dataset, YouTubeVis):
        raise InputError(f"{job.dataset.name} numbers no videos and classes; give YouTube-VIS")
    return job.dataset


def check(job: Job, pack: Pack) -> Iterator[str]:
    """What is wrong with a pack for YouTube-VIS."""
    dataset = _numbered(job)
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
    names = {int(dataset.video_ids[name]): name for name in dataset}
    videos = {number: Video.of(dataset, name) for number, name in names.items()}
    answered = set()
    for number, answer in enumerate(answers):
        problem = _problem(answer, videos, set(dataset.category_ids.values()))
        if problem is not None:
            yield f"entry {number} of {RESULTS} {problem}"
        else:
            answered.add(answer["video_id"])
        job.progress(number + 1, len(answers))
    for key, name in names.items():
        if key not in answered:
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
