"""Training of SiamBAN: that a small network learns, and that a later backbone is a second run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from spectrack.datasets.synthetic.scene import make_clip
from spectrack.trackers.siamban.train import LEARNER, made
from spectrack.training.data.clips import ArrayClip
from spectrack.training.data.samples import Source
from spectrack.training.siamese import learn
from tiny_training import little_work  # noqa: F401


def test_the_backbone_learns_after_the_head_and_its_first_layers_never(tmp_path: Path):
    clip = make_clip(6, size_wh=(120, 90), seed=3)
    sources = [Source([ArrayClip(clip.frames_thwc, clip.masks_thw.astype(np.uint8))])]
    torch.manual_seed(0)
    network = made(True, None)
    training = replace(LEARNER.plan.train, epochs=2, batch_size=2, device="cpu")
    plan = replace(LEARNER.plan, train=training, samples=2, frozen_epochs=1)
    names = [name for name, _ in network.named_parameters()]
    before = {name: p.detach().clone() for name, p in network.named_parameters()}
    seen = []

    def loss(model, batch):
        seen.append([name for name, p in model.named_parameters() if p.requires_grad])
        return LEARNER.loss(model, batch)

    learn(replace(LEARNER, loss=loss), network, sources, tmp_path, plan)
    head = [name for name in names if not name.startswith("backbone.")]
    deep = [
        n for n in names if n.startswith(("backbone.layer2", "backbone.layer3", "backbone.layer4"))
    ]
    assert [set(part) for part in seen] == [set(head), {*head, *deep}]
    after = dict(network.named_parameters())
    changed = {name for name in names if not torch.equal(after[name], before[name])}
    assert not any(name.startswith(("backbone.conv1", "backbone.layer1")) for name in changed)
    assert any(name.startswith("backbone.layer4") for name in changed)
    assert (tmp_path / "stage1" / "last.safetensors").is_file()
    assert (tmp_path / "stage2" / "last.safetensors").is_file()
