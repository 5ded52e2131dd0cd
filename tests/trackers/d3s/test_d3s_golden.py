"""D3S's segmentation network against golden arrays made with weights from names."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from siamese_scheme import FULL, UNIT, fill, image, listed_parameters, near, unit
from spectrack.trackers.d3s.network import central_distance, d3s
from spectrack.trackers.d3s.similarity import Template, similarities

MAPS = {"conv1": (64, 192), "layer1": (256, 96), "layer2": (512, 48), "layer3": (1024, 24)}


@pytest.fixture(scope="module")
def network():
    """The published network with weights from names."""
    return fill(d3s())


def mask_of(rows, cols):
    mask = torch.zeros(1, 1, 384, 384)
    mask[..., rows, cols] = 1
    return mask


MASK = mask_of(slice(130, 250), slice(120, 270))


def test_names_and_shapes_are_the_published_ones():
    with torch.device("meta"):
        state = d3s().state_dict()
    assert {n: tuple(t.shape) for n, t in state.items()} == listed_parameters("d3s")


@torch.inference_mode()
def test_the_whole_network(network):
    train, test = (
        network.normalise(image(f"input/d3s/{name}", 1, 3, 384, 384)) for name in ("train", "test")
    )
    layers = network.extract(test)
    for (name, (maps, side)), found in zip(MAPS.items(), layers, strict=True):
        step, space = maps // 16, side // 12
        near("d3s_net", f"feat_{name}_sub", found[:, ::step, ::space, ::space], FULL)
    template = network.template(train, MASK)
    logits = network.segm_predictor(layers, template, central_distance(384))
    near("d3s_net", "logits_sub", logits[..., ::4, ::4], FULL)
    near("d3s_net", "prob_fg_sub", logits.softmax(1)[:, :1, ::4, ::4], FULL)


@pytest.fixture(scope="module")
def units():
    """Features of unit scale, of the test and of the training frame."""

    def layers(which):
        return tuple(
            unit(f"input/d3s/unit_{which}_{name}", 1, maps, side, side)
            for name, (maps, side) in MAPS.items()
        )

    return layers("test"), layers("train")


@torch.inference_mode()
def test_the_predictor_on_features_of_unit_scale(network, units):
    test, train = units
    predictor = network.segm_predictor
    template = predictor.template(train[3], MASK)
    near("d3s_net", "unit_mask24", template.target_nk.view(1, 1, 24, 24), UNIT)
    compared = predictor.compared(test[3])
    near("d3s_net", "unit_gim_feat_sub", compared[:, ::4], UNIT)
    alike = similarities(compared, template)
    near("d3s_net", "unit_gim_pos", alike[:, 0], UNIT)
    near("d3s_net", "unit_gim_neg", alike[:, 1], UNIT)
    near("d3s_net", "unit_gim_softmax_pos", alike.softmax(1)[:, 0], UNIT)
    near(
        "d3s_net",
        "unit_logits_sub",
        predictor(test, template, central_distance(384))[..., ::4, ::4],
        UNIT,
    )
    small = predictor(test, template, central_distance(384) / 272)
    near("d3s_net", "unit_logits_smalldist_sub", small[..., ::4, ::4], UNIT)


@torch.inference_mode()
def test_a_target_of_a_cell(network, units):
    test, train = units
    predictor = network.segm_predictor
    tiny = mask_of(slice(190, 200), slice(190, 200))
    template = predictor.template(train[3], tiny)
    near("d3s_net", "tiny_mask24_sum", template.target_nk.sum().numpy(), UNIT)
    alike = similarities(predictor.compared(test[3]), template)
    near("d3s_net", "tiny_gim_pos", alike[:, 0], UNIT)


def test_distances():
    d = central_distance(384)[0, 0]
    corners = [d[0, 0], d[0, 383], d[191, 191], d[192, 192], d[383, 383]]
    near("d3s_net", "dist_corner", np.array(corners), UNIT)
    at24 = torch.nn.functional.interpolate(central_distance(384), (24, 24))
    near("d3s_net", "dist24", at24, UNIT)


@pytest.mark.parametrize("block", [1, 2**22])
def test_similarities_are_means_of_the_best_three_cosines(monkeypatch, block):
    """One cell after the other, in plain arithmetic."""
    monkeypatch.setattr("spectrack.trackers.d3s.similarity.BLOCK", block)
    rng = np.random.default_rng(0)
    query, first = rng.standard_normal((2, 2, 5, 3, 4))
    mask = (rng.random((2, 1, 3, 4)) < 0.3).astype(float)
    template = Template.of(torch.tensor(first), torch.tensor(mask))
    found = similarities(torch.tensor(query), template).numpy()
    for n in range(2):
        for cell in np.ndindex(3, 4):
            a = query[n][:, *cell]
            cosines = np.array(
                [a @ b / np.linalg.norm(a) / np.linalg.norm(b) for b in first[n].reshape(5, -1).T]
            )
            for k, wanted in enumerate((mask[n].ravel(), 1 - mask[n].ravel())):
                best = np.sort(cosines * wanted)[-3:].mean()
                assert found[n, k][cell] == pytest.approx(best, abs=1e-12)
