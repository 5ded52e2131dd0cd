"""Learning masks in boxes asks nothing of the device that the network is on."""

from __future__ import annotations

from contextlib import nullcontext

import torch

from spectrack.datasets.synthetic.scene import make_clip
from spectrack.networks.mask_in_box import MaskInBox
from spectrack.trackers.nanomask import train_mask_in_box
from spectrack.trackers.nanomask.train_samples import Moments, SampleSettings

SIDE = 64


def test_a_batch_with_memory_is_answered_on_any_device(monkeypatch) -> None:
    monkeypatch.setattr(torch, "autocast", lambda *given, **more: nullcontext())  # not for meta
    with torch.device("meta"):
        network = MaskInBox()
        batch = {"images": torch.zeros(2, 3, 3, SIDE, SIDE, dtype=torch.uint8)}
        for name in ("boxes", "truths", "colours"):
            batch[name] = torch.zeros(2, 3, SIDE, SIDE, dtype=torch.uint8)
    assert train_mask_in_box._with_memory(network, batch).device.type == "meta"


def test_shots_that_judge_are_moved_to_the_network(monkeypatch, tmp_path) -> None:
    kept = {}
    monkeypatch.setattr(train_mask_in_box, "train", lambda *given, **more: kept.update(more))
    seen = []
    monkeypatch.setattr(
        train_mask_in_box,
        "mean_jaccard",
        lambda network, shots: seen.extend(part.device.type for part in shots.values()) or 0.5,
    )
    made = make_clip(2, size_wh=(120, 90), seed=0)
    clip = Moments(list(made.frames_thwc), list(made.masks_thw))
    samples = SampleSettings(side=SIDE)
    settings = train_mask_in_box.FIRST_TRAINING
    network = MaskInBox()
    train_mask_in_box.learn(network, [[clip]], [1.0], [clip], tmp_path, settings, samples)
    assert kept["validate"](network.to("meta")) == {"J": 0.5}
    assert seen == ["meta"] * 3
