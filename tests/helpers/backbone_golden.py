"""Golden features of published backbones and their files, beside the project.

The image of the golden features is made by a formula; its channels are taken as red, green, blue.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from golden import spec_folder
from spectrack.weights.files import WeightFile, read_weights

GOLDEN = spec_folder().parent / "golden_backbones" / "golden_backbones.npz"
FILES = {
    "mobilenet_v2_1.0_ptq": (
        "tf2_mobilenet_v2_1.0_224_ptq.tflite",
        "mobilenet_v2_1.0_ptq_backbone_q8.safetensors",
    ),
    "deeplabv3_mnv2_voc": (
        "deeplabv3_mnv2_pascal_quant.tflite",
        "deeplabv3_mnv2_voc_backbone_q8.safetensors",
    ),
    "deeplabv3_mnv2_0.5_voc_fp32": (
        "deeplabv3_dm05_float.tflite",
        "deeplabv3_mnv2_0.5_voc_fp32_backbone_f32.safetensors",
    ),
}
"""Name in the golden file to the published file and a copy of its backbone."""
SUMS = {
    (256, 160): (4419020, 4186178, 4337304),
    (193, 129): (2697816, 2502850, 2616056),
}
"""By width and height of the image: the sum of each channel."""


def backbone_file(name: str) -> Path:
    """A file of the folder of backbones; the test is skipped where it is absent."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "weights"
    path = Path(os.environ.get("SPECTRACK_WEIGHTS", beside)) / "backbones" / name
    if not path.is_file():
        pytest.skip(f"no published backbone at {path}; set SPECTRACK_WEIGHTS to its place")
    return path


@cache
def _weights(path: Path) -> WeightFile:
    return read_weights(path)


def backbone_weights(name: str) -> WeightFile:
    """The weights of a published backbone, read once; skipped where it is absent."""
    return _weights(backbone_file(FILES[name][0]))


@cache
def _arrays() -> dict[str, np.ndarray] | None:
    if not GOLDEN.is_file():
        return None
    with np.load(GOLDEN) as stored:
        return dict(stored)


def golden_features() -> dict[str, np.ndarray]:
    """All golden arrays; the test is skipped where they are absent."""
    found = _arrays()
    if found is None:
        pytest.skip(f"golden features not found at {GOLDEN}; set SPECTRACK_SPEC to their place")
    return found


def triangle(n: np.ndarray, period: int) -> np.ndarray:
    """A wave of integers between 0 and a period."""
    return np.abs(n % (2 * period) - period)


def formula_image(width: int, height: int) -> np.ndarray:
    """The image (H, W, 3), uint8: waves, and a chequered ellipse in a box."""
    y, x, c = np.ogrid[:height, :width, :3]
    v = 30 + triangle(2 * x + y + 40 * c, 70) + triangle(x * y // 64 + 23 * c, 50)
    v = v + triangle(3 * y - x + 11 * c**2, 31)
    left, top, wide, high = width // 3, height // 3, width // 3, height // 4
    across, down = 2 * (x - left) - wide + 1, 2 * (y - top) - high + 1
    inside = across**2 * high**2 + down**2 * wide**2 < wide**2 * high**2
    odd = ((8 * (x - left)) // wide + (6 * (y - top)) // high) % 2 == 1
    light, dark = np.array([40, 60, 220]), np.array([200, 90, 20])
    object_ = np.where(odd, light, dark) + triangle(5 * (x - left) + 3 * (y - top), 20)
    image = np.clip(np.where(inside, object_, v), 0, 255).astype(np.uint8)
    assert tuple(image.sum((0, 1), dtype=np.int64)) == SUMS[width, height]
    return image
