"""Whole recipes: the published procedure, edge cases, bad input."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import reference_spectral as truth
from spectrack.errors import InputError
from spectrack.spectral.sfseg.filter import PRESETS, SFSegSettings, scale_feature, sfseg
from spectrack.spectral.sfseg.graph import adjacency, taylor

PUBLISHED = PRESETS["published"]
KERNELS = ["numba", "torch"]


@pytest.fixture(scope="module")
def clip():
    rng = np.random.default_rng(11)
    shape = (13, 23, 37)
    return rng.random(shape, dtype=np.float32), rng.random(shape, dtype=np.float32)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("frames", [13, 9, 8, 1])
def test_published_preset_is_the_published_procedure(clip, kernel, frames):
    soft, feature = clip[0][:frames], clip[1][:frames]
    doubles = [torch.from_numpy(a.astype(np.float64)) for a in (soft, feature)]
    expected = truth.published_window(*doubles).numpy()
    found = sfseg(soft, feature, "published", kernel=kernel)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=2e-6)


def test_published_preset_in_float64_to_the_last_digits(clip):
    soft, feature = (torch.from_numpy(a.astype(np.float64)) for a in clip)
    found = sfseg(soft.requires_grad_(), feature, "published").detach()
    expected = truth.published_window(soft.detach(), feature)
    assert float((found - expected).abs().max()) < 1e-12


@pytest.mark.parametrize("kernel", KERNELS)
def test_paper_preset_is_algorithm_1(clip, kernel):
    soft, feature = (a.astype(np.float64) for a in clip)
    x = soft
    for _ in range(5):
        x = truth.taylor(x, soft, feature[None], 0.2, 1.0, (3, 7, 7))
    expected = truth.sigmoid(20 * (x / x.max() - 0.1))
    found = sfseg(*clip, "paper", kernel=kernel)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("kernel", KERNELS)
def test_continuous_result_is_relative_to_its_maximum(clip, kernel):
    settings = SFSegSettings(iterations=3, continuous_iterations=3)
    found = sfseg(*clip, settings, kernel=kernel)
    assert found.max() == pytest.approx(1, abs=1e-6)
    settings = replace(settings, iterations=0)
    np.testing.assert_allclose(sfseg(*clip, settings, kernel=kernel), clip[0], atol=1e-7)


def test_the_filter_removes_noise_from_the_moving_disc():
    soft, feature, mask = truth.scene()
    noisy = np.clip(soft + 0.5 * np.random.default_rng(2).standard_normal(soft.shape), 0, 1)

    def overlap(found):
        return (found & (mask > 0)).sum() / (found | (mask > 0)).sum()

    found = sfseg(noisy, feature, "paper")
    assert overlap(found >= PRESETS["paper"].threshold) > overlap(noisy >= 0.5) + 0.1


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("preset", ["paper", "published"])
def test_a_mask_of_zeros_gives_a_constant(kernel, preset):
    zeros = np.zeros((5, 9, 9), np.float32)
    found = sfseg(zeros, zeros, preset, kernel=kernel)
    assert np.isfinite(found).all()
    assert np.ptp(found) == 0


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 5, 1), (2, 1, 40), (3, 17, 16), (1, 33, 479)])
@pytest.mark.parametrize("size", [(5, 5, 5), (1, 1, 1), (7, 3, 33)])
def test_any_size_meets_float64(kernel, shape, size):
    rng = np.random.default_rng(0)
    soft, feature = rng.random(shape, dtype=np.float32), rng.random(shape, dtype=np.float32)
    settings = SFSegSettings(
        p=0.5, kernel=size, iterations=2, continuous_iterations=2, border="zero"
    )
    x = soft.astype(np.float64)
    for _ in range(2):
        x = truth.taylor(x, soft.astype(np.float64), feature[None].astype(np.float64), 0.5, 1, size)
    found = sfseg(soft, feature, settings, kernel=kernel)
    np.testing.assert_allclose(found, x / x.max(), atol=1e-5)


def test_zero_to_the_power_of_zero_is_one(clip):
    soft = (clip[0] > 0.5).astype(np.float32)
    settings = SFSegSettings(p=0.0, alpha=0.0, iterations=1, continuous_iterations=1)
    blur = truth.smooth(soft.astype(np.float64), settings.kernel)
    np.testing.assert_allclose(sfseg(soft, None, settings), blur / blur.max(), atol=1e-6)


def test_a_floor_lets_holes_be_filled():
    soft = np.ones((5, 21, 21), np.float32)
    soft[:, 10, 10] = 0
    settings = SFSegSettings(iterations=3)
    assert sfseg(soft, None, settings)[2, 10, 10] < 0.5
    assert sfseg(soft, None, replace(settings, floor=0.05))[2, 10, 10] > 0.5


@pytest.mark.parametrize("kind", [bool, np.uint8, np.float64, np.float16])
def test_other_types_are_taken_as_they_are(kind):
    hard = np.random.default_rng(0).random((3, 8, 9)) > 0.5
    expected = sfseg(hard.astype(np.float32), None, "paper")
    np.testing.assert_array_equal(sfseg(hard.astype(kind), None, "paper"), expected)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("kernel", ["numba", "torch", "gradient"])
def test_small_floats_are_filtered_in_float32(clip, kind, kernel):
    soft, feature = (torch.from_numpy(a).to(kind) for a in clip)
    expected = sfseg(soft.float(), feature.float(), "published", "torch")
    given = soft.clone().requires_grad_() if kernel == "gradient" else soft
    found = sfseg(given, feature, "published", "auto" if kernel == "gradient" else kernel)
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found.detach(), expected, atol=1e-5)
    if kernel == "gradient":
        found.sum().backward()
        assert given.grad.dtype == kind


def test_whole_numbers_beside_a_feature_that_learns(clip):
    hard, feature = (clip[0] > 0.5).astype(np.uint8), torch.from_numpy(clip[1]).requires_grad_()
    found = sfseg(torch.from_numpy(hard), feature)
    np.testing.assert_allclose(found.detach(), sfseg(hard, clip[1]), atol=1e-5)


def test_input_is_neither_changed_nor_shared(clip):
    soft, feature = clip[0].copy(), clip[1].copy()
    soft.flags.writeable = feature.flags.writeable = False
    for settings in ("paper", SFSegSettings(iterations=0)):
        for kernel in KERNELS:
            found = sfseg(soft, feature, settings, kernel=kernel)
            assert not np.shares_memory(found, soft)
            found[:] = 0


def test_values_outside_zero_to_one_are_clipped(clip):
    wild = 3 * clip[0] - 1
    np.testing.assert_array_equal(sfseg(wild), sfseg(np.clip(wild, 0, 1)))


def test_tensors_give_tensors(clip):
    soft, feature = (torch.from_numpy(a) for a in clip)
    found = sfseg(soft, feature, "published")
    assert isinstance(found, torch.Tensor)
    np.testing.assert_array_equal(found.numpy(), sfseg(*clip, "published"))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_one_bad_pixel_is_refused(clip, bad):
    broken = clip[0].copy()
    broken[3, 4, 5] = bad
    with pytest.raises(InputError, match="NaN"):
        sfseg(broken, clip[1])
    with pytest.raises(InputError, match="NaN"):
        sfseg(clip[0], broken)
    with pytest.raises(InputError, match="NaN"):
        sfseg(torch.from_numpy(broken).requires_grad_(), None)
    with pytest.raises(InputError, match="NaN"):
        sfseg(torch.from_numpy(clip[0]).requires_grad_(), torch.from_numpy(broken))
    with pytest.raises(InputError, match="NaN"):
        scale_feature(broken)


@pytest.mark.parametrize(
    ("soft", "feature", "words"),
    [
        (np.zeros((4, 4)), None, "time, height, width"),
        (np.zeros((0, 4, 4)), None, "none of them 0"),
        (np.full((2, 3, 3), 255, np.uint8), None, "divide by 255"),
        (np.array([[["a"]]]), None, "give numbers"),
        (np.zeros((2, 3, 3)), np.zeros((3, 3, 3)), "same time"),
        (np.zeros((2, 3, 3)), np.full((2, 3, 3), 7.0), "scale_feature"),
    ],
)
@pytest.mark.parametrize("kind", ["array", "tensor", "gradient"])
def test_bad_input_is_refused(soft, feature, words, kind):
    if kind != "array":
        if soft.dtype.kind == "U":
            pytest.skip("torch has no words")
        soft = torch.from_numpy(soft)
        feature = None if feature is None else torch.from_numpy(feature)
    if kind == "gradient":
        feature = torch.zeros(soft.shape) if feature is None else feature
        feature.requires_grad_()
    with pytest.raises(InputError, match=words):
        sfseg(soft, feature)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("p", -0.1), ("p", np.nan), ("alpha", -1), ("kernel", (4, 5, 5)), ("kernel", (5, 5)),
        ("iterations", -1), ("iterations", 1.5), ("floor", 0.5), ("steepness", 0.0),
        ("threshold", np.inf), ("affinity", "sine"), ("normalisation", "none"), ("border", "same"),
    ],
)  # fmt: skip
def test_bad_settings_are_refused(name, value):
    with pytest.raises(InputError):
        SFSegSettings(**{name: value})


def test_unknown_names_are_refused(clip):
    with pytest.raises(InputError, match="paper, published"):
        sfseg(*clip, "best")
    with pytest.raises(InputError, match="auto, numba, torch or triton"):
        sfseg(*clip, kernel="cuda")


def test_scale_feature():
    ramp = np.linspace(0, 50, 1001, dtype=np.float32).reshape(1, 7, 143)
    scaled = scale_feature(ramp)
    assert scaled.min() == 0
    assert scaled.max() == 1
    np.testing.assert_allclose(scaled[ramp < 49], ramp[ramp < 49] / 49.5, rtol=1e-5)
    signed = scale_feature(ramp - 25)
    assert signed.min() == 0
    assert signed.max() == 1
    assert not scale_feature(np.full((1, 3, 3), 4.0) * 0).any()
    assert scale_feature(np.eye(100)[None]).max() == 1  # fewer than a hundredth are not 0
    with pytest.raises(InputError, match="percentile"):
        scale_feature(ramp, 0)


KNOWN = [1, 4]
RESETS = {
    "volume": SFSegSettings(kernel=(3, 5, 5), iterations=4, continuous_iterations=4),
    "then binarised": SFSegSettings(kernel=(3, 5, 5), iterations=4, continuous_iterations=2),
    "a floor": SFSegSettings(kernel=(5, 3, 3), iterations=3, continuous_iterations=3, floor=0.05),
    "frame": replace(PUBLISHED, kernel=(3, 5, 5), iterations=4, border="zero"),
    "no step": SFSegSettings(iterations=0),
}


def reset_iteration(soft, feature, settings, known):
    """Power iteration with the matrix itself, the rows of known frames reset after each product."""
    lifted = settings.floor + (1 - 2 * settings.floor) * soft
    matrix = adjacency(
        lifted, feature, p=settings.p, alpha=settings.alpha, kernel=settings.kernel, affinity=taylor
    )
    x = lifted.copy()
    x[known] = soft[known]
    for iteration in range(settings.iterations):
        x = (matrix @ x.ravel()).reshape(soft.shape)
        x = truth.per_frame(x) if settings.normalisation == "frame" else x / x.max()
        if iteration >= settings.continuous_iterations:
            x = truth.sigmoid(settings.steepness * (x - settings.midpoint))
        x[known] = soft[known]
    return x


@pytest.mark.parametrize("name", RESETS)
@pytest.mark.parametrize("kernel", [*KERNELS, "gradient"])
def test_known_masks_are_kept_and_felt_as_by_the_matrix(clip, name, kernel):
    settings = RESETS[name]
    soft, feature = (a[:6, :9, :11].copy() for a in clip)
    soft[KNOWN] = soft[KNOWN] > 0.6
    if kernel == "gradient":
        wanted = torch.from_numpy(soft).requires_grad_()
        found = sfseg(wanted, feature, settings, fixed=KNOWN).detach().numpy()
    else:
        found = sfseg(soft, feature, settings, kernel=kernel, fixed=KNOWN)
    np.testing.assert_array_equal(found[KNOWN], soft[KNOWN])
    expected = reset_iteration(soft.astype(float), feature.astype(float), settings, KNOWN)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    if settings.iterations:
        free = [t for t in range(6) if t not in KNOWN]
        assert np.abs(found - sfseg(soft, feature, settings))[free].max() > 1e-3


def test_a_known_mask_that_was_right_mends_its_neighbours():
    soft, feature, mask = truth.scene()
    bad = np.clip(soft + 0.7 * np.random.default_rng(2).standard_normal(soft.shape), 0, 1)
    bad[[2, 7]] = mask[[2, 7]]

    def overlap(found):
        found, there = found[[1, 3, 6, 8]] >= PRESETS["paper"].threshold, mask[[1, 3, 6, 8]] > 0
        return (found & there).sum() / (found | there).sum()

    assert overlap(sfseg(bad, feature, fixed=[2, 7])) > overlap(sfseg(bad, feature)) + 0.01


def test_a_known_frame_that_does_not_exist_is_refused(clip):
    for given in (clip[0], torch.from_numpy(clip[0]), torch.from_numpy(clip[0]).requires_grad_()):
        for fixed in ([13], [-1]):
            with pytest.raises(InputError, match="frames 0 to 12"):
                sfseg(given, fixed=fixed)
