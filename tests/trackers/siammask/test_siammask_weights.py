"""Checkpoints of SiamMask and SiamBAN in their published forms: converted and followed with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from pysot_like import pysot_checkpoint
from spectrack.errors import InputError
from spectrack.structures import Box, Target
from spectrack.trackers.siamban.network import SiamBAN
from spectrack.trackers.siammask.network import SiamMask
from spectrack.tracking.table import make_tracker
from spectrack.weights.convert import convert
from spectrack.weights.matching import shapes_of
from spectrack.weights.published_names import SIAMMASK
from spectrack.weights.table import WEIGHTS, fits
from thin import randomise

KINDS = {"siammask": SiamMask, "siamban": SiamBAN}
THIN = {"planes": (4, 4, 6, 8), "stem": 4, "maps": 6}
TARGET = Target(Box(30, 25, 40, 36))


def as_its_authors_name(state):
    """The state of a SiamMask under the names of its authors' checkpoints."""
    starts = {ours: theirs for theirs, ours in SIAMMASK.items()}

    def theirs(name):
        start = next(ours for ours in starts if name.startswith(ours))
        return starts[start] + name.removeprefix(start)

    return {theirs(name): tensor for name, tensor in state.items()}


def followed(name, weights, frames):
    tracker = make_tracker(name, weights=str(weights), device="cpu")
    tracker.init(frames[0], TARGET)
    return [tracker.update(frame) for frame in frames[1:]]


def check_same(first, second):
    for a, b in zip(first, second, strict=True):
        assert (a.box, a.score, a.found) == (b.box, b.score, b.found)
        assert a.found
        if a.mask is not None:
            np.testing.assert_array_equal(a.mask, b.mask)


@pytest.fixture
def thin_rows(monkeypatch):
    """The table as if networks of few maps had been published."""
    for name, row in WEIGHTS.items():
        if name.startswith(tuple(KINDS)):
            monkeypatch.setitem(WEIGHTS, name, replace(row, arguments=THIN))


@pytest.mark.usefixtures("thin_rows")
@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("siammask", "authors"),
        ("siammask", "state_dict"),
        ("siammask", "old"),
        ("siamban", "bare"),
        ("siamban", "module"),
    ],
)
def test_a_published_form_is_converted_and_followed_with(tmp_path, rng, name, form):
    state = randomise(KINDS[name](**THIN)).state_dict()
    if form == "authors":
        state, form = as_its_authors_name(state), "module"
    path = pysot_checkpoint(state, tmp_path / "model.pth", form)
    converted = convert(path, tmp_path / "model.safetensors")
    assert converted.networks == tuple(n for n in WEIGHTS if n.startswith(name))
    frames = rng.integers(0, 256, (3, 90, 120, 3), np.uint8)
    check_same(*(followed(name, weights, frames) for weights in (path, converted.path)))


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (SiamBAN, ["siamban_r50_l234", "siamban_r50_l234_otb"]),
        (SiamMask, ["siammask_r50_l3", "siammask_vot", "siammask_vot_ld", "siammask_davis"]),
    ],
)
def test_whole_networks_are_known_by_names_and_shapes(kind, names):
    with torch.device("meta"):
        shapes = shapes_of(kind().state_dict())
    assert [name for name, differences in fits(shapes) if not len(differences)] == names


@pytest.mark.usefixtures("thin_rows")
@pytest.mark.parametrize(
    ("name", "settings", "told"),
    [
        ("siamban", {}, r"weights pull siamban_r50_l234$"),
        ("siamban", {"weights": "siamban_r50_l234_otb"}, r"weights pull siamban_r50_l234_otb$"),
        ("siammask", {}, r"weights pull siammask_davis$"),
        ("siammask", {"weights": "siammask_r50_l3"}, r"weights pull siammask_r50_l3$"),
        ("siammask", {"weights": "siamban_r50_l234"}, r"give weights of SiamMask$"),
    ],
)
def test_without_weights_it_says_how_to_get_them(monkeypatch, tmp_path, name, settings, told):
    monkeypatch.setenv("SPECTRACK_CACHE", str(tmp_path))
    with pytest.raises(InputError, match=told):
        make_tracker(name, **settings)


@pytest.mark.usefixtures("thin_rows")
def test_a_file_that_misses_a_part_is_told(tmp_path):
    state = randomise(SiamMask(**THIN)).state_dict()
    short = {k: v for k, v in state.items() if "refine_head.post2" not in k}
    with pytest.raises(InputError, match="do not fit SiamMask: 2 missing"):
        make_tracker("siammask", weights=str(pysot_checkpoint(short, tmp_path / "s.pth", "bare")))
