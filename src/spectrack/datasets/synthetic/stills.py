"""Still images with one object mask each, to make motion from (see ``datasets.motion``).

Layout: ``SOURCE/images/STEM.jpg`` and ``SOURCE/masks/STEM.png``; a mask is ``> 0`` on the object.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from spectrack.errors import InputError
from spectrack.structures import HardHW

SOURCES = ("ecssd", "duts", "ccp", "feralcat")
PERMISSIVE = ("ccp", "feralcat")  # Apache-2.0 and public domain; the others are research data


@dataclass(frozen=True, eq=False)
class Still:
    """One image with the mask of its object.

    Args:
        image_hwc: uint8 RGB of shape (H, W, 3).
        mask_hw: bool of shape (H, W), true on the object.
        source: Name of the collection it is from.
        stem: Its name there, without suffix.

    Raises:
        InputError: If the image is not uint8 RGB, or the mask not bool or of another size.
    """

    image_hwc: NDArray[np.uint8]
    mask_hw: HardHW
    source: str = ""
    stem: str = ""

    def __post_init__(self) -> None:
        image, mask = self.image_hwc, self.mask_hw
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise InputError(
                f"the image of a still has shape {image.shape} and type {image.dtype}; "
                "give uint8 RGB (H, W, 3)"
            )
        if mask.shape != image.shape[:2] or mask.dtype != np.bool_:
            raise InputError(
                f"the mask of a still has shape {mask.shape} and type {mask.dtype} for an image "
                f"of {image.shape[:2]}; give a bool mask of the image's size"
            )


class Stills(Sequence[Still]):
    """Stills of one or more collections, read when asked for.

    Masks are looked at once, on first use, so that those without an object are left out.

    Args:
        root: Folder of the collections.
        sources: Names of collections; ``PERMISSIVE`` are those with permissive terms.

    Raises:
        InputError: If a collection, or the mask of an image, is not there.
    """

    def __init__(self, root: str | Path, sources: Sequence[str] = SOURCES) -> None:
        if isinstance(sources, str) or not sources:
            raise InputError(
                f"sources is {sources!r}; give a list of names such as {list(SOURCES)}"
            )
        self._every: list[tuple[str, Path, Path]] = []
        for source in sources:
            self._every += _pairs(Path(root), source)

    @cached_property
    def _kept(self) -> tuple[list[tuple[str, Path, Path]], tuple[str, ...]]:
        full = [bool(_read_mask(mask).any()) for _, _, mask in self._every]
        kept = [entry for entry, some in zip(self._every, full, strict=True) if some]
        empty = [
            f"{source}/{image.stem}"
            for (source, image, _), some in zip(self._every, full, strict=True)
            if not some
        ]
        return kept, tuple(empty)

    @property
    def skipped(self) -> tuple[str, ...]:
        """``source/stem`` of every still left out because its mask is empty."""
        return self._kept[1]

    def part(self, numbers: Iterable[int]) -> Stills:
        """Some of them, by number; masks that were looked at are not read again."""
        part, kept = copy(self), self._kept[0]
        part._kept = [kept[number] for number in numbers], ()
        return part

    def __len__(self) -> int:
        return len(self._kept[0])

    def __getitem__(self, index: int) -> Still:  # type: ignore[override]
        """Read one still.

        Raises:
            InputError: If an image or mask cannot be read, or they differ in size.
            IndexError: If there are not so many.
        """
        source, image_path, mask_path = self._kept[0][index]
        image = cv2.imread(str(image_path), cv2.IMREAD_COLOR_RGB)
        if image is None:
            raise InputError(f"{image_path} cannot be read as an image; replace or remove it")
        mask = _read_mask(mask_path)
        if image.shape[:2] != mask.shape:
            raise InputError(
                f"{image_path} is {image.shape[1]}x{image.shape[0]} but its mask is "
                f"{mask.shape[1]}x{mask.shape[0]}; give a mask of the image's size"
            )
        return Still(np.asarray(image, np.uint8), mask, source, image_path.stem)

    def __iter__(self) -> Iterator[Still]:
        return (self[index] for index in range(len(self)))


def _pairs(root: Path, source: str) -> list[tuple[str, Path, Path]]:
    images, masks = root / source / "images", root / source / "masks"
    for folder in (images, masks):
        if not folder.is_dir():
            have = ", ".join(sorted(p.name for p in root.glob("*/"))) or "nothing"
            raise InputError(
                f"{folder} is not a folder; give a root with SOURCE/images and SOURCE/masks "
                f"({root} has {have})"
            )
    pairs = []
    for image in sorted(images.iterdir()):
        if image.suffix.lower() not in (".jpg", ".jpeg", ".png"):
            continue
        mask = masks / f"{image.stem}.png"
        if not mask.is_file():
            raise InputError(f"{image} has no mask; put it at {mask} or remove the image")
        pairs.append((source, image, mask))
    if not pairs:
        raise InputError(f"{images} holds no .jpg or .png images; complete the collection")
    return pairs


def _read_mask(path: Path) -> HardHW:
    mask = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if mask is None:
        raise InputError(f"{path} cannot be read as a mask; replace or remove it")
    return np.asarray(mask > 0, np.bool_)
