"""Several objects in one frame."""

import numpy as np
import pytest
import torch

from spectrack.errors import InputError
from spectrack.structures import Box
from spectrack.tracking.merging import given_logits, merge_objects


def test_merging_is_the_reference(golden):
    def rect(*xywh):
        return torch.from_numpy(golden.scheme.rect(*xywh, 20, 30))[0, 0]

    def noise(name):
        return torch.from_numpy(golden.scheme.nrm(name, (20, 30), 0.5))

    logits = torch.stack(
        [
            (rect(3, 4, 12, 9) - 0.5) * 8 + noise("merge.1"),
            (rect(10, 8, 15, 10) - 0.5) * 8 + noise("merge.2"),
            given_logits(rect(20, 1, 5, 9)),
        ]
    )
    shares, owner = merge_objects(logits)
    golden.compare("geometry", "merge.raw1", shares[0], 1e-6)
    golden.compare("geometry", "merge.raw3", shares[2], 1e-6)
    golden.compare("geometry", "merge.seg", owner.float(), 1e-6)
    boxes = [list(Box.from_mask((owner == k).numpy())) for k in (1, 2, 3)]
    golden.compare("geometry", "merge.boxes", np.array(boxes), 1e-7)


def test_shares_are_the_formula_and_leave_the_rest_to_the_background(rng):
    logits = torch.from_numpy(rng.normal(0, 3, (3, 5, 6))).float()
    shares, owner = merge_objects(logits)
    p = 1 / (1 + np.exp(-logits.double().numpy()))
    nobody = np.prod(1 - p, axis=0)
    odds = np.concatenate([nobody[None], p]) / (1 - np.concatenate([nobody[None], p]))
    assert shares.numpy() == pytest.approx((odds / odds.sum(0))[1:], abs=1e-5)
    assert np.array_equal(owner, odds.argmax(0))


def test_one_object_alone_keeps_its_mask(rng):
    logits = torch.from_numpy(rng.normal(0, 3, (1, 5, 6))).float()
    assert torch.equal(merge_objects(logits)[1] == 1, logits[0] > 0)


def test_extreme_logits_stay_finite():
    shares, owner = merge_objects(torch.tensor([[[100.0, -100.0]], [[100.0, -100.0]]]))
    assert torch.isfinite(shares).all()
    assert owner.tolist() == [[1, 0]]


@pytest.mark.parametrize("shape", [(0, 4, 4), (4, 4)])
def test_maps_of_another_shape_are_told(shape):
    with pytest.raises(InputError, match="objects, height, width"):
        merge_objects(torch.zeros(shape))
