"""Fixtures shared by all tests: where the real data lies, and small made-up clips."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]


def _data_folder() -> Path:
    return Path(os.environ.get("SPECTRACK_DATA", ROOT.parent / "shared" / "data"))


@pytest.fixture(scope="session")
def data_root() -> Path:
    """Folder of the real sequences; the test is skipped where it is absent."""
    folder = _data_folder()
    if not folder.is_dir():
        pytest.skip(f"real data not found at {folder}; set SPECTRACK_DATA to its folder")
    return folder


@pytest.fixture(scope="session")
def davis_root(data_root: Path) -> Path:
    """Root of DAVIS-2016 (JPEGImages, Annotations, ImageSets, Results)."""
    folder = data_root / "davis2016"
    if not folder.is_dir():
        pytest.skip(f"DAVIS-2016 not found at {folder}")
    return folder


@pytest.fixture
def rng() -> np.random.Generator:
    """A seeded random generator."""
    return np.random.default_rng(7)
