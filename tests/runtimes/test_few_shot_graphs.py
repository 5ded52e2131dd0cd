"""Steps of RTS's and LWL's graphs against the networks' own solvers and verbs."""

from __future__ import annotations

import torch

from spectrack.networks.resnet import LAYERS
from spectrack.runtimes.table import graphs_of
from thin_trackers import thin_lwl, thin_rts

IMAGES = 255 * torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(0))
MASKS = torch.zeros(2, 1, 64, 96)
MASKS[:, :, 20:50, 30:70] = 1
BOXES = torch.tensor([[30.0, 20, 40, 30], [28, 22, 41, 29]])


def answers(network):
    """Every graph's function of a network by its name, with tensors named."""
    told = {graph.name: (ready, graph) for ready, graph in graphs_of(network)}

    def ask(name, **tensors):
        ready, graph = told[name]
        given = [tensors[one] for one in graph.inputs]
        with torch.inference_mode():
            return dict(zip(graph.outputs, graph.answer(ready, *given), strict=True))

    return ask


def near(found, wanted, share=1e-4):
    return (found - wanted).abs().max() <= share * wanted.abs().max()


def test_lwl_learns_and_segments_as_the_network_does():
    network = thin_lwl()
    ask = answers(network)
    with torch.inference_mode():
        layers = network.extract(network.normalise(IMAGES))
        features = network.target_features(layers["layer3"])
        labels, weights = network.encode_masks(MASKS)
        learned = network.learn_target(features, labels, weights, iterations=3)
        wanted = network.segment(learned, layers, features, None, (64, 96))
    seen = ask("look", rgb=IMAGES)
    assert near(seen["features"], features)
    assert all(near(seen[name], layers[name]) for name in LAYERS)
    encoded = ask("encode_masks", masks=MASKS)
    assert near(encoded["labels"], labels)
    step = torch.zeros_like(learned)
    for _ in range(3):
        step = ask("learn_target", filter=step, **encoded, features=seen["features"])["learned"]
    assert near(step, learned)
    assert near(ask("segment", filter=step, **seen)["logits"], wanted)


def test_rts_knows_its_instance_as_the_network_does():
    network = thin_rts()
    ask = answers(network)
    seen = ask("look", rgb=IMAGES)
    down, across = torch.arange(3.0) - 1.1, torch.arange(4.0) - 1.6
    labels = torch.exp(-(down[:, None] ** 2 + across**2) / (2 * 0.7**2)).expand(2, 3, 4)
    share = torch.tensor([0.3, 0.7])
    with torch.inference_mode():
        first = network.first_instance_filter(seen["instance"], BOXES)
        learned = network.learn_instance(first, seen["instance"], labels, share, iterations=2)
        scores = network.instance_scores(learned, seen["instance"])
        encoded = network.encode_masks(MASKS)
        filters = network.learn_target(seen["features"], *encoded, iterations=1)
        wanted = network.segment(
            filters, {name: seen[name] for name in LAYERS}, seen["features"], scores, (64, 96)
        )
    found = ask("first_instance", instance=seen["instance"], boxes_xywh=BOXES)["instance_filter"]
    assert near(found, first)
    for _ in range(2):
        found = ask(
            "learn_instance",
            instance=seen["instance"],
            middles_yx=torch.tensor([[1.1, 1.6], [1.1, 1.6]]),
            sigma=torch.tensor(0.7),
            sample_weights=share,
            instance_filter=found,
        )["learned"]
    assert near(found, learned)
    answer = ask("segment", filter=filters, instance_filter=found, **seen)
    assert near(answer["scores"], scores)
    assert near(answer["logits"], wanted)
