"""Folded networks answer the same."""

from __future__ import annotations

import torch
from torch import nn

from spectrack.networks.folding import for_inference
from spectrack.networks.resnet import ResNet
from spectrack.networks.sta import STA
from spectrack.trackers.rts.network import RTS
from thin import SIZE, randomise, thin_resnet


def norms(network: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())


def test_folded_rts_answers_the_same_and_leaves_the_original():
    network = randomise(RTS(thin_resnet(), **SIZE))
    before = {key: value.clone() for key, value in network.state_dict().items()}
    folded = for_inference(network)
    assert norms(network) > 0
    assert norms(folded) == 0
    assert not any(p.requires_grad for p in folded.parameters())
    image, tau = torch.randn(1, 3, 64, 96), torch.randn(4, 12, 3, 3) / 10
    scores = torch.rand(1, 3, 4)
    answers = []
    for each in (network, folded):
        layers = each.extract(image)
        features = each.target_features(layers["layer3"])
        answers.append(each.segment(tau, layers, features, scores, (64, 96)))
    torch.testing.assert_close(answers[0], answers[1], atol=1e-4, rtol=1e-4)
    for key, value in network.state_dict().items():
        assert torch.equal(value, before[key])


def test_bottlenecks_and_heads_fold_too():
    caffe = randomise(ResNet("bottleneck", (1, 2, 1, 1), (4, 4, 4, 4), 4, caffe=True))
    image = torch.randn(2, 3, 64, 64)
    for name, maps in for_inference(caffe)(image).items():
        torch.testing.assert_close(maps, caffe(image)[name], atol=1e-4, rtol=1e-4)
    sta = randomise(STA(thin_resnet(), **SIZE))
    folded = for_inference(sta)
    assert norms(folded) == 0
    box = torch.tensor([[10.0, 8, 30, 20], [12.0, 9, 30, 20]])
    ours, theirs = folded(image, box).final, sta(image, box).final
    torch.testing.assert_close(ours, theirs, atol=1e-3, rtol=1e-3)
