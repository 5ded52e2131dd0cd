"""KYS's network: every parameter by name and shape, and its training over runs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from golden import Golden
from spectrack.datasets.synthetic.scene import make_clip
from spectrack.trackers.kys.network import KYS, kys50
from spectrack.trackers.kys.train import follow, judge, learn_kys
from spectrack.trackers.kys.train_losses import Jitter
from spectrack.trackers.kys.train_runs import RunSamples, RunSettings
from spectrack.training.data.clips import ArrayClip
from spectrack.training.data.samples import Source
from spectrack.training.loop.settings import TrainSettings
from thin import randomise, thin_resnet

RUN = RunSettings(size=96, search=4.0, train_frames=2, frames=2)
BATCH = 2


def test_parameters_match_by_name_and_shape(golden: Golden):
    with torch.device("meta"):
        state = kys50().state_dict()
    assert {k: tuple(v.shape) for k, v in state.items()} == golden.parameters("kys")


@pytest.fixture(scope="module")
def network() -> KYS:
    torch.manual_seed(0)
    return randomise(KYS(thin_resnet(), 12, iou_maps=8))


@pytest.fixture(scope="module")
def source() -> Source:
    clip = make_clip(9, size_wh=(96, 72), seed=1)
    return Source([ArrayClip(clip.frames_thwc, clip.masks_thw.astype(np.uint8))])


@pytest.fixture(scope="module")
def batch(source: Source) -> dict[str, torch.Tensor]:
    samples = RunSamples([source], BATCH, RUN, seed=0)
    return {k: torch.stack([samples[i][k] for i in range(BATCH)]) for k in samples[0]}


def test_runs_of_a_batch_are_followed_apart(network: KYS, batch: dict[str, torch.Tensor]):
    together = follow(network, batch, RUN.sigma)
    assert together.labels_tnhw.shape == (3, BATCH, 6, 6)
    second = {name: value[1:] for name, value in batch.items()}
    alone = follow(network, second, RUN.sigma)
    for ours, own in zip(together.responses, alone.responses, strict=True):
        torch.testing.assert_close(ours.score[1:], own.score, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(ours.state[1:], own.state, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(together.scores_tnhw[:, 1:], alone.scores_tnhw, rtol=1e-3, atol=1e-4)


def test_distractors_are_the_same_for_the_same_draw(network: KYS, batch: dict[str, torch.Tensor]):
    often = Jitter(chance=1.0, least=0.0)
    plain = follow(network, batch, RUN.sigma).scores_tnhw
    first, again = (follow(network, batch, RUN.sigma, often).scores_tnhw for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, plain)


def test_only_the_predictor_learns(network: KYS, source: Source, tmp_path):
    before = {name: value.clone() for name, value in network.state_dict().items()}
    data = RunSamples([source], 2, RUN)
    held_out = RunSamples([source], 1, RUN, seed=5)
    settings = TrainSettings(
        epochs=3, batch_size=2, optimizer="adam", learning_rate=1e-2, weight_decay=0.0,
        schedule="step", schedule_every=15, schedule_factor=0.2, device="cpu",
    )  # fmt: skip
    learned = KYS(thin_resnet(), 12, iou_maps=8)
    learned.load_state_dict(before)
    torch.manual_seed(3)
    learn_kys(learned, data, tmp_path / "run", RUN.sigma, settings, held_out=held_out)
    changed = {k for k, v in learned.state_dict().items() if not torch.equal(v, before[k])}
    assert changed
    assert all(name.startswith("predictor.") for name in changed)
    found = judge(learned.eval(), held_out, RUN.sigma)
    assert set(found) == {"hits", "alone"}
    assert all(0 <= share <= 1 for share in found.values())
