"""YouTube-VIS 2019, 2021 and 2022: all objects of 40 categories (Yang et al., ICCV 2019).

Layout: ``SPLIT/JPEGImages/SEQ/00000.jpg`` and ``SPLIT/instances.json`` (or ``annotations/
instances_SPLIT.json``, or ``SPLIT.json``); SPLIT is ``train``, ``valid`` or ``test``. The file has
``videos`` (``id``, ``width``, ``height``, ``file_names`` such as ``SEQ/00000.jpg``), ``categories``
(``id``, ``name``) and, in ``train``, ``annotations``: an object each (``id``, ``video_id``,
``category_id``, ``iscrowd``) whose ``segmentations`` hold for every frame run lengths, or polygons,
or null where it is out of sight.

Objects of a video are numbered from 1 in the order of their ids. Crowds are no objects: their
pixels count for nobody. Objects may overlap.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from spectrack.datasets.base import Dataset, VideoSequence
from spectrack.datasets.frame_folders import NamedImages
from spectrack.datasets.listing import checked_choice, chosen, find_place, read_object
from spectrack.datasets.vis_file import VisMasks, VisObject, VisVideo, entries_of
from spectrack.errors import InputError

Split = Literal["valid", "train", "test"]


@dataclass(frozen=True)
class YouTubeVisOptions:
    """What can be chosen about YouTube-VIS."""

    split: Split = "valid"
    """Which part: valid, train or test; only train has truth."""


class YouTubeVis(Dataset):
    """Sequences of one split, in the order of its file.

    Args:
        root: Folder that holds train, valid and test.
        sequences: Only these, in this order; all of the split where left out.
        split: ``valid``, ``train`` or ``test``.

    Attributes:
        video_ids: Sequence to its number in the file.
        category_ids: Category to its number in the file.

    Raises:
        InputError: If the split or a sequence is not there, or the file is malformed. A malformed
            mask is told when it is read.
    """

    protocol = "youtube_vis"
    Options = YouTubeVisOptions

    def __init__(
        self,
        root: str | Path,
        sequences: Iterable[str] | None = None,
        split: Split = YouTubeVisOptions.split,
    ) -> None:
        checked_choice(split, Split, "split")
        folder, data_set = Path(root), "YouTube-VIS"
        path = find_place(
            folder,
            [f"{split}/instances.json", f"annotations/instances_{split}.json", f"{split}.json"],
            data_set,
        )
        images = find_place(folder, [f"{split}/JPEGImages"], data_set)
        data = read_object(path)
        kinds = {
            e["id"]: str(e["name"]) for e in entries_of(data, "categories", path, ("id", "name"))
        }
        videos = [VisVideo.of(entry, path) for entry in entries_of(data, "videos", path, ("id",))]
        listed = {video.name: video for video in videos}
        if not listed:
            raise InputError(f"{path} names no videos; give the data set's own file")
        objects: dict[Any, list[VisObject]] = defaultdict(list)
        if "annotations" in data and data["annotations"] is not None:
            lengths = {video.id: len(video.stems) for video in videos}
            for entry in entries_of(data, "annotations", path, ("id", "video_id", "category_id")):
                objects[entry["video_id"]].append(VisObject.of(entry, kinds, lengths, path))
        self.video_ids = {video.name: video.id for video in videos}
        self.category_ids = {name: key for key, name in kinds.items()}
        names = chosen(sequences, listed, path)
        super().__init__(
            f"{data_set} {split}",
            {n: partial(_open, listed[n], objects.get(listed[n].id, []), images) for n in names},
        )


def _open(video: VisVideo, objects: list[VisObject], images: Path) -> VideoSequence:
    masks = VisMasks(video, objects)
    starts = {}
    for key, one in masks.objects.items():
        seen = [i for i, mask in enumerate(one.masks) if mask is not None]
        if seen:
            starts[key] = seen[0]
    return VideoSequence(
        video.name,
        video.stems,
        partial(NamedImages, images / video.name, video.stems),
        masks.all if objects else None,
        read_object=masks.one if objects else None,
        read_void=masks.void if objects else None,
        starts=starts,
        categories={key: masks.objects[key].category for key in starts},
    )
