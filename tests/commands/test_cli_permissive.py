"""``--permissive`` of track and segment: its weights and no others."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from spectrack.api import segment_all
from spectrack.commands.segment import PERMISSIVE_MASKS, index_of
from spectrack.structures import Box
from spectrack.tracking.table import TRACKERS

BOX = Box(20, 10, 40, 30)


@pytest.fixture
def without_others(monkeypatch):
    """The research weights cannot be read."""
    from spectrack.weights.table import WEIGHTS

    def shipped(entry):
        assert "permissive" in entry.asset, f"{entry.asset} was read"
        return original(entry)

    original = type(WEIGHTS["fear"]).shipped
    monkeypatch.setattr(type(WEIGHTS["fear"]), "shipped", shipped)


def test_track_follows_with_the_permissive_set(
    spectrack, without_others, frames_folder, clip_box, tmp_path
):
    ran = spectrack(
        "track", frames_folder, "--box", clip_box, "--permissive", "--no-overlay",
        "--out", tmp_path / "out", "--json",
    )  # fmt: skip
    assert ran.status == 0, ran
    told = json.loads((tmp_path / "out" / "track.json").read_text())
    assert "sftrack-permissive" in json.dumps(told)
    assert "mask_in_box_permissive" in json.dumps(told)
    assert len(list((tmp_path / "out" / "masks").iterdir())) == 10


def test_points_of_track_are_made_into_masks_by_it(
    spectrack, without_others, frames_folder, clip, tmp_path
):
    x, y = clip.target.box.center
    box = ",".join(f"{v:g}" for v in clip.target.box)
    ran = spectrack(
        "track", frames_folder, "--key", f"0={box}", "--point", f"{x:g},{y:g}", "--permissive",
        "--max-frames", "3", "--no-overlay", "--out", tmp_path / "out",
    )  # fmt: skip
    assert ran.status == 0, ran
    made = np.asarray(Image.open(tmp_path / "out" / "masks" / "00000.png"))
    assert made[int(y), int(x)] == 1


def test_the_weights_of_segment_are_those_of_the_tracker():
    assert TRACKERS["sftrack-permissive"].defaults["mask_weights"] == PERMISSIVE_MASKS


def test_other_trackers_have_no_such_weights(spectrack, frames_folder, clip_box, tmp_path):
    ran = spectrack(
        "track", frames_folder, "--box", clip_box, "--permissive", "--tracker", "csrt",
        "--out", tmp_path / "out",
    )  # fmt: skip
    assert ran.status == 2
    assert "--permissive and --tracker csrt were given" in ran.err
    assert not (tmp_path / "out").exists()


def test_segment_makes_its_mask(spectrack, without_others, frames_folder, tmp_path):
    image, out = frames_folder / "00000.png", tmp_path / "mask.png"
    box = ",".join(f"{v:g}" for v in BOX)
    ran = spectrack("segment", image, "--box", box, "--permissive", "--out", out)
    assert ran.status == 0, ran
    found = segment_all(image, [BOX], weights="mask_in_box_permissive")
    np.testing.assert_array_equal(np.asarray(Image.open(out)), index_of(found))
    both = spectrack("segment", image, "--box", box, "--permissive", "--weights", "x", "--out", out)
    assert both.status == 2
    assert "--permissive and --weights x were given" in both.err
