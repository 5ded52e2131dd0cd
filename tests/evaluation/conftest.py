"""A small data set with frames and exact masks, and results for it."""

from __future__ import annotations

import numpy as np
import pytest

from spectrack.datasets.base import Dataset
from spectrack.datasets.synthetic.scene import make_clip
from spectrack.structures import Box, Prediction
from spectrack.tracks import Track, write_index_png


@pytest.fixture(scope="session")
def clips():
    return {name: make_clip(7, (80, 60), seed) for seed, name in enumerate(("koi", "carp"))}


@pytest.fixture(scope="session")
def ponds(clips):
    return Dataset("ponds", [clip.sequence(name) for name, clip in clips.items()])


@pytest.fixture
def result_folder(tmp_path, clips):
    """The true masks, shifted by a pixel, in DAVIS layout."""
    for name, clip in clips.items():
        folder = tmp_path / "results" / name
        folder.mkdir(parents=True)
        for stem, mask in zip(clip.stems, clip.masks_thw, strict=True):
            write_index_png(folder / f"{stem}.png", np.roll(mask, 1, axis=1).astype(np.uint8))
    return tmp_path / "results"


@pytest.fixture
def track_of():
    """A track from masks (or boxes alone)."""

    def build(masks_thw, boxes_only=False):
        height, width = masks_thw.shape[1:]
        track = Track((width, height))
        for mask in masks_thw:
            track.append(Prediction(Box.from_mask(mask), None if boxes_only else mask))
        return track

    return build
