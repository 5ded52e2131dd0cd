"""Fine-tuning of everything: its geometry against the tracker's own pasting."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from spectrack.spectral.mixing.learned import LearnedMixing
from spectrack.trackers.sftrack.crop import SIDE, Crop
from spectrack.trackers.sftrack.feat2seg import Feat2Seg
from spectrack.trackers.sftrack.seg2box import Seg2Box
from spectrack.trackers.sftrack.train_joint import (
    Joint,
    JointBatch,
    grids,
    joint_loss,
    mirrored,
    relation,
)
from tiny_training import little_work  # noqa: F401


def _mask(size_hw: tuple[int, int]) -> np.ndarray:
    y, x = np.mgrid[: size_hw[0], : size_hw[1]]
    return np.exp(-((x - 90) ** 2 / 900 + (y - 70) ** 2 / 400)).astype(np.float32)


def test_masks_come_into_the_common_crop_where_pasting_puts_them() -> None:
    """Through the frame (cut, paste, cut) and directly (relation, grid_sample): the same map."""
    frame = _mask((160, 200))
    other, common = Crop(40, 30, 150, 120), Crop(55, 25, 135, 125)
    soft = other.cut(frame)
    pasted = np.zeros_like(frame)
    other.paste(soft, pasted)
    through = common.cut(pasted)
    places = torch.tensor([relation(common, other)], dtype=torch.float32)
    direct = F.grid_sample(torch.from_numpy(soft)[None, None], grids(places), align_corners=False)[
        0, 0
    ].numpy()
    inner = slice(10, -10)
    np.testing.assert_allclose(direct[inner, inner], through[inner, inner], atol=0.03)


def _batch(rng: np.random.Generator, inputs: int = 2) -> JointBatch:
    truth = torch.zeros(2, SIDE, SIDE)
    truth[:, 40:90, 30:100] = 1
    return JointBatch(
        maps=torch.from_numpy(rng.random((2, inputs, 5, SIDE, SIDE), dtype=np.float32)),
        places=torch.tensor([1.0, 0.0, 1.0, 0.0]).expand(2, inputs, 4).clone(),
        present=torch.ones(2, inputs, dtype=torch.bool),
        agreement=torch.full((2, inputs), 0.8),
        scale=torch.ones(2),
        consensus=torch.zeros(2, 64, 64),
        truth=truth,
        edges=torch.tensor([[30.0, 40.0, 100.0, 90.0]]).repeat(2, 1) / SIDE,
    )


def test_gradients_reach_all_three_parts(rng: np.random.Generator) -> None:
    model = Joint(Feat2Seg((8, 12)), LearnedMixing.even(("a", "b")), Seg2Box())
    joint_loss(model, _batch(rng)).backward()
    for part in (model.feat2seg.unet.head, model.seg2box.readers):
        assert all(p.grad is not None and bool(p.grad.abs().sum() > 0) for p in part.parameters())
    assert model.mixing.weights_c.grad is not None
    assert bool(model.mixing.weights_c.grad.abs().min() > 0)


def test_an_absent_input_does_not_matter(rng: np.random.Generator) -> None:
    torch.manual_seed(0)
    model = Joint(Feat2Seg((8, 12)), LearnedMixing.even(("a", "b")), Seg2Box()).eval()
    batch = _batch(rng)
    batch["present"][:, 1] = False
    fused, _ = model(batch)
    batch["maps"][:, 1] = 0.3
    again, _ = model(batch)
    torch.testing.assert_close(fused, again)


def test_mirrored_twice_is_the_sample_and_once_moves_the_box(rng: np.random.Generator) -> None:
    batch = _batch(rng)
    sample: JointBatch = {name: value[0] for name, value in batch.items()}  # type: ignore
    sample["places"] = torch.tensor([[0.7, 0.2, 1.1, -0.1], [1.0, 0.0, 1.0, 0.0]])
    once, twice = mirrored(sample), mirrored(mirrored(sample))
    for name in sample:
        torch.testing.assert_close(twice[name], sample[name])
    assert once["edges"].tolist() == [
        1 - v if i % 2 == 0 else v
        for i, v in zip(
            (0, 1, 2, 3), [sample["edges"][j].item() for j in (2, 1, 0, 3)], strict=True
        )
    ]
    # The mirrored mask of an input lands on the mirrored common crop.
    soft = torch.rand(1, 1, SIDE, SIDE)
    plain = F.grid_sample(soft, grids(sample["places"][:1]), align_corners=False)
    other = F.grid_sample(soft.flip(-1), grids(once["places"][:1]), align_corners=False)
    torch.testing.assert_close(plain.flip(-1), other, atol=1e-4, rtol=1e-4)
