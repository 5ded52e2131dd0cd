"""Checkpoints of SiamFC and SiamRPN in their published forms: converted, loaded strictly, used."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pysot_like import FORMS, pysot_checkpoint
from spectrack.errors import InputError
from spectrack.structures import Box, Target
from spectrack.trackers.siamfc.network import SiamFC
from spectrack.trackers.siamrpn.network import LONG_TERM_MAPS, SiamRPNAlexNet, SiamRPNPlusPlus
from spectrack.tracking.table import make_tracker
from spectrack.weights import table
from spectrack.weights.convert import convert
from spectrack.weights.networks import load_network
from thin import randomise

R50 = "siamrpn_r50_l234_dwxcorr"


@pytest.fixture(scope="module")
def states():
    """A whole network of each kind with random weights, by the tracker's name."""
    return {
        "siamfc": randomise(SiamFC()).state_dict(),
        "siamrpn": randomise(SiamRPNAlexNet()).state_dict(),
    }


@pytest.mark.parametrize(
    ("name", "form", "fits"),
    [
        *(
            ("siamrpn", form, ("siamrpn_alex_dwxcorr", "siamrpn_alex_dwxcorr_otb"))
            for form in FORMS
        ),
        ("siamfc", "bare", ("siamfc_alexnet",)),
        ("siamfc", "module", ("siamfc_alexnet",)),
    ],
)
def test_a_published_form_is_converted_and_followed_with(states, tmp_path, rng, name, form, fits):
    path = pysot_checkpoint(states[name], tmp_path / "model.pth", form)
    converted = convert(path, tmp_path / "model.safetensors")
    assert converted.networks == fits
    frames = rng.integers(0, 256, (3, 90, 120, 3), np.uint8)
    answers = []
    for weights in (path, converted.path):
        tracker = make_tracker(name, weights=str(weights), device="cpu")
        tracker.init(frames[0], Target(Box(30, 25, 40, 36)))
        answers.append([(a.box, a.score, a.found) for a in map(tracker.update, frames[1:])])
    assert answers[0] == answers[1]
    assert all(found for _, _, found in answers[0])


@pytest.mark.parametrize(
    ("network", "usual"),
    [
        ({}, ("vot", R50)),
        ({"weighted": False}, ("otb", f"{R50}_otb")),
        ({"maps": LONG_TERM_MAPS}, ("lt", f"{R50}_lt")),
    ],
    ids=["short", "otb", "long"],
)
def test_the_three_resnets_are_told_apart_by_their_shapes(network, usual):
    """Without a whole file of each: what is chosen goes by names and shapes alone."""
    with torch.device("meta"):
        state = SiamRPNPlusPlus(**network).state_dict()
    name, differences = table.fits({k: tuple(v.shape) for k, v in state.items()})[0]
    assert (len(differences), name) == (0, usual[1])
    with torch.device("meta"):
        assert table.WEIGHTS[name].build().usual == usual[0]


def test_weights_of_another_network_are_told(states, tmp_path):
    path = pysot_checkpoint(states["siamfc"], tmp_path / "model.pth", "bare")
    with pytest.raises(InputError, match="look like those of siamfc_alexnet"):
        make_tracker("siamrpn", weights=str(path))
    short = {k: v for k, v in states["siamfc"].items() if "conv5" not in k}
    with pytest.raises(InputError, match="do not fit SiamFC: 2 missing"):
        load_network(str(pysot_checkpoint(short, tmp_path / "short.pth", "bare")), SiamFC)


@pytest.mark.parametrize(
    ("name", "settings", "told"),
    [
        ("siamfc", {}, r"weights pull siamfc_alexnet --from FILE_OR_URL"),
        ("siamrpn", {}, r"weights pull siamrpn_alex_dwxcorr$"),
        ("siamrpn", {"preset": "otb"}, r"weights pull siamrpn_alex_dwxcorr_otb$"),
        ("siamrpn++", {}, rf"weights pull {R50}$"),
        ("siamrpn++", {"preset": "lt"}, rf"weights pull {R50}_lt$"),
    ],
)
def test_without_weights_it_says_how_to_get_them(monkeypatch, tmp_path, name, settings, told):
    monkeypatch.setenv("SPECTRACK_CACHE", str(tmp_path))
    with pytest.raises(InputError, match=told):
        make_tracker(name, **settings)
