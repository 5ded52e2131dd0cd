"""Pictures of sequences: the frames, the answer and the truth on them."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from spectrack.evaluation.comparison.strips import GAP, PICTURES, WIDTH, draw_sequence, fitting
from spectrack.tracks import write_index_png


@pytest.fixture
def results(tmp_path, clips):
    """Two runs: the truth, and nothing found."""
    for run in ("true", "empty"):
        for name, clip in clips.items():
            folder = tmp_path / run / name
            folder.mkdir(parents=True)
            for stem, mask in zip(clip.stems, clip.masks_thw, strict=True):
                shown = mask if run == "true" else np.zeros_like(mask)
                write_index_png(folder / f"{stem}.png", shown.astype(np.uint8))
    return {"true": tmp_path / "true", "empty": tmp_path / "empty"}


def picture(strip):
    head, _, coded = strip.uri.partition(",")
    assert head == "data:image/jpeg;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(coded)))).astype(int)


def test_a_sequence(ponds, clips, results):
    made = draw_sequence(ponds["koi"], results)
    assert made.sequence == "koi"
    assert made.frames == ("00001", "00002", "00004", "00005", "00006")
    true, empty = (picture(strip) for strip in made.strips)
    height = round(60 * WIDTH / 80)
    width = PICTURES * (WIDTH + GAP) - GAP
    assert true.shape == empty.shape == (height, width, 3)
    assert (made.strips[0].width, made.strips[0].height) == (width, height)
    for place, stem in enumerate(made.frames):
        mask = clips["koi"].masks_thw[int(stem)]
        large = np.asarray(Image.fromarray(mask).resize((WIDTH, height)))
        part = slice(place * (WIDTH + GAP), place * (WIDTH + GAP) + WIDTH)
        redder = true[:, part, 0] - empty[:, part, 0] - (true[:, part, 2] - empty[:, part, 2])
        assert redder[large].mean() > 15 + redder[~large].mean()


def test_no_more_than_fit(ponds, results, monkeypatch):
    made = [draw_sequence(ponds[name], results) for name in ("koi", "carp")]
    assert fitting(made) == made
    size = sum(len(strip.uri) for strip in made[0].strips)
    monkeypatch.setattr("spectrack.evaluation.comparison.strips.MOST_BYTES", size)
    assert fitting(made) == made[:1]
