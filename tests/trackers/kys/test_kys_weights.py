"""KYS's weights in the form they are published in: read, verified, converted, loaded, used."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from pytracking_like import checkpoint_of
from spectrack.errors import InputError
from spectrack.structures import Box, Target
from spectrack.trackers.kys.network import KYS, kys50
from spectrack.tracking.table import make_tracker
from spectrack.weights.networks import load_network
from thin_kys import SMALL_KYS, write_thin_kys

BOX = Box(30, 20, 16, 12)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SPECTRACK_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def frames() -> list[np.ndarray]:
    chance = np.random.default_rng(0)
    return [chance.integers(0, 256, (60, 80, 3), np.uint8) for _ in range(3)]


def made_up() -> dict[str, torch.Tensor]:
    """The tensors of KYS at full size; numbers that keep the size of what comes in."""
    with torch.device("meta"):
        empty = kys50().state_dict()
    torch.manual_seed(0)
    net = {}
    for name, like in empty.items():
        value = torch.full(like.shape, float(name.endswith(("weight", "var")))).to(like.dtype)
        if value.ndim > 1:
            value.uniform_(-1, 1).mul_((3 / value[0].numel()) ** 0.5)
        net[name] = value
    return net


def test_a_published_checkpoint_is_read_and_follows(spectrack, frames, tmp_path):
    net = made_up()
    path = checkpoint_of(net, tmp_path / "kys.pth")
    told = json.loads(spectrack("weights", "verify", path, "--json").out)
    assert told["fits"] == ["kys"]
    ran = spectrack("weights", "pull", "kys", "--from", path)
    assert ran.status == 0, ran.err
    loaded = load_network("kys", KYS).network.state_dict()
    assert loaded.keys() == net.keys()
    for name, value in net.items():
        assert torch.equal(loaded[name], value), name
    # the whole network on a small region
    tracker = make_tracker("kys", side=64, device="cpu")
    first = tracker.init(frames[0], Target(BOX))
    assert first.box == BOX
    for frame in frames[1:]:
        answer = tracker.update(frame)
        assert np.isfinite(list(answer.box)).all()
        assert 0 <= answer.score <= 1


def test_a_file_that_says_what_it_is_of_needs_no_table(frames, tmp_path):
    path = write_thin_kys(tmp_path / "small.safetensors")
    tracker = make_tracker("kys", weights=str(path), **SMALL_KYS)
    tracker.init(frames[0], Target(BOX))
    assert np.isfinite(list(tracker.update(frames[1]).box)).all()


def test_without_weights_it_says_how_to_get_them(tmp_path):
    with pytest.raises(InputError, match="spectrack weights pull kys"):
        make_tracker("kys")


def test_weights_of_another_network_are_told():
    with pytest.raises(InputError, match="give weights of KYS"):
        make_tracker("kys", weights="rts50")
