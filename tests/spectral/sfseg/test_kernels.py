"""The fast kernels against float64, in all their forms; the benchmark's own checks."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch

import reference_spectral as truth
from spectrack.errors import InputError
from spectrack.spectral.sfseg.affinity import cosine_series
from spectrack.spectral.sfseg.benchmark import run_benchmark
from spectrack.spectral.sfseg.filter import sfseg
from spectrack.spectral.sfseg.kernels import choose, has_triton
from spectrack.spectral.sfseg.kernels.numba import NumbaFilter
from spectrack.spectral.sfseg.kernels.torch import TorchFilter
from spectrack.spectral.sfseg.settings import PRESETS, SFSegSettings, first_activation


@pytest.fixture(scope="module")
def wide():
    """Wide and tall enough for several tiles, of odd sizes."""
    rng = np.random.default_rng(4)
    shape = (3, 41, 651)
    return rng.random(shape, dtype=np.float32), rng.random((2, *shape), dtype=np.float32)


def opened(kernel, soft, feature, settings):
    if kernel == "numba":
        return NumbaFilter(soft, feature, settings, threads=2)
    tensors = [None if a is None else torch.from_numpy(a) for a in (soft, feature)]
    return TorchFilter(*tensors, settings)


def affinity_of(name, alpha):
    if name == "taylor":
        return lambda d: 1 - alpha * (d**2).sum(axis=0)
    series = cosine_series(name, alpha)
    return lambda d: np.prod(series(d), axis=0)


@pytest.mark.parametrize("affinity", ["taylor", "cosine2", "cosine3", "cosine5"])
@pytest.mark.parametrize(("kernel", "channels"), [("numba", 1), ("torch", 1), ("torch", 2)])
def test_a_step_and_its_statistics_meet_float64(wide, affinity, kernel, channels):
    soft, feature = wide[0], wide[1][:channels]
    settings = SFSegSettings(p=0.5, kernel=(5, 5, 5), affinity=affinity)
    volume = opened(kernel, soft, feature, settings)
    stats = volume.step(first_activation(settings, len(soft)), 0, len(soft))
    found = np.asarray(volume.stored).reshape(soft.shape)
    doubles = [a.astype(np.float64) for a in (soft, feature)]
    expected = truth.kernel_sum(
        doubles[0], *doubles, 0.5, (5, 5, 5), affinity_of(affinity, settings.alpha)
    )
    np.testing.assert_allclose(found, expected, atol=1e-5)
    flat = expected.reshape(len(expected), -1)
    wanted = np.stack([flat.min(1), flat.max(1), (flat**2).sum(1)], axis=1)
    np.testing.assert_allclose(stats, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("affinity", ["taylor", "cosine2", "cosine3", "cosine5"])
@pytest.mark.parametrize("preset", ["paper", "published"])
@pytest.mark.parametrize("border", ["zero", "guard"])
def test_whole_recipes_agree(affinity, preset, border):
    rng = np.random.default_rng(8)
    soft, feature = (rng.random((11, 19, 45), dtype=np.float32) for _ in range(2))
    settings = replace(PRESETS[preset], affinity=affinity, border=border)
    exact = [torch.from_numpy(a.astype(np.float64)) for a in (soft, feature)]
    expected = sfseg(exact[0].requires_grad_(), exact[1], settings).detach().numpy()
    for kernel in ("numba", "torch"):
        found = sfseg(soft, feature, settings, kernel=kernel)
        np.testing.assert_allclose(found, expected, atol=1e-5, err_msg=kernel)


@pytest.mark.parametrize("offset", [0.0, 0.9])
def test_an_offset_of_the_feature_changes_nothing(wide, offset):
    soft, feature = wide[0], wide[1][:1] * 0.1
    settings = SFSegSettings(p=0.5, iterations=3, continuous_iterations=3, alpha=4.0)
    found = sfseg(soft, feature + np.float32(offset), settings)
    np.testing.assert_allclose(found, sfseg(soft, feature, settings), atol=1e-5)


def test_threads_of_the_caller_do_not_disturb_each_other(wide):
    soft, feature = wide[0], wide[1][0]
    expected = sfseg(soft, feature, "published")
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: sfseg(soft, feature, "published"), range(8)))
    for found in results:
        np.testing.assert_array_equal(found, expected)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("affinity", ["taylor", "cosine2"])
def test_cuda_agrees(wide, affinity):
    settings = replace(PRESETS["published"], affinity=affinity)
    soft, feature = (torch.from_numpy(a).cuda() for a in (wide[0], wide[1]))
    found = sfseg(soft, feature, settings)
    assert found.is_cuda
    expected = sfseg(*wide, settings, kernel="torch")
    np.testing.assert_allclose(found.cpu().numpy(), expected, atol=1e-5)


def test_which_kernel_is_taken():
    settings = SFSegSettings()
    assert choose("auto", settings, 1) == "numba"
    assert choose("auto", settings, 0) == "numba"
    assert choose("auto", settings, 2) == "torch"
    assert choose("auto", settings, 1, "cuda") == ("triton" if has_triton() else "torch")
    assert choose("auto", replace(settings, kernel=(3, 3, 35)), 1) == "torch"
    with pytest.raises(InputError, match="one feature channel"):
        choose("numba", settings, 3)


def test_benchmark_checks_what_it_times():
    values = run_benchmark(frames=4, threads=1, size_wh=(40, 30), kernel=(3, 3, 3))
    names = {"numba_taylor", "numba_cosine2", "torch_taylor"}
    assert set(values["ratio"]) == set(values["ratio_to_floor"]) == names
    assert set(values["ms_per_frame_iteration"]) == names | {"transcription"}
    assert all(e < 1e-5 for e in values["max_abs_error"].values())
    assert values["max_abs_error"]["numba_taylor_to_transcription"] < 2e-6
    with pytest.raises(InputError, match="1 or more"):
        run_benchmark(frames=0)
