"""Small folders in the layouts of box data sets."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np


def write_images(folder: Path, numbers, digits=0, suffix=".png") -> None:
    """Images (24, 32) that tell their number by their brightness."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        image = np.full((24, 32, 3), number % 256, np.uint8)
        cv2.imwrite(str(folder / f"{number:0{digits}d}{suffix}"), image)


def write_text(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path
