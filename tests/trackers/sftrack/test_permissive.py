"""``sftrack-permissive`` knows nothing that was learned from data of other terms."""

from __future__ import annotations

import json

import numpy as np
import pytest

from spectrack.errors import InputError
from spectrack.metrics.regions import jaccard
from spectrack.spectral.mixing.settings import MixingSettings
from spectrack.structures import Box, Target
from spectrack.trackers.sftrack import weights as learned
from spectrack.trackers.sftrack.settings import SFTrackSettings
from spectrack.trackers.sftrack.weights import nothing_learned
from spectrack.tracking.table import TRACKERS, make_tracker
from spectrack.weights.files import read_safetensors
from spectrack.weights.table import WEIGHTS

NAME = "sftrack-permissive"


def test_shares_are_even_where_nothing_was_learned():
    names = ("nanotrack:weights=w", "flow")
    found, wanted = nothing_learned().mixing_of(names), MixingSettings.robust(names)
    assert found.names == names
    assert found.weights == pytest.approx(wanted.weights)
    assert (found.bias, found.agreement) == (wanted.bias, wanted.agreement)
    assert found.at_size(20.0).weights == pytest.approx(found.at_size(200.0).weights)


@pytest.mark.parametrize("more", [{"masks": "feat2seg"}, {"box_rule": "learned"}])
def test_what_needs_learned_numbers_is_refused_without_them(more):
    with pytest.raises(InputError, match="with weights none"):
        SFTrackSettings(weights="none", **more)


def test_its_files_say_what_they_were_learned_from():
    for name in TRACKERS[NAME].weights:
        assert "any use" in WEIGHTS[name].licence
        _, metadata = read_safetensors(WEIGHTS[name].shipped())
        about = json.dumps(metadata)
        assert "CCP, FeralCat and clips made of them" in about
        assert "DAVIS" not in about
        assert "ECSSD" not in about


def test_it_follows_and_reads_no_other_weights(clip, monkeypatch):
    def refuse(path=None):
        raise AssertionError(f"{path or 'the shipped file'} was read")

    monkeypatch.setattr(learned, "load_sftrack", refuse)
    tracker = make_tracker(NAME)
    masks = clip.masks_thw
    box = Box.from_mask(masks[0])
    first = tracker.init(clip.frames_thwc[0], Target(box))
    found = [first, *(tracker.update(frame) for frame in clip.frames_thwc[1:])]
    overlaps = [jaccard(p.mask >= 0.5, mask) for p, mask in zip(found, masks, strict=True)]
    assert np.mean(overlaps) > 0.5
