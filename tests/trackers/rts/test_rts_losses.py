"""Losses of RTS against the reference's numbers and against their definition."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from golden import Golden
from spectrack.errors import InputError
from spectrack.trackers.rts.network import RTSOutput
from spectrack.trackers.rts.train_losses import LossWeights, lovasz_batch, rts_loss
from spectrack.training.losses import lovasz, lovasz_hinge


def test_lovasz_is_that_of_the_reference(golden: Golden) -> None:
    logits = torch.from_numpy(golden.scheme.nrm("lov.logits", (3, 1, 24, 40), 2.0))
    truth = torch.from_numpy(golden.scheme.uni("lov.labels", (3, 1, 24, 40)) > 0.7).float()
    logits.requires_grad_()
    loss = lovasz_batch(logits, truth)
    loss.backward()
    golden.compare("losses", "lovasz.loss", loss)
    golden.compare("losses", "lovasz.grad", logits.grad)
    golden.compare("losses", "lovasz.loss_empty", lovasz_batch(logits, truth * 0))
    golden.compare("losses", "lovasz.loss_full", lovasz_batch(logits, truth * 0 + 1))
    golden.compare("losses", "lovasz.loss_per_image", lovasz(logits.sigmoid(), truth) / 3)
    golden.compare("losses", "lovasz_hinge.per_image", lovasz_hinge(logits, truth) / 3)
    together = lovasz_hinge(logits.reshape(1, 1, -1), truth.reshape(1, 1, -1))
    golden.compare("losses", "lovasz_hinge.batch", together)


@pytest.fixture
def said(rng: np.random.Generator) -> tuple[RTSOutput, torch.Tensor, torch.Tensor]:
    logits, scores = rng.normal(size=(3, 2, 8, 9)), rng.normal(size=(6, 3, 2, 4, 5))
    masks, labels = rng.uniform(size=(3, 2, 8, 9)) > 0.6, rng.uniform(size=(3, 2, 4, 5)) ** 4
    output = RTSOutput(torch.tensor(logits).float(), torch.tensor(scores).float())
    return output, torch.tensor(masks).float(), torch.tensor(labels).float()


def test_the_whole_loss_is_the_published_sum(
    said: tuple[RTSOutput, torch.Tensor, torch.Tensor],
) -> None:
    output, masks, labels = said
    each = []
    for scores in output.scores_itshw.double():
        near = (labels >= 0.05).double()
        predicted = near * scores + (1 - near) * scores.relu()
        each.append(float(((predicted - near * labels) ** 2).mean()))
    segmentation = float(lovasz_batch(output.logits_tshw, masks))
    between = sum(each[1:5]) / 4
    published = 10 * segmentation + 100 * each[-1] + 100 * each[0] + 400 * between
    assert float(rts_loss(output, masks, labels)) == pytest.approx(published, rel=1e-5)
    # The paper's Eq. 4: eta = 10, and the sum over the number of steps; all times 10.
    paper = 10 * (segmentation + 10 * sum(each) / 5)
    averaged = rts_loss(output, masks, labels, LossWeights(average=True))
    assert float(averaged) == pytest.approx(paper, rel=1e-5)


def test_cross_entropy_is_added_where_asked(
    said: tuple[RTSOutput, torch.Tensor, torch.Tensor],
) -> None:
    output, masks, labels = said
    p = 1 / (1 + np.exp(-output.logits_tshw.double().numpy()))
    t = masks.numpy()
    expected = -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean()
    only = LossWeights(mask=0, iterate=0, pixels=2.5)
    assert float(rts_loss(output, masks, labels, only)) == pytest.approx(2.5 * expected, rel=1e-5)


def test_shapes_that_differ_are_told() -> None:
    with pytest.raises(InputError, match="one shape"):
        lovasz_batch(torch.zeros(2, 3, 4), torch.zeros(3, 2, 4))
