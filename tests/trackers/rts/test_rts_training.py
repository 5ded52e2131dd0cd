"""Training of RTS: what is frozen, how fast what learns, and that it learns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from spectrack.datasets.base import Dataset, Sequence
from spectrack.datasets.synthetic.scene import make_clip
from spectrack.errors import InputError
from spectrack.networks.resnet import ResNet
from spectrack.trackers.lwl.network import LWL
from spectrack.trackers.rts.network import RTS, RTSOutput
from spectrack.trackers.rts.train import (
    RTS_TRAINING,
    forward_batch,
    freeze_start,
    judge,
    learn_rts,
)
from spectrack.trackers.rts.train_losses import LossWeights
from spectrack.trackers.rts.train_published import rts_published
from spectrack.training.data.clips import ArrayClip
from spectrack.training.data.samples import SampleSettings, Source, TrackingSamples
from spectrack.training.frozen import freeze_norms
from spectrack.training.loop.checkpoint import save_weights
from spectrack.training.loop.schedule import advance, make_optimizer, make_schedule
from spectrack.training.loop.settings import TrainSettings
from spectrack.video.frames import ArrayFrames
from spectrack.weights.described import make_network, save_described
from spectrack.weights.networks import load_network
from tiny_training import little_work  # noqa: F401

BACKBONE: dict[str, Any] = {
    "block": "basic",
    "depths": [1, 1, 1, 1],
    "widths": [8, 8, 16, 16],
    "stem": 8,
}
TINY: dict[str, Any] = {
    "kind": "rts",
    "backbone": BACKBONE,
    "features": 16,
    "encoding": 4,
    "decoder_maps": 8,
}
LOOK = SampleSettings(
    size_wh=(96, 64),
    search=4.0,
    test_frames=2,
    train_shift=(1, 1),
    test_shift=(1, 1),
    test_scale=0.1,
    grey=0,
)


FROZEN = ("conv1", "bn1", "layer1")


def tiny(seed: int = 0) -> RTS:
    torch.manual_seed(seed)
    network = make_network(TINY)
    assert isinstance(network, RTS)
    return network


@pytest.fixture(scope="module")
def samples() -> TrackingSamples:
    made = make_clip(12, size_wh=(120, 90), seed=3)
    clip = ArrayClip(made.frames_thwc, made.masks_thw.astype(np.uint8))
    return TrackingSamples([Source([clip])], 4, LOOK, seed=1)


def stacked(samples: TrackingSamples) -> dict[str, torch.Tensor]:
    chosen = [samples[i] for i in range(len(samples))]
    return {name: torch.stack([one[name] for one in chosen]) for name in chosen[0]}


def test_a_batch_is_its_samples_one_by_one(samples: TrackingSamples) -> None:
    network, batch = tiny().eval(), stacked(samples)
    with torch.no_grad():
        together, masks, labels = forward_batch(network, batch)
        for n in range(len(samples)):
            alone, mask, label = forward_batch(network, {k: v[n : n + 1] for k, v in batch.items()})
            close: dict[str, Any] = {"rtol": 1e-3, "atol": 1e-4}
            torch.testing.assert_close(together.logits_tshw[:, n], alone.logits_tshw[:, 0], **close)
            ours = together.scores_itshw[:, :, n]
            torch.testing.assert_close(ours, alone.scores_itshw[:, :, 0], **close)
            assert torch.equal(masks[:, n], mask[:, 0])
            assert torch.equal(mask[:, 0], batch["masks"][n, 1:].float())
            assert torch.equal(labels[:, n], label[:, 0])
    assert together.scores_itshw.shape[:3] == (6, 2, 4)


def test_published_rates_and_milestones() -> None:
    network = tiny()
    freeze_start(network)
    learned = [(n, p) for n, p in network.named_parameters() if p.requires_grad]
    optimizer = make_optimizer(learned, RTS_TRAINING)
    assert type(optimizer) is torch.optim.Adam
    rate_of = {id(p): g["lr"] for g in optimizer.param_groups for p in g["params"]}
    expected = {
        "feature_extractor.layer2": 4e-5,
        "feature_extractor.layer3": 4e-5,
        "feature_extractor.layer4": 4e-5,
        "target_model.filter_optimizer": 8e-5,
        "target_model.feature_extractor": 8e-5,
        "label_encoder": 8e-5,
        "decoder": 8e-5,
        "clf_encoder": 2e-4,
        "classifier": 2e-4,
    }
    for name, parameter in learned:
        start = next(s for s in expected if name.startswith(s))
        assert rate_of.pop(id(parameter)) == pytest.approx(expected[start]), name
    assert not rate_of
    assert not any(
        n.startswith(("feature_extractor.conv1", "feature_extractor.bn1")) for n, _ in learned
    )
    schedule = make_schedule(optimizer, RTS_TRAINING, "max")
    rates = []
    for _ in range(RTS_TRAINING.epochs):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        advance(schedule, 0.0)
    lowered = [e for e in range(1, 200) if rates[e] < rates[e - 1]]
    assert lowered == [25, 115, 160]
    assert rates[-1] == pytest.approx(2e-4 * 0.2**3)


@pytest.mark.parametrize(
    ("field", "value"), [("rates", (("decoder.", -1.0),)), ("schedule_at", (5, 5))]
)
def test_bad_rates_and_milestones_are_told(field: str, value: Any) -> None:
    with pytest.raises(InputError, match=f"training has {field}"):
        replace(RTS_TRAINING, **{field: value})


def test_what_is_frozen_stays(samples: TrackingSamples, tmp_path: Path) -> None:
    network = tiny()
    before = {name: t.clone() for name, t in network.state_dict().items()}
    settings = replace(RTS_TRAINING, epochs=1, batch_size=2, checkpoint_every=None, device="cpu")
    learn_rts(network, samples, tmp_path / "run", settings)
    same = {n for n, t in network.state_dict().items() if torch.equal(t, before[n])}
    statistics = {n for n in before if n.endswith(("running_mean", "running_var", "tracked"))}
    frozen = {n for n in before if n.startswith(tuple(f"feature_extractor.{f}" for f in FROZEN))}
    assert statistics <= same
    assert frozen <= same
    parts = {name.split(".")[0] for name in before} | {"feature_extractor.layer2"}
    for part in parts:
        assert any(n.startswith(part) for n in before.keys() - same), part


def test_norms_are_frozen_in_training() -> None:
    network = tiny().train()
    freeze_norms(network)
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    assert norms
    assert not any(m.training for m in norms)
    assert network.decoder.training


def test_it_learns_and_the_refined_filter_counts(samples: TrackingSamples, tmp_path: Path) -> None:
    network = tiny()
    start = judge(network.eval(), samples)
    settings = TrainSettings(
        epochs=32, batch_size=4, learning_rate=5e-3, schedule="none", clip=10.0, device="cpu"
    )
    result = learn_rts(
        network,
        samples,
        tmp_path / "run",
        settings,
        weights=LossWeights(iterate=20.0, pixels=10.0),
        frozen=False,
        held_out=samples,
    )
    assert result.best > start["J"] + 0.3
    assert result.history[-1]["loss"] < 0.7 * result.history[0]["loss"]
    batch = stacked(samples)
    plain, _, _ = forward_batch(network.eval(), batch)
    refined, _, _ = forward_batch(network, batch, refinements=2)
    torch.testing.assert_close(plain.logits_tshw[0], refined.logits_tshw[0])
    assert not torch.allclose(plain.logits_tshw[1], refined.logits_tshw[1], atol=1e-3)


class _Says(RTS):
    """Answers what it was told to answer."""

    answer: RTSOutput

    def forward(self, *given: Any, **more: Any) -> RTSOutput:
        del given, more
        return self.answer


def test_judging(samples: TrackingSamples) -> None:
    batch = stacked(samples)
    masks = batch["masks"].transpose(0, 1)[1:].float()
    labels = batch["labels"].transpose(0, 1)[1:]
    upper = masks.clone()
    upper[..., 32:, :] = 0
    network = _Says(ResNet(**BACKBONE), 16, 4, 8)
    found = {}
    for off in (0, 1, 2):
        scores = torch.zeros_like(labels)
        scores[..., off:] = labels[..., : labels.shape[-1] - off]
        network.answer = RTSOutput(upper - 0.5, 3 * scores[None])
        found[off] = judge(network, samples, batch_size=4)
    expected = (upper.sum((2, 3)) / masks.sum((2, 3))).mean()
    assert found[0]["J"] == pytest.approx(float(expected), rel=1e-6)
    assert found[0]["hits"] == found[1]["hits"] == 1
    assert found[2]["hits"] < 1
    assert found[0]["peak"] == pytest.approx(float(3 * labels.amax((2, 3)).mean()), rel=1e-6)


def _videos() -> Dataset:
    made = make_clip(14, size_wh=(96, 64), seed=3)
    stems = tuple(f"{t:05d}" for t in range(14))

    def video(name: str) -> Sequence:
        return Sequence(
            name, stems, lambda: ArrayFrames(made.frames_thwc), lambda t: made.masks_thw[t]
        )

    return Dataset("two", [video("a"), video("b")])


def test_the_published_recipe_starts_from_lwl(tmp_path: Path) -> None:
    lwl = LWL(ResNet(**BACKBONE), 16, 4, 8)
    save_weights(tmp_path / "lwl.safetensors", lwl)
    options: dict[str, Any] = {
        "network": TINY,
        "samples": 2,
        "look": LOOK,
        "training": replace(
            RTS_TRAINING, epochs=1, batch_size=2, learning_rate=1e-30, device="cpu"
        ),
        "held_out": 1,
        "judged": 2,
    }
    for paper in (False, True):
        out = tmp_path / f"run-{paper}"
        file = rts_published(_videos(), out, tmp_path / "lwl.safetensors", paper=paper, **options)
        made = load_network(str(file), RTS).network.state_dict()
        for name, tensor in lwl.state_dict().items():
            torch.testing.assert_close(made[name], tensor, rtol=0, atol=1e-28, msg=name)
    torch.save({"net": {"decoder.nothing": torch.zeros(2)}}, tmp_path / "other.pth")
    with pytest.raises(InputError, match=r"lack .*give weights of LWL or RTS"):
        rts_published(_videos(), tmp_path / "no", tmp_path / "other.pth", **options)


def test_a_file_says_what_network_it_is_of(tmp_path: Path) -> None:
    network = tiny(4).eval()
    file = tmp_path / "rts.safetensors"
    save_described(file, network, TINY, {"seed": 4})
    again = load_network(str(file), RTS).network
    assert not again.training
    assert all(
        torch.equal(a, b)
        for a, b in zip(network.state_dict().values(), again.state_dict().values(), strict=True)
    )
    lwl = {**TINY, "kind": "lwl", "box_start": True}
    save_described(file, make_network(lwl), lwl, {})
    assert isinstance(load_network(str(file), LWL).network, LWL)
    with pytest.raises(InputError, match="look like those of LWL; give weights of RTS"):
        load_network(str(file), RTS)
    save_weights(file, network)
    with pytest.raises(InputError, match=r"look like those of|do not fit RTS"):
        load_network(str(file), RTS)
    for wrong in ({"kind": "dcf", "backbone": {}}, {"kind": "rts"}, {**TINY, "arms": 2}):
        with pytest.raises(InputError):
            make_network(wrong)
