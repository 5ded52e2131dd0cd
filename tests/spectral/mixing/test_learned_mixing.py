"""The torch mixing against the stream that people use, and its gradients."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from spectrack.spectral.mixing.learned import LearnedMixing
from spectrack.spectral.mixing.mixing import MixStream
from spectrack.spectral.mixing.settings import MixingSettings, size_scale

NAMES = ("a", "b", "c")
START = MixingSettings(
    names=NAMES, weights=(3.0, 2.0, -0.5), bias=-2.0, agreement=2.0, pairwise_weights=(1.0, 0, 2.0)
)


def run(settings: MixingSettings):
    rng = np.random.default_rng(0)
    maps = rng.integers(0, 256, (6, 3, 9, 11)).astype(np.uint8)
    present = rng.random((6, 3)) < 0.8
    present[:, 0] = True
    stream, out = MixStream(settings, (11, 9)), []
    for frame, seen in zip(maps, present, strict=True):
        out += stream.push(frame, seen)
    return maps, present, out + stream.flush()


@pytest.mark.parametrize("pairwise", ["shared", "apart"])
def test_same_as_the_stream(pairwise: str) -> None:
    model = LearnedMixing(START, pairwise)
    maps, present, mixed = run(model.settings())
    agreement = torch.from_numpy(np.stack([m.agreement_c for m in mixed]))
    soft, second = model(torch.from_numpy(maps).float() / 255, agreement, torch.from_numpy(present))
    found = np.stack([m.soft_hw for m in mixed])
    np.testing.assert_allclose(soft.detach().numpy(), found, atol=2e-6)
    found = np.stack([m.pairwise_hw for m in mixed])
    np.testing.assert_allclose(second.detach().numpy(), found, atol=2e-6)
    assert (second is soft) == (pairwise == "shared")


def test_columns_are_pixels_of_the_maps() -> None:
    model = LearnedMixing(START)
    maps, present, mixed = run(model.settings())
    agreement = torch.from_numpy(np.stack([m.agreement_c for m in mixed]))
    pixels = [(t, y, x) for t in range(6) for y, x in ((0, 0), (3, 4), (8, 10))]
    columns = torch.tensor(np.stack([maps[t, :, y, x] for t, y, x in pixels])) / 255
    frame = torch.tensor([t for t, _, _ in pixels])
    soft = model.of_columns(columns, frame, agreement, torch.from_numpy(present))
    expected = [mixed[t].soft_hw[y, x] for t, y, x in pixels]
    np.testing.assert_allclose(soft.detach().numpy(), expected, atol=2e-6)


@pytest.mark.parametrize("side", [5.0, 20.0, 60.0, 130.0, 4000.0])
def test_weights_that_follow_the_size_are_those_of_the_settings(side: float) -> None:
    start = replace(START, weights=(3.0, 2.0, 0.5), pairwise_weights=None, sizes=(1.0, -0.5, 0.0))
    at_size = start.at_size(side)
    scale = min(max(side, 16.0), 256.0) / 60
    raw = np.array([3.0 * scale, 2.0 / np.sqrt(scale), 0.5])
    np.testing.assert_allclose(at_size.weights, raw * 5.5 / raw.sum())
    assert at_size.sizes is None
    maps, present, mixed = run(at_size)
    agreement = torch.from_numpy(np.stack([m.agreement_c for m in mixed]))
    scales = torch.full((6,), size_scale(side))
    soft, _ = LearnedMixing(start)(
        torch.from_numpy(maps).float() / 255, agreement, torch.from_numpy(present), scales
    )
    found = np.stack([m.soft_hw for m in mixed])
    np.testing.assert_allclose(soft.detach().numpy(), found, atol=2e-6)


@pytest.mark.parametrize("side", [16.0, 40.0, 60.0, 100.0, 256.0])
@pytest.mark.parametrize("weights", [(3.0, 2.0, -2.5), (2.0, -4.0, 1.5), (1.0, -1.0, 0.0)])
def test_weights_of_both_signs_follow_the_size_as_they_learned_to(weights, side: float) -> None:
    """Their plain sum nearly cancels or changes its sign on the way from small to large."""
    start = replace(START, weights=weights, pairwise_weights=None, sizes=(1.0, -0.5, 0.3))
    ones = torch.ones(1, 3)
    model = LearnedMixing(start).double()
    scale = torch.tensor([size_scale(side)], dtype=torch.float64)
    expected = model.frame_weights(model.weights_c, ones, ones.bool(), scale)
    found = start.at_size(side).weights
    np.testing.assert_allclose(found, expected[0].detach().numpy(), rtol=1e-5)
    assert np.sign(found).tolist() == np.sign(weights).tolist()


def test_whole_numbers_can_be_learned_from() -> None:
    whole = MixingSettings(
        names=("a", "b"),
        weights=(4, 4),
        bias=-4,
        agreement=1,
        pairwise_weights=(1, 2),
        sizes=(0, 1),
    )
    model = LearnedMixing(whole, "apart", learn_sizes=True)
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert model.settings() == replace(whole, pairwise_bias=-4.0)


def test_exponents_of_the_size_are_learned_only_where_asked() -> None:
    sizes = replace(START, pairwise_weights=None, sizes=(1.0, -0.5, 0.0))
    model = LearnedMixing(sizes)
    assert model.settings() == sizes
    assert not model.sizes_c.requires_grad
    learns = LearnedMixing(replace(sizes, sizes=None), learn_sizes=True)
    assert learns.settings().sizes == (0.0, 0.0, 0.0)
    columns = torch.tensor([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    seen = torch.ones(2, 3)
    soft = learns.of_columns(columns, torch.tensor([0, 1]), seen, seen, torch.tensor([2.0, 0.5]))
    soft[0].backward()
    # More of the first channel where it says yes: for the large target a higher exponent helps.
    assert learns.sizes_c.grad[0] > 0 > learns.sizes_c.grad[1]


def test_settings_round_trip_and_even_start() -> None:
    assert LearnedMixing(START, "apart").settings() == replace(START, pairwise_bias=-2.0)
    even = LearnedMixing.even(("x", "y"), agreement=0.0)
    assert even.settings() == MixingSettings(names=("x", "y"), weights=(4.0, 4.0), bias=-4.0)
    assert sum(p.numel() for p in even.parameters() if p.requires_grad) == 3


@pytest.mark.parametrize("agreement", [0.0, 2.0])
def test_gradcheck(agreement: float) -> None:
    model = LearnedMixing(replace(START, agreement=agreement + 0.1), "apart").double()
    maps = torch.rand(2, 3, 2, 3, dtype=torch.float64, requires_grad=True)
    seen = torch.tensor([[True, True, True], [True, False, True]])
    how_far = torch.rand(2, 3, dtype=torch.float64) * 0.8 + 0.1
    names = [name for name, _ in model.named_parameters()]

    def call(channels, *parameters):
        return torch.func.functional_call(
            model, dict(zip(names, parameters, strict=True)), (channels, how_far, seen)
        )

    values = [p.detach().clone().requires_grad_() for p in model.parameters()]
    assert torch.autograd.gradcheck(call, (maps, *values))
