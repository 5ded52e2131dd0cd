"""Track and Tracks: what a whole run gives, and the result folder it is kept in."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from spectrack.errors import InputError
from spectrack.result_folder import (
    BOXES,
    INFO,
    MASKS,
    TIME,
    ResultWriter,
    box_rows,
    davis_palette,
    header,
    index_of_masks,
    index_png,
    info_text,
    safe_stem,
    write_index_png,
)
from spectrack.structures import Box, HardHW, Mask, Prediction

__all__ = [
    "BOXES",
    "INFO",
    "MASKS",
    "Entry",
    "Track",
    "Tracks",
    "davis_palette",
    "varies",
    "write_index_png",
]

_SHOWN_OBJECTS = 5


@dataclass(frozen=True, slots=True)
class Entry:
    """One frame of a track, compressed."""

    box: Box | None
    mask: Mask | None
    score: float
    found: bool


@dataclass(repr=False)
class Track:
    """One object over a whole video; masks are kept compressed.

    Args:
        size_wh: Width and height of the frames.
        stems: File stem of every frame seen so far, or numbers where the source has none.
        entries: One entry a frame.
        info: What made the track: source, tracker, settings, versions, timings.
        times_s: Time of every frame in seconds as the video has it; None where it has no stamps.
    """

    size_wh: tuple[int, int]
    stems: list[str] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    info: dict[str, Any] = field(default_factory=dict)
    times_s: list[float] | None = None

    def __repr__(self) -> str:
        found = sum(e.found for e in self.entries)
        size = f"{len(self)} frames of {self.size_wh[0]}x{self.size_wh[1]}"
        score = f", mean score {np.mean([e.score for e in self]):.2f}" if self.entries else ""
        by = self.info.get("tracker") or self.info.get("preset")
        return f"Track({size}, found in {found}{score}{f', by {by}' if by else ''})"

    def _repr_html_(self) -> str:
        """A contact sheet of some frames, drawn from the masks."""
        return Tracks({1: self}).sheet(repr(self)) if self.entries else f"<code>{self!r}</code>"

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def __getitem__(self, index: int) -> Entry:
        return self.entries[index]

    def append(self, prediction: Prediction, stem: str | None = None) -> None:
        """Add the next frame; a soft mask is cut at 0.5."""
        hard = prediction.hard_mask()
        if hard is not None and hard.shape != (self.size_wh[1], self.size_wh[0]):
            raise InputError(
                f"a mask of shape {hard.shape} was added to a track of "
                f"{self.size_wh[0]}x{self.size_wh[1]} frames; give masks of that size"
            )
        mask = None if hard is None else Mask.encode(hard)
        score = float(prediction.score)
        self.entries.append(Entry(prediction.box, mask, score, bool(prediction.found)))
        self.stems.append(f"{len(self.stems):05d}" if stem is None else stem)

    def take_times(self, times_s: NDArray[np.float64] | None, fps: float) -> None:
        """Keep the time of every frame, and the frame rate in ``info``.

        Args:
            times_s: Seconds, one a frame at least; None for a source without time stamps, of which
                nothing is kept.
            fps: Frames per second, the average where the rate varies.
        """
        if times_s is None or len(times_s) < len(self) or not self.entries:
            return
        self.times_s = [round(float(t), 6) for t in times_s[: len(self)]]
        self.info["fps"] = round(float(fps), 6)
        self.info["variable_frame_rate"] = varies(times_s[: len(self)], fps)

    def forget_empty_masks(self) -> None:
        """Where boxes were found but every mask is empty, there are none: boxes are all there is.

        A result folder has a mask for every frame, of trackers of boxes an empty one.
        """
        found = any(entry.found and entry.box is not None for entry in self.entries)
        if found and not any(entry.mask is not None and entry.mask.area for entry in self.entries):
            self.entries = [replace(entry, mask=None) for entry in self.entries]

    def mask(self, index: int) -> HardHW:
        """Hard mask of a frame, shape (H, W); empty where the track has none."""
        entry = self.entries[index]
        if entry.mask is None:
            return np.zeros((self.size_wh[1], self.size_wh[0]), dtype=bool)
        return entry.mask.decode()

    def masks_thw(self) -> HardHW:
        """All masks, shape (T, H, W)."""
        if not self.entries:
            return np.zeros((0, self.size_wh[1], self.size_wh[0]), dtype=bool)
        return np.stack([self.mask(i) for i in range(len(self))])

    def boxes_xywh(self) -> NDArray[np.float64]:
        """All boxes, shape (T, 4); NaN where the object was not found."""
        rows = [tuple(e.box) if e.box is not None else (np.nan,) * 4 for e in self.entries]
        return np.array(rows, dtype=np.float64).reshape(-1, 4)

    def save(self, folder: str | Path, overwrite: bool = False) -> Path:
        """Write the result folder; see :meth:`Tracks.save`."""
        return Tracks({1: self}).save(folder, overwrite)

    @classmethod
    def load(cls, folder: str | Path) -> Track:
        """Read a result folder that holds one object.

        Raises:
            InputError: If there is none, it cannot be read, or it holds several objects.
        """
        tracks = Tracks.load(folder)
        if len(tracks) != 1:
            ids = ", ".join(map(str, tracks))
            raise InputError(f"{folder} holds objects {ids}; read it with Tracks.load")
        return next(iter(tracks.values()))


class Tracks(Mapping[int, Track]):
    """Several objects of one video: object id (1 to 255) to Track, all of the same length.

    Raises:
        InputError: If ids, lengths or frame sizes do not fit together.
    """

    def __init__(self, tracks: Mapping[int, Track]) -> None:
        if not tracks:
            raise InputError("no track was given; expected at least one object")
        if not all(1 <= i <= 255 for i in tracks):
            raise InputError(f"object ids {sorted(tracks)} were given; expected 1 to 255")
        if len({(len(t), t.size_wh) for t in tracks.values()}) != 1:
            raise InputError("the tracks differ in length or frame size; give tracks of one video")
        self._tracks = dict(sorted(tracks.items()))

    def __getitem__(self, key: int) -> Track:
        return self._tracks[key]

    def __iter__(self) -> Iterator[int]:
        return iter(self._tracks)

    def __len__(self) -> int:
        return len(self._tracks)

    def __repr__(self) -> str:
        shown = ", ".join(map(str, list(self)[:_SHOWN_OBJECTS]))
        more = ", ..." if len(self) > _SHOWN_OBJECTS else ""
        width, height = self.first.size_wh
        return f"Tracks(objects {shown}{more}; {len(self.first)} frames of {width}x{height})"

    def _repr_html_(self) -> str:
        """A contact sheet of some frames, drawn from the masks."""
        return self.sheet(repr(self))

    def sheet(self, title: str) -> str:
        """A contact sheet of some frames as HTML with this text above it."""
        from spectrack.mask_sheet import Cell, chosen_frames, sheet_html

        cells = []
        for t in chosen_frames(len(self.first)):
            entries = [track[t] for track in self._tracks.values()]
            score = f" {entries[0].score:.2f}" if len(entries) == 1 else ""
            lost = "" if any(e.found for e in entries) else " lost"
            boxes = [e.box for e in entries if e.box is not None]
            cells.append(Cell(f"{self.first.stems[t]}{score}{lost}", self.index_hw(t), boxes))
        return sheet_html(title, cells, davis_palette())

    @property
    def first(self) -> Track:
        """The track with the lowest id."""
        return next(iter(self._tracks.values()))

    def index_hw(self, frame: int) -> NDArray[np.uint8]:
        """Object ids of a frame, shape (H, W); where objects overlap the higher score wins."""
        masks = ((t[frame].score, key, t.mask(frame)) for key, t in self._tracks.items())
        return index_of_masks(masks, self.first.size_wh)

    def save(self, folder: str | Path, overwrite: bool = False) -> Path:
        """Write ``masks/*.png``, ``boxes.csv`` and ``track.json`` into a folder.

        ``track.json`` is written last and in one piece, so a folder with it is complete.

        Args:
            folder: Where to; it is made.
            overwrite: Replace an earlier result there.

        Returns:
            The folder.

        Raises:
            InputError: If the folder holds a result and ``overwrite`` is not set, or a frame has
                no name that a file can have.
        """
        out = Path(folder)
        if (out / INFO).exists() and not overwrite:
            raise InputError(
                f"folder {out} holds a finished result; "
                "pass overwrite=True to replace it or give another folder"
            )
        self._check_stems()
        stems, times_s = self.first.stems, self.first.times_s
        with ResultWriter(out, self.first.size_wh, times_s is not None) as writer:
            for t, stem in enumerate(stems):
                told = {key: track[t] for key, track in self._tracks.items()}
                writer.add(stem, self.index_hw(t), told, None if times_s is None else times_s[t])
            writer.finish({key: track.info for key, track in self._tracks.items()})
        return out

    def files(self, masks: str | None = MASKS) -> dict[str, bytes]:
        """The files that :meth:`save` writes, as they are sent or packed.

        Args:
            masks: Folder of the masks; empty for none, as DAVIS has it; None for no masks at all.

        Returns:
            Name, relative to the result folder, to content, ``track.json`` last.

        Raises:
            InputError: If a frame has no name that a file can have.
        """
        self._check_stems()
        first, table = self.first, io.StringIO(newline="")
        rows = csv.writer(table)
        rows.writerow(header(first.times_s is not None))
        found: dict[str, bytes] = {}
        for t, stem in enumerate(first.stems):
            if masks is not None:
                found[str(Path(masks, f"{stem}.png"))] = index_png(self.index_hw(t))
            told = {key: track[t] for key, track in self._tracks.items()}
            rows.writerows(box_rows(stem, told, first.times_s[t] if first.times_s else None))
        found[BOXES] = table.getvalue().encode("utf-8", "surrogateescape")
        objects = {key: track.info for key, track in self._tracks.items()}
        found[INFO] = info_text(first.size_wh, first.stems, objects).encode("ascii")
        return found

    def _check_stems(self) -> None:
        """Refuse frames that cannot be told apart by the names of files."""
        stems = self.first.stems
        for stem in stems:
            safe_stem(stem)
        if len(set(stems)) != len(stems):
            raise InputError("two frames share one name; give every frame its own stem")

    @classmethod
    def load(cls, folder: str | Path) -> Tracks:
        """Read a result folder written by :meth:`save`, or one sequence of an evaluated data set.

        There the masks lie in the folder itself, or nowhere where the tracker gives boxes alone.

        Raises:
            InputError: If the folder is not a complete result.
        """
        root = Path(folder)
        masks = root / MASKS if (root / MASKS).is_dir() else root
        masked = masks != root or any(root.glob("*.png"))
        try:
            info = json.loads((root / INFO).read_text())
            size_wh = (int(info["size_wh"][0]), int(info["size_wh"][1]))
            stems = [str(s) for s in info["stems"]]
            tracks = {int(i): Track(size_wh, info=dict(v)) for i, v in info["objects"].items()}
            with (root / BOXES).open(
                newline="", encoding="utf-8", errors="surrogateescape"
            ) as handle:
                rows = {(r["frame"], int(r["object"])): r for r in csv.DictReader(handle)}
            for stem in stems:
                index = _read_index(masks / f"{safe_stem(stem)}.png", size_wh) if masked else None
                for object_id, track in tracks.items():
                    row = rows[stem, object_id]
                    box = Box(*(float(row[k]) for k in "xywh")) if row["x"] else None
                    hard = None if index is None else np.asarray(index == object_id)
                    track.append(
                        Prediction(box, hard, float(row["score"]), row["found"] == "1"), stem
                    )
            for track in tracks.values():
                track.forget_empty_masks()
            for object_id, track in tracks.items():
                times = [rows[stem, object_id].get(TIME) for stem in stems]
                track.times_s = [float(t) for t in times if t] if all(times) and times else None
        except (
            OSError,
            KeyError,
            IndexError,
            TypeError,
            ValueError,
            AttributeError,
            SyntaxError,  # Pillow's word for a broken PNG
            csv.Error,
        ) as error:
            raise InputError(
                f"{root} is not a complete result folder ({error}); "
                "give one that track, refine or fuse wrote"
            ) from error
        return cls(tracks)


def varies(times_s: NDArray[np.float64], fps: float) -> bool:
    """Whether frames are off an even beat by more than a quarter of a frame.

    Args:
        times_s: Seconds, shape (T,).
        fps: Frames per second of the beat.
    """
    beat = np.arange(len(times_s)) / fps
    return bool(np.abs(np.asarray(times_s) - times_s[0] - beat).max() > 0.25 / fps)


def _read_index(path: Path, size_wh: tuple[int, int]) -> NDArray[np.uint8]:
    """Object ids of a mask file.

    Raises:
        ValueError: If it has another size; the errors of Pillow where it is broken.
    """
    with Image.open(path) as image:
        index = np.asarray(image)
    if index.shape != (size_wh[1], size_wh[0]):
        raise ValueError(f"mask {path.stem} has shape {index.shape}")
    return index
