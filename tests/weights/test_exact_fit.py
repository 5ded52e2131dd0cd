"""Weights of the kind that is asked for are told without making every network of the table."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from spectrack.errors import InputError
from spectrack.networks.mask_in_box import MaskInBox
from spectrack.trackers.fear.network import FEAR
from spectrack.tracking.mask_in_box import shipped_mask_in_box
from spectrack.weights import networks, table
from spectrack.weights.files import write_weights
from spectrack.weights.matching import shapes_of
from spectrack.weights.networks import load_network
from spectrack.weights.table import WEIGHTS, exact_fit


def test_a_network_of_the_kind_asked_for_is_found_alone(monkeypatch, tmp_path: Path) -> None:
    def never(*given: object) -> None:
        raise AssertionError("all of the table was made")

    monkeypatch.setattr(networks, "fits", never)
    loaded = load_network(str(shipped_mask_in_box()), MaskInBox).network
    assert isinstance(loaded, MaskInBox)
    made = FEAR()
    path = tmp_path / "learned_here.safetensors"
    write_weights(path, made.state_dict(), {})
    found = load_network(str(path), FEAR).network
    for name, tensor in made.state_dict().items():
        assert torch.equal(found.state_dict()[name], tensor)


def test_the_first_row_that_fits_is_told_as_by_the_whole_table() -> None:
    for name, module in (("fear", FEAR.__module__), ("mask_in_box", MaskInBox.__module__)):
        shapes = WEIGHTS[name].shapes()
        assert shapes is not None
        assert exact_fit(shapes, module) == table.fits(shapes)[0][0]
        assert exact_fit(shapes, "spectrack.trackers.mdnet.network") is None
        fewer = dict(list(shapes.items())[1:])
        assert exact_fit(fewer, module) is None


def test_weights_of_another_kind_are_still_told_by_name(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    write_weights(path, FEAR().state_dict(), {})
    assert shapes_of(FEAR().state_dict()) == WEIGHTS["fear"].shapes()
    with pytest.raises(InputError, match="look like those of fear; give weights of MaskInBox"):
        load_network(str(path), MaskInBox)
