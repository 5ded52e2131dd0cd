"""KYS's network: every parameter by name and shape, and its training over runs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from golden import Golden
from spectrack.datasets.synthetic.scene import make_clip
from spectrack.networks.cost_volume import cost_volume
from spectrack.trackers.kys.alignment import to_cells
from spectrack.trackers.kys.network import KYS, kys50
from spectrack.trackers.kys.train import KYS_TRAINING, follow, judge, learn_kys
from spectrack.trackers.kys.train_losses import Jitter
from spectrack.trackers.kys.train_runs import RunSamples, RunSettings
from spectrack.training.data.clips import ArrayClip
from spectrack.training.data.samples import Source
from spectrack.training.data.target_maps import target_labels
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


def test_a_run_is_followed_frame_by_frame(network: KYS, batch: dict[str, torch.Tensor]):
    """With the parts that tracking uses: each frame meets the one before it, and its own score."""
    network.eval()
    found = follow(network, batch, RUN.sigma)
    kernel = network.dimp_classifier.filter_size
    with torch.no_grad():
        for n in range(BATCH):
            maps = [
                network.backbone_feature_extractor(network.normalise(batch[kind][n]), ("layer3",))
                for kind in ("train", "run")
            ]
            known, seen = (network.dimp_classifier.features(m["layer3"]) for m in maps)
            learned = network.dimp_classifier.learn(
                known[:, None], batch["train_boxes"][n][:, None], iterations=5
            )
            scores = to_cells(network.dimp_classifier.scores(learned.filters, seen[:, None]))
            wanted = target_labels(batch["run_boxes"][n], (96, 96), 16, RUN.sigma, kernel)
            state = network.responses.first_state(to_cells(wanted[:1, None]))
            for t in (1, 2):
                layers = maps[1]["layer3"]
                volume = cost_volume(layers[t : t + 1], layers[t - 1 : t])
                said = network.responses(volume, scores[t : t + 1], state)
                ours = found.responses[t - 1]
                torch.testing.assert_close(ours.score[n], said.score[0], rtol=1e-3, atol=1e-4)
                torch.testing.assert_close(ours.state[n], said.state[0], rtol=1e-3, atol=1e-4)
                state = said.state


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


def test_a_stopped_run_goes_on_to_the_same_bits(network: KYS, source: Source, tmp_path):
    settings = TrainSettings(
        epochs=1, batch_size=2, optimizer="adam", learning_rate=1e-2, weight_decay=0.0,
        schedule="none", checkpoint_every=None, device="cpu",
    )  # fmt: skip
    data = RunSamples([source], 4, RUN)

    def made(seed: int) -> KYS:
        torch.manual_seed(seed)
        fresh = KYS(thin_resnet(), 12, iou_maps=8)
        rest = {n: v for n, v in network.state_dict().items() if not n.startswith("predictor.")}
        fresh.load_state_dict(fresh.predictor.state_dict(prefix="predictor.") | rest)
        return fresh

    def stop(done: int, of: int | None) -> None:
        if done == 1:
            raise KeyboardInterrupt

    whole, stopped, again = made(1), made(1), made(2)
    learn_kys(whole, data, tmp_path / "whole", RUN.sigma, settings)
    with pytest.raises(KeyboardInterrupt):
        learn_kys(stopped, data, tmp_path / "stopped", RUN.sigma, settings, progress=stop)
    first = {name: value.clone() for name, value in stopped.state_dict().items()}
    learn_kys(again, data, tmp_path / "stopped", RUN.sigma, settings)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name
    assert any(not torch.equal(value, first[name]) for name, value in whole.state_dict().items())


def test_the_training_is_the_published_one():
    training, look, jitter = KYS_TRAINING, RunSettings(), Jitter()
    assert (training.optimizer, training.learning_rate, training.epochs) == ("adam", 1e-2, 40)
    assert (training.schedule, training.schedule_every, training.schedule_factor) == (
        *("step", 15),
        0.2,
    )
    assert (look.train_frames, look.reach, look.size, look.search) == (3, 30, 288, 5.0)
    assert look.sigma == pytest.approx(0.9)
    assert (jitter.chance, jitter.least, jitter.lowest, jitter.highest) == (0.3, 0.1, 0.8, 1.3)
