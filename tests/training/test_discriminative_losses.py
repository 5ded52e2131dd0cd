"""Losses of scores and boxes against the reference's numbers and against their definition."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from golden import Golden
from spectrack.errors import InputError
from spectrack.training.discriminative_losses import (
    IterateWeights,
    box_divergence,
    box_likelihood,
    hinge_error,
    map_divergence,
    overlap_error,
)


def test_the_hinge_is_that_of_the_reference(golden: Golden) -> None:
    scores = torch.from_numpy(golden.scheme.nrm("hinge.pred", (2, 3, 16, 27))).requires_grad_()
    labels = torch.from_numpy(golden.array("losses", "hinge.label"))
    loss = hinge_error(scores, labels)
    loss.backward()
    golden.compare("losses", "hinge.loss", loss)
    golden.compare("losses", "hinge.grad", scores.grad)
    counted = torch.tensor([[1, 0, 1], [1, 1, 0]]) == 1
    golden.compare("losses", "hingev2.loss_valid", hinge_error(scores, labels, counted=counted))
    assert hinge_error(scores, labels, counted=counted & False) == 0


def test_the_divergence_of_boxes_is_that_of_the_reference(golden: Golden) -> None:
    scores = torch.from_numpy(golden.scheme.nrm("kl.scores", (4, 128))).requires_grad_()
    sampled = torch.from_numpy(golden.scheme.uni("kl.pd", (4, 128), 0.1, 5))
    true = torch.from_numpy(golden.scheme.uni("kl.gd", (4, 128), 0, 3))
    loss = box_divergence(scores, sampled, true)
    loss.backward()
    golden.compare("losses", "kl.loss", loss)
    golden.compare("losses", "kl.grad", scores.grad)
    likelihood = box_likelihood(scores[:, 0], scores[:, 1:], sampled[:, 1:])
    golden.compare("losses", "ml.loss", likelihood)


def test_the_divergence_of_maps_is_that_of_the_reference(golden: Golden) -> None:
    scores = torch.from_numpy(golden.scheme.nrm("klgrid.scores", (3, 2, 19, 19)))
    density = torch.from_numpy(golden.array("losses", "klgrid.density"))
    golden.compare("losses", "klgrid.loss", map_divergence(scores, density))


def test_the_divergence_of_maps_is_least_at_the_truth(rng: np.random.Generator) -> None:
    density = torch.from_numpy(rng.uniform(0.1, 1, (5, 6))).float()
    density = density / density.sum()
    scores = density.log().requires_grad_()
    loss = map_divergence(scores, density)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(-float((density * density.log()).sum()), rel=1e-6)
    np.testing.assert_allclose(scores.grad, 0, atol=1e-7)


def test_the_divergence_of_boxes_tends_to_the_integral(rng: np.random.Generator) -> None:
    """With many boxes: log of the integral of exp s, less the mean of s under the truth."""
    x = rng.normal(0, 2, 400_000)
    sampled = np.exp(-(x**2) / 8) / np.sqrt(8 * np.pi)
    true = np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)
    scores = -((x - 0.5) ** 2)
    found = box_divergence(*(torch.from_numpy(v)[None] for v in (scores, sampled, true)))
    wanted = np.log(np.sqrt(np.pi)) + 1 + 0.25
    assert float(found) == pytest.approx(wanted, abs=0.01)


def test_the_error_of_an_overlap_is_of_twice_it_less_one() -> None:
    found = overlap_error(torch.tensor([0.0, 0.5]), torch.tensor([1.0, 0.5]))
    assert float(found) == pytest.approx((1 + 0.25) / 2)


def test_iterates_are_weighted_as_published() -> None:
    errors = [torch.tensor(v) for v in (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)]
    assert float(IterateWeights().of(errors)) == 100 * 6 + 100 * 1 + 400 * 3.5
    assert float(IterateWeights().of(errors[:2])) == 100 * 2 + 100
    with pytest.raises(InputError, match="1 iterates"):
        IterateWeights().of(errors[:1])


def test_shapes_that_differ_are_told() -> None:
    with pytest.raises(InputError, match="one shape"):
        hinge_error(torch.zeros(2, 3, 4), torch.zeros(3, 2, 4))
    with pytest.raises(InputError, match="one shape"):
        box_divergence(torch.zeros(2, 3), torch.zeros(2, 4), torch.zeros(2, 3))
