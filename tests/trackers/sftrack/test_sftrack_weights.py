"""SFTrack++'s file of weights: the round trip, damage, and mixing for other inputs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from random_sftrack import write_random_weights
from spectrack.errors import InputError
from spectrack.spectral.mixing.settings import MixingSettings, size_scale
from spectrack.trackers.sftrack.feat2seg import Feat2Seg
from spectrack.trackers.sftrack.seg2box import Seg2Box
from spectrack.trackers.sftrack.weights import (
    SFTrackWeights,
    load_sftrack,
    save_sftrack,
    shared_sftrack,
    shipped,
)


@pytest.fixture
def weights() -> SFTrackWeights:
    mixing = MixingSettings(
        names=("flow", "csrt", "kcf"), weights=(6.0, 1.0, 2.0), bias=-4.5, agreement=3.0, reach=5
    )
    return SFTrackWeights(Feat2Seg((8, 12)), mixing, Seg2Box(), {"widths": (8, 12), "seed": 3})


def test_what_is_saved_comes_back(weights: SFTrackWeights, tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_sftrack(path, weights)
    back = load_sftrack(path)
    assert back.mixing == weights.mixing
    assert back.about["seed"] == 3
    for name, value in weights.feat2seg.state_dict().items():
        # Half precision keeps eleven bits.
        torch.testing.assert_close(back.feat2seg.state_dict()[name], value, atol=1e-3, rtol=1e-3)
    maps = torch.rand(1, 5, 32, 32)
    torch.testing.assert_close(back.feat2seg(maps), weights.feat2seg(maps), atol=2e-2, rtol=2e-2)
    assert not back.feat2seg.training
    assert not back.seg2box.training


@pytest.mark.parametrize("keep", [0, 7, 200, 0.5, 0.99])
def test_a_truncated_file_is_told_in_a_sentence(
    weights: SFTrackWeights, tmp_path: Path, keep: float
) -> None:
    path = tmp_path / "w.safetensors"
    save_sftrack(path, weights)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(keep * len(whole)) if keep < 1 else int(keep)])
    with pytest.raises(InputError, match="weights"):
        load_sftrack(path)


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="do not exist"):
        load_sftrack(tmp_path / "none.safetensors")
    path = tmp_path / "other.safetensors"
    save_file({"a": torch.zeros(2)}, path)
    with pytest.raises(InputError, match="holds no SFTrack"):
        load_sftrack(path)


def test_networks_of_another_size_are_refused(weights: SFTrackWeights, tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    weights.about["widths"] = (8, 16)
    save_sftrack(path, weights)
    with pytest.raises(InputError, match="do not fit"):
        load_sftrack(path)


def test_mixing_for_other_inputs_keeps_the_sum_of_weights(weights: SFTrackWeights) -> None:
    same = weights.mixing_of(("flow", "csrt", "kcf"))
    np.testing.assert_allclose(same.weights, weights.mixing.weights)
    other = weights.mixing_of(("kcf", "flow-fast", "mosse"))
    # kcf and flow as learned, an unknown one the mean (3), all scaled to the sum of 9.
    np.testing.assert_allclose(other.weights, np.array([2.0, 6.0, 3.0]) * 9 / 11)
    assert (other.bias, other.agreement, other.reach) == (-4.5, 3.0, 5)
    assert other.sizes is None


def test_mixing_of_inputs_whose_weights_nearly_cancel_keeps_their_sizes(
    weights: SFTrackWeights,
) -> None:
    mixing = replace(weights.mixing, weights=(5.0, -1.0, -4.5))
    for names, raw in ((("flow", "kcf"), (5.0, -4.5)), (("csrt", "kcf"), (-1.0, -4.5))):
        found = replace(weights, mixing=mixing).mixing_of(names).weights
        total = sum(mixing.weights)
        flips = total * sum(raw) < 0
        share = 10.5 / sum(map(abs, raw)) if flips else total / sum(raw)
        np.testing.assert_allclose(found, np.array(raw) * share)
        assert np.sign(found).tolist() == np.sign(raw).tolist()


def test_shipped_mixing_is_the_same_to_the_bit() -> None:
    """Its weights are above 0: they keep their plain sum."""
    learned = load_sftrack().mixing
    total = sum(learned.weights)
    known = dict(zip(learned.names, learned.weights, strict=True))
    for names in (("flow",), ("flow", "csrt"), ("flow", "csrt", "kcf"), ("kcf", "mosse", "csrt")):
        raw = [known.get(name, total / 3) for name in names]
        mixing = load_sftrack().mixing_of(names)
        assert mixing.weights == tuple(w * (total / sum(raw)) for w in raw)
        for side in (5.0, 33.0, 60.0, 111.0, 300.0):
            scale = size_scale(side)
            powered = [
                w * scale**p for w, p in zip(mixing.weights, mixing.sizes or (), strict=True)
            ]
            share = sum(mixing.weights) / sum(powered)
            assert mixing.at_size(side).weights == tuple(w * share for w in powered)


def test_what_a_size_means_for_an_input_goes_with_its_name(
    weights: SFTrackWeights, tmp_path: Path
) -> None:
    sized = replace(weights, mixing=replace(weights.mixing, sizes=(1.0, -1.0, 0.5)))
    save_sftrack(tmp_path / "w.safetensors", sized)
    kept = load_sftrack(tmp_path / "w.safetensors")
    assert kept.mixing == sized.mixing
    assert kept.mixing_of(("kcf", "flow:pixels=9", "mosse")).sizes == (0.5, 1.0, 0.0)


def test_shipped_weights_load_and_say_how_they_were_made() -> None:
    weights = load_sftrack()
    assert weights.mixing.names == ("flow", "csrt", "kcf")
    assert {"data", "terms", "command"} <= set(weights.about)
    assert 100_000 <= sum(p.numel() for p in weights.feat2seg.parameters()) <= 1_010_000
    assert 50_000 <= sum(p.numel() for p in weights.seg2box.parameters()) <= 500_000
    folder = shipped().parent
    assert sum(file.stat().st_size for file in folder.glob("*.safetensors")) <= 24_000_000


def test_trackers_share_what_a_file_holds_until_it_changes(tmp_path):
    path = write_random_weights(tmp_path / "w.safetensors")
    first = shared_sftrack(path)
    assert shared_sftrack(path) is first
    about = {**first.about, "changed": True}
    save_sftrack(path, replace(first, about=about))
    assert shared_sftrack(path).about["changed"] is True
    path.unlink()
    with pytest.raises(InputError, match=r"does not exist|cannot be read|do not exist"):
        shared_sftrack(path)
