"""The fused kernel for GPUs against the explicit matrix and the torch form.

Without a GPU it runs in Triton's interpreter, on a few pixels.
"""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest
import torch

from spectrack.errors import InputError
from spectrack.spectral.sfseg.affinity import cosine_series
from spectrack.spectral.sfseg.filter import sfseg
from spectrack.spectral.sfseg.graph import adjacency, taylor
from spectrack.spectral.sfseg.kernels import choose
from spectrack.spectral.sfseg.kernels.tiles import Tiles
from spectrack.spectral.sfseg.settings import PRESETS, SFSegSettings, first_activation

pytest.importorskip("triton", reason="Triton is not installed; pip install triton")
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
if DEVICE == "cpu" and os.environ.get("TRITON_INTERPRET") != "1":
    pytest.skip("no CUDA device, and TRITON_INTERPRET is not 1", allow_module_level=True)
SMALL = SFSegSettings(p=0.5, kernel=(3, 3, 5), iterations=2, continuous_iterations=1)


@pytest.fixture
def video(rng):
    """Several tiles, of odd sizes."""
    return rng.random((4, 33, 67), dtype=np.float32), rng.random((4, 33, 67), dtype=np.float32)


def on_device(*arrays, kind=torch.float32):
    return [torch.from_numpy(a).to(DEVICE, kind) for a in arrays]


def matrix_affinity(name, alpha):
    if name == "taylor":
        return taylor
    series = cosine_series(name, alpha)
    return lambda squared, _: series(np.sqrt(squared))


@pytest.mark.parametrize("affinity", ["taylor", "cosine2", "cosine3", "cosine5"])
def test_a_step_is_the_product_with_the_matrix(video, affinity, monkeypatch):
    from spectrack.spectral.sfseg.kernels import triton as host

    monkeypatch.setattr(host, "RUN", 3)  # two runs share frames
    settings = replace(SMALL, affinity=affinity)
    soft, feature = (a[:, :30] for a in video)
    volume = host.TritonFilter(*on_device(soft, feature[None]), settings)
    stats = volume.step(first_activation(settings, len(soft)), 0, len(soft))
    matrix = adjacency(
        soft, feature, p=0.5, kernel=settings.kernel, affinity=matrix_affinity(affinity, 1.0)
    )
    expected = (matrix @ soft.astype(np.float64).ravel()).reshape(soft.shape)
    np.testing.assert_allclose(volume.stored.cpu().numpy(), expected, atol=1e-5)
    flat = expected.reshape(len(expected), -1)
    wanted = np.stack([flat.min(1), flat.max(1), (flat**2).sum(1)], axis=1)
    np.testing.assert_allclose(stats, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "settings",
    [
        SMALL,
        replace(SMALL, kernel=(1, 1, 3)),
        replace(SMALL, kernel=(1, 5, 1)),
        replace(PRESETS["published"], iterations=2, kernel=(3, 3, 3)),
        replace(SMALL, floor=0.1, normalisation="frame", continuous_iterations=2),
    ],
    ids=["volume", "rows", "columns", "published", "frame"],
)
def test_whole_recipes_meet_the_torch_form(video, settings):
    soft, feature = (np.concatenate([a, a[::-1, ::-1]])[:7] for a in video)
    expected = sfseg(soft, feature, settings, kernel="torch")
    found = sfseg(*on_device(soft, feature), settings, kernel="triton")
    assert found.device.type == DEVICE
    np.testing.assert_allclose(found.cpu().numpy(), expected, atol=1e-5)


def test_known_frames_stay_and_the_others_feel_them(video):
    expected = sfseg(*video, SMALL, kernel="torch", fixed=[1])
    found = sfseg(*on_device(*video), SMALL, kernel="triton", fixed=[1]).cpu().numpy()
    np.testing.assert_array_equal(found[1], video[0][1])
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert abs(found[0] - sfseg(*video, SMALL, kernel="torch")[0]).max() > 1e-3


def test_without_a_feature(video):
    expected = sfseg(video[0], None, SMALL, kernel="torch")
    found = sfseg(on_device(video[0])[0], None, SMALL, kernel="triton")
    np.testing.assert_allclose(found.cpu().numpy(), expected, atol=1e-5)


@pytest.mark.parametrize(("kind", "error"), [(torch.float16, 1e-3), (torch.bfloat16, 1e-2)])
def test_half_storage_costs_its_digits_and_no_more(video, kind, error):
    soft, feature = on_device(*video, kind=kind)
    expected = sfseg(soft.float().cpu(), feature.float().cpu(), SMALL, kernel="torch")
    found = sfseg(soft, feature, SMALL, kernel="triton")
    assert found.dtype == torch.float32
    apart = (found.cpu() - expected).abs().max()
    assert 0 < apart < error


def test_a_small_norm_does_not_drown_in_half_precision(video):
    """Under Eq. 8 values shrink with the size of the video; what is stored does not."""
    continuous = replace(SMALL, iterations=3, continuous_iterations=3)
    (soft,) = on_device(video[0] * 1e-4, kind=torch.float16)
    expected = sfseg(soft.float().cpu(), None, continuous, kernel="torch")
    found = sfseg(soft, None, continuous, kernel="triton")
    np.testing.assert_allclose(found.cpu(), expected, atol=2e-3)


def test_empty_maps_stay_empty():
    soft = torch.zeros(3, 20, 20, device=DEVICE)
    assert not sfseg(soft, soft, replace(SMALL, iterations=1), kernel="triton").any()


def test_what_does_not_fit_is_refused_where_it_lies(video):
    soft, feature = on_device(*video)
    broken = soft.clone()
    broken[0, 0, 0] = torch.nan
    with pytest.raises(InputError, match="NaN or infinite"):
        sfseg(broken, feature, SMALL, kernel="triton")
    with pytest.raises(InputError, match="expected 0 to 1"):
        sfseg(soft, feature * 2, SMALL, kernel="triton")
    with pytest.raises(InputError, match="same time, height and width"):
        sfseg(soft, feature[1:], SMALL, kernel="triton")
    clipped = sfseg(soft * 2 - 0.5, None, replace(SMALL, iterations=0), kernel="triton")
    np.testing.assert_allclose(clipped.cpu(), np.clip(video[0] * 2 - 0.5, 0, 1), atol=1e-6)


def test_which_recipes_it_takes(monkeypatch):
    assert choose("auto", SMALL, 1, "cuda") == "triton"
    assert choose("auto", SMALL, 2, "cuda") == "torch"
    assert Tiles.of(replace(SMALL, kernel=(3, 3, 35)), 1) is None
    assert Tiles.of(replace(SMALL, kernel=(7, 3, 3)), 1) is None
    with pytest.raises(InputError, match="registers"):
        choose("triton", SMALL, 2, "cuda")
    monkeypatch.setenv("TRITON_INTERPRET", "0")
    with pytest.raises(InputError, match="CUDA device"):
        choose("triton", SMALL, 1, "cpu")
