"""ATOM's network: parameters, and a whole checkpoint in the family's container."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from golden import Golden
from pytracking_like import checkpoint_of
from spectrack.errors import InputError
from spectrack.structures import Target
from spectrack.trackers.atom.network import ATOM, atom18
from spectrack.tracking.table import make_tracker
from spectrack.weights.networks import load_network
from thin import randomise
from thin_atom import BOX, clip


def test_parameters_match_by_name_and_shape(golden: Golden):
    with torch.device("meta"):
        state = atom18().state_dict()
    listed = golden.parameters("atom_resnet18")
    assert {key: tuple(value.shape) for key, value in state.items()} == listed


def test_a_checkpoint_converts_loads_strictly_and_tracks(spectrack, tmp_path):
    """As the authors save it, here from a training on several GPUs."""
    network = randomise(atom18())
    state = network.state_dict()
    given = {f"module.{name}": value for name, value in state.items()}
    checkpoint, out = checkpoint_of(given, tmp_path / "ATOM.pth.tar"), tmp_path / "atom.safetensors"
    ran = spectrack("weights", "convert", checkpoint, "--out", out)
    assert ran.status == 0
    assert ran.out.startswith(f"{out}: 201 tensors\nfits atom_default")
    loaded = load_network(str(out), ATOM).network.state_dict()
    assert loaded.keys() == state.keys()
    assert all(torch.equal(loaded[name], value) for name, value in state.items())
    ways = (out, checkpoint)
    answers = []
    for path in ways:
        tracker = make_tracker("atom", weights=str(path), side=64, device="cpu")
        frames = clip(3)
        tracker.init(frames[0], Target(BOX))
        answers.append([tracker.update(frame) for frame in frames[1:]])
    for ours, theirs in zip(*answers, strict=True):
        assert np.isfinite(list(ours.box)).all()
        assert (ours.box, ours.score) == (theirs.box, theirs.score)


def test_without_weights_it_says_how_to_get_them(tmp_path, monkeypatch):
    monkeypatch.setenv("SPECTRACK_CACHE", str(tmp_path))
    with pytest.raises(InputError, match="get them by: spectrack weights pull atom_default"):
        make_tracker("atom", device="cpu")


def test_weights_of_another_network_are_told(tmp_path, monkeypatch):
    monkeypatch.setenv("SPECTRACK_CACHE", str(tmp_path))
    with pytest.raises(InputError, match="give weights of ATOM"):
        make_tracker("atom", weights="rts50", device="cpu")
