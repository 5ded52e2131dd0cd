"""GEM of D3S against golden arrays: windows, labels, peaks, the solver, the memory, variations."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from siamese_golden import siamese_golden
from siamese_scheme import UNIT, first_picture, near, near_pixels, unit
from small_d3s import small_d3s
from spectrack.networks.gauss_newton import (
    Samples,
    activate,
    learn_both,
    learn_filter,
    same_scores,
)
from spectrack.networks.resnet import ResNet
from spectrack.trackers.d3s.filter import (
    DiscriminativeFilter,
    filter_features,
    principal_maps,
)
from spectrack.trackers.d3s.peaks import hann, located, score_map
from spectrack.trackers.d3s.settings import VARIATIONS, D3SSettings
from spectrack.trackers.d3s.state import Rules, State
from spectrack.tracking.first_frame import blur, gaussian_label, mirror, rotate
from spectrack.tracking.localisation import Flag
from spectrack.tracking.memory import SampleWeights
from spectrack.tracking.patches import CentreCrop, pair, plan_patch
from spectrack.tracking.score_upsampling import upsample_scores
from thin import randomise

SOLVED = 1e-2
"""Tolerance of what comes out of many steps, over the greatest value."""


@pytest.mark.parametrize("side", [16, 17, 18])
def test_windows(side):
    if side % 2 == 0:  # of odd ones, which D3S has none of, the published middle is off
        near("d3s_dcf", f"hann_c_{side}", hann(side), UNIT)
    near("d3s_dcf", f"hann_u_{side}", np.fft.ifftshift(hann(side)), UNIT)


def test_labels():
    label = gaussian_label((0.8, -0.7), 1.1, (18, 18), 1)
    near("d3s_dcf", "label", label[None, None], UNIT)
    middle = gaussian_label((0.5, 0.5), 1.1, (18, 18), 1)
    near("d3s_dcf", "gauss1d", middle[:, 9] / middle[9, 9], UNIT)


def test_upsampling():
    raw = unit("input/d3s/raw_scores", 1, 1, 18, 18).numpy()[0, 0]
    window = np.fft.ifftshift(np.outer(hann(288), hann(288)))
    near("d3s_dcf", "window_sub", window[None, None, ::8, ::8], UNIT)
    fine = upsample_scores(torch.from_numpy(raw), (288, 288), 4).numpy()
    near("d3s_dcf", "scores_up_sub", np.fft.ifftshift(fine)[None, None, ::8, ::8], UNIT)


PEAKS = (
    [((0.5, 0.5), 1)],
    [((2.5, -1.5), 1)],
    [((-3, 4.5), 1)],
    [((0.5, 0.5), 1), ((5.5, 0.5), 1.5)],
)


@pytest.mark.parametrize("number", range(4))
def test_peaks(number):
    key, golden = f"loc{number}", siamese_golden("d3s_state")
    raw, scale = torch.from_numpy(golden[f"{key}_raw"][0, 0]), 1.3
    label = sum(high * gaussian_label(at, 1.2, (16, 16), 1) for at, high in PEAKS[number])
    near("d3s_state", f"{key}_raw", label[None, None], UNIT)
    found = score_map(raw, 256).scores_hw
    near("d3s_state", f"{key}_scores_sub", found[None, None, ::8, ::8], UNIT)
    target = pair((70, 50)) / np.float32(scale)
    sighting = located(raw, 256, target, D3SSettings().thresholds)
    near("d3s_state", f"{key}_vec", sighting.moved_yx * scale, UNIT)
    near("d3s_state", f"{key}_max", np.float64(sighting.score), UNIT)
    hard = np.float64(sighting.flag is Flag.HARD_NEGATIVE)
    near("d3s_state", f"{key}_hardneg", hard, UNIT)


def test_scores_below_minus_one_are_no_target():
    scores = torch.full((16, 16), -5.0)
    # away from its middle the window brings every score near zero
    target, limits = pair((50, 50)), D3SSettings(absent=0.1).thresholds
    assert located(scores, 256, target, limits).flag is Flag.NOT_FOUND


def test_convolution_and_activation():
    x, w = unit("input/d3s/same_x", 2, 5, 18, 18), unit("input/d3s/same_w", 1, 5, 4, 4)
    near("d3s_dcf", "conv_same", same_scores(x, w[0])[:, None], UNIT)
    near("d3s_dcf", "mlu", activate(torch.linspace(-1, 2, 31))[0], UNIT)


@pytest.fixture(scope="module")
def problem():
    """Features, projection and labels of the specification."""
    x = unit("input/d3s/gn_x", 4, 24, 18, 18)
    projection = unit("input/d3s/gn_P", 8, 24, 1, 1)[:, :, 0, 0] / math.sqrt(24)
    centres = ((0.5, 0.5), (2.5, 1.5), (-2.5, 2.5), (1.5, -1.5))
    labels = torch.stack([gaussian_label(c, 1.2, (18, 18), 1) for c in centres])
    return x, projection, labels


def test_filter_and_projection_learned_together(problem):
    x, projection, labels = problem
    near("d3s_optim", "labels", labels[:, None], UNIT)
    near("d3s_optim", "P0", projection[..., None, None], UNIT)
    start = torch.zeros(8, 4, 4)
    found = learn_both(Samples(x, labels, torch.full((4,), 0.25)), start, projection, losses=True)
    near("d3s_optim", "filter", found.filter_mkk[None], SOLVED)
    near("d3s_optim", "projection", found.projection_mc[..., None, None], SOLVED)
    maps = torch.einsum("mc,nchw->nmhw", found.projection_mc, x)
    near("d3s_optim", "scores", same_scores(maps, found.filter_mkk)[:, None], SOLVED)
    near("d3s_optim", "loss", found.losses[-1].numpy(), SOLVED)


def test_the_filter_learned_alone(problem):
    x, projection, labels = problem
    maps = torch.einsum("mc,nchw->nmhw", projection, x)
    samples = Samples(maps, labels, torch.tensor([0.4, 0.3, 0.2, 0.1]))
    once = learn_filter(samples, torch.zeros(8, 4, 4), projection).filter_mkk
    near("d3s_optim", "cg_filter_first", once[None], SOLVED)
    twice = learn_filter(samples, once, projection).filter_mkk
    near("d3s_optim", "cg_filter_second", twice[None], SOLVED)


def test_principal_maps_are_those_of_the_covariance(problem):
    x, _, _ = problem
    found = principal_maps(x, 8)
    flat = x.permute(1, 0, 2, 3).flatten(1).numpy().astype(float)
    centred = flat - flat.mean(1, keepdims=True)
    every = principal_maps(x, 24).numpy().astype(float)
    near("d3s_optim", "eigvals", np.square(every @ centred).sum(1)[::-1], UNIT)
    np.testing.assert_allclose(found @ found.mT, np.eye(8), atol=1e-5)
    left, _, _ = np.linalg.svd(centred, full_matrices=False)
    np.testing.assert_allclose(np.abs(found.numpy() @ left[:, :8]), np.eye(8), atol=1e-2)


def test_weights_of_the_memory():
    weights = SampleWeights(250, 0.0075, protected=27)
    places, kept = [], []
    for k in range(230):
        places.append(weights.insert(0.02 if k % 7 == 0 else None))
        if k in (0, 1, 2, 50, 229):
            row = np.zeros(250)
            row[: weights.stored] = weights.values_n
            kept.append(row)
    near("d3s_memory", "weights", np.stack(kept), UNIT)
    near("d3s_memory", "replace_ind", np.array(places), 1e-9)


def test_variations_of_the_first_frame():
    image = first_picture()
    plan = plan_patch(
        pair((116, 126)), pair((130, 130)), (130, 130), image.shape[:2], "replicate", exact=True
    )
    patch = plan.cut(image)
    changed = {
        "identity": (patch, (0, 0)),
        "translate": (patch, (10, -7)),
        "flip": (mirror(patch), (0, 0)),
        "blur": (blur(patch, (2, 0.2)), (0, 0)),
        "rotate20": (rotate(patch, 20), (0, 0)),
    }
    for name, (one, shift) in changed.items():
        cut = CentreCrop((130, 130), (64, 64), shift)(one)
        near_pixels("d3s_crop", f"aug_{name}", cut[..., ::2, ::2])


def test_the_first_frame_has_27_samples():
    assert VARIATIONS.count == 27
    pixels = [(round(a * 128), round(b * 128)) for a, b in VARIATIONS.shifts]
    expected = [(s * a, s * b) for s in (32, 96) for a, b in ((1, 1), (-1, 1), (1, -1), (-1, -1))]
    assert pixels == expected


def test_features_have_a_mean_square_of_one():
    chance = torch.Generator().manual_seed(0)
    patches = 255 * torch.rand(2, 3, 64, 64, generator=chance)
    resnet = randomise(ResNet("basic", (1,) * 4, (4,) * 4, 4))
    for backbone in (small_d3s().feature_extractor, resnet):
        maps = filter_features(backbone, patches)
        assert maps.shape[2:] == (4, 4)
        torch.testing.assert_close(maps.square().mean((1, 2, 3)), torch.ones(2))


def blob_frame(cx, cy, size=(120, 160)):
    """A frame of faint noise with a textured square."""
    rng = np.random.default_rng(3)
    frame = (100 + 20 * rng.random((*size, 3))).astype(np.uint8)
    patch = (255 * rng.random((24, 24, 3))).astype(np.uint8)
    frame[cy - 12 : cy + 12, cx - 12 : cx + 12] = patch
    return frame


def test_it_learns_its_target_and_finds_it_elsewhere():
    settings = D3SSettings(device="cpu")
    state = State.start(pair((60, 80)), pair((24, 24)), Rules())
    network = small_d3s()
    found = DiscriminativeFilter(
        network.feature_extractor, settings, blob_frame(80, 60), state, torch.device("cpu")
    )
    assert found.memory.stored == 27
    look = found.look(blob_frame(92, 52), state)
    np.testing.assert_allclose(look.place_yx, (52, 92), atol=3)
    assert look.sighting.score > 0.3  # under the window
    before = found._filter
    found.learn(2, look, state, believed=True)
    assert found.memory.stored == 28
    hard = look.sighting.flag is Flag.HARD_NEGATIVE
    assert (found._filter is before) != hard
    found.learn(11, look, state, believed=False)
    assert found.memory.stored == 28
    assert found._filter is not before
    # the label is where the target is in the patch
    label = found.memory["labels"][27].numpy()
    np.testing.assert_allclose(np.unravel_index(label.argmax(), label.shape), (8, 8))
