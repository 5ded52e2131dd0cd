"""The classifier of DiMP and PrDiMP against every golden array of it."""

import pytest
import torch
from torch import nn

from spectrack.networks.dimp_classifier import DiMPClassifier
from spectrack.networks.distance_map import BINS, OfDistance, distances
from spectrack.networks.resnet import ResNet

BOXES = torch.tensor([[100.3, 90.2, 80.5, 60.1], [80, 120, 70, 90], [130, 70, 90, 75]])
SHARES = torch.tensor([0.5, 0.2, 0.3])
MAP = (19, 19)
OF_THE_BOXES = ("mod", "iou_", "refine_")  # tests/tracking/test_golden_boxes.py


def network(name):
    deep, learner = name.endswith("50"), "prdimp" if name.startswith("pr") else "dimp"
    both = nn.Module()
    kind = ("bottleneck", (3, 4, 6, 3)) if deep else ("basic", (2, 2, 2, 2))
    both.feature_extractor = ResNet(*kind, deepest="layer3")
    sizes = (1024, 512, 0) if deep else (256, 256, 1)
    both.classifier = DiMPClassifier(*sizes, learner)
    return both


def arrays(golden, name):
    """Key and value of each array."""
    both = golden.fill(network(name))
    images = [golden.imagenet(f"{name}.im{i}", 288, 288) for i in range(3)]
    classifier = both.classifier
    layer3 = both.feature_extractor(torch.cat(images), ("layer3",))["layer3"]
    features = classifier.features(layer3)
    yield "clf_feat", features
    samples, boxes = features[:, None], BOXES[:, None]
    yield "init_filter", classifier.filter_initializer(samples, boxes)
    found = classifier.learn(samples, boxes, keep=True)
    yield "filter10", found.filters
    yield "iter_norms", torch.stack([f.norm() for f in found.iterates])
    yield "losses", found.losses
    yield "scores", classifier.scores(found.filters, samples)
    later = classifier.learn(samples, boxes, SHARES, found.filters, 2)
    yield "filter_upd", later.filters
    yield "losses_upd", later.losses
    four = [0, 1, 1, 2]
    pairs = (features[four].unflatten(0, (2, 2)), BOXES[four].unflatten(0, (2, 2)))
    yield "filter_2seq", classifier.learn(*pairs, iterations=3).filters
    learner = classifier.filter_optimizer
    if name.startswith("pr"):
        yield "label_density", learner.density(BOXES, MAP, 4)
        return
    distance = distances(BOXES, MAP, 4, 16)
    yield "label_map", learner.label_map_predictor(distance)
    yield "target_mask", learner.target_mask_predictor(distance)
    yield "spatial_weight", learner.spatial_weight_predictor(distance)
    one_bin = torch.eye(BINS)
    yield "distmap_sum5", torch.stack([OfDistance(bin_)(distance) for bin_ in one_bin[:5]], 1)
    yield "distmap_last", OfDistance(one_bin[-1])(distance)


@pytest.mark.parametrize("name", ["dimp18", "dimp50", "prdimp18"])
def test_every_array_is_the_reference(golden, name):
    seen = set()
    with torch.no_grad():
        for key, value in arrays(golden, name):
            golden.compare("dimp", f"{name}.{key}", value, 2e-5)
            seen.add(f"{name}.{key}")
    listed = {key for key in golden.keys("dimp") if key.startswith(f"{name}.")}
    assert seen == {k for k in listed if not k.split(".", 1)[1].startswith(OF_THE_BOXES)}
