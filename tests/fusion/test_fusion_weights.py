"""Weights on disk: exact round trip, and a sentence for every damage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from spectrack.errors import InputError
from spectrack.fusion.weights import load_mixing, save_mixing
from spectrack.spectral.mixing.settings import MixingSettings

MIXING = MixingSettings(
    names=("a", "épo+"),
    weights=(0.1, -2.0),
    bias=-1.0 / 3,
    agreement=2.5,
    reach=4,
    pairwise_weights=(1.0, 1e-7),
    pairwise_bias=0.5,
    sizes=(1.0 / 7, -0.25),
)


@pytest.mark.parametrize(
    "mixing", [MIXING, MixingSettings.robust(["x"])], ids=["everything", "robust"]
)
def test_round_trip_is_exact(tmp_path: Path, mixing: MixingSettings) -> None:
    save_mixing(tmp_path / "new" / "w.safetensors", mixing, {"seed": 3})
    assert load_mixing(tmp_path / "new" / "w.safetensors") == (mixing, {"seed": 3})
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["w.safetensors"]


def test_equal_weights_give_equal_bytes(tmp_path: Path) -> None:
    for name in "abcdefgh":
        save_mixing(tmp_path / name, MIXING, {"seed": 3, "x": 1})
    assert len({(tmp_path / name).read_bytes() for name in "abcdefgh"}) == 1


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "w.safetensors"
    save_mixing(file, MIXING)
    whole = file.read_bytes()
    for length in range(0, len(whole), 7):
        file.write_bytes(whole[:length])
        with pytest.raises(InputError, match="damaged"):
            load_mixing(file)


def test_missing_file_and_foreign_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="do not exist"):
        load_mixing(tmp_path / "none")
    save_file({"x": np.zeros(2)}, tmp_path / "other")
    with pytest.raises(InputError, match="no fusion weights"):
        load_mixing(tmp_path / "other")


def test_numbers_that_do_not_fit_the_channels(tmp_path: Path) -> None:
    tensors = {"weights": np.zeros(1), "bias": np.zeros(1), "agreement": np.zeros(1)}
    about = {"spectrack-mixing-1": '{"channels": ["a", "b"], "about": {}}'}
    save_file({**tensors, "reach": np.ones(1, np.int64)}, tmp_path / "w", metadata=about)
    with pytest.raises(InputError, match="incomplete"):
        load_mixing(tmp_path / "w")
