"""MDNet's parts against golden arrays: network, crops, samples, regression, steps of learning."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from siamese_golden import met, siamese_golden
from siamese_scheme import FULL, UNIT, fill, first_picture, image, listed_parameters, near, unit
from spectrack.structures import Box
from spectrack.trackers.mdnet.learning import OnlineLearning, TargetClassifier
from spectrack.trackers.mdnet.network import LocalResponseNorm, MDNet, binary_loss
from spectrack.trackers.mdnet.patches import Picture
from spectrack.trackers.mdnet.regression import BoxRegressor, usable
from spectrack.trackers.mdnet.samplers import (
    BACKGROUND,
    CANDIDATES,
    EVERYWHERE,
    IS_TARGET,
    NEGATIVES,
    POSITIVES,
    REGRESSION,
    Sampler,
    overlaps,
)

SIZE, BOX = (320, 240), Box(101, 81, 50, 70)
CPU = torch.device("cpu")
CROPS = [(101, 81, 50, 70), (-20, -10, 60, 40), (290.5, 200.25, 55.5, 61), (10, 10, 300, 220)]


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def network() -> MDNet:
    """With one branch, and the weights that its names stand for."""
    return fill(MDNet(1)).requires_grad_(False)


def test_parameters_match_by_name_and_shape():
    with torch.device("meta"):
        made = MDNet(1)
    listed = listed_parameters("mdnet")
    assert {k: tuple(v.shape) for k, v in made.state_dict().items()} == listed
    assert sum(p.numel() for p in made.parameters()) == 4_432_514


def test_the_network(network):
    siamese_golden("mdnet_net")  # or skip
    seen = {}
    for name, module in network.layers.named_children():
        module.register_forward_hook(lambda _, __, out, name=name: seen.update({name: out}))
    scores = network(image("input/mdnet/patches", 4, 3, 107, 107) - 128)
    near("mdnet_net", "conv1", seen["conv1"][:, ::8, ::5, ::5], FULL)
    near("mdnet_net", "conv2", seen["conv2"][:, ::8, ::5, ::5], FULL)
    near("mdnet_net", "conv3", seen["conv3"].flatten(1)[:, ::8], FULL)
    for name in ("fc4", "fc5"):
        near("mdnet_net", name, seen[name], FULL)
    near("mdnet_net", "scores", scores, FULL)
    near("mdnet_net", "softmax", scores.softmax(1), FULL)


def test_scores_and_loss_of_features(network):
    siamese_golden("mdnet_net")  # or skip
    scores = network.classify(unit("input/mdnet/conv3_feats", 6, 4608))
    near("mdnet_net", "scores_from_conv3", scores, UNIT)
    loss = binary_loss(scores[:2], scores[2:])
    near("mdnet_net", "bce", loss, UNIT)
    near("mdnet_net", "bce_sum", 6 * loss, UNIT)
    online = TargetClassifier(network, torch.Generator())
    online.fc6.load_state_dict(network.branches[0][1].state_dict())
    near("mdnet_net", "scores_from_conv3", online(unit("input/mdnet/conv3_feats", 6, 4608)), UNIT)


def test_local_response_norm():
    siamese_golden("mdnet_net")  # or skip
    maps = 100 * unit("input/mdnet/lrn", 1, 6, 2, 2)
    near("mdnet_net", "lrn", LocalResponseNorm()(maps), UNIT)


@pytest.mark.parametrize("number", range(4))
def test_crops(number):
    box = np.array([CROPS[number]], np.float32)
    patch = Picture(first_picture(), CPU).cut(box)[0] + 128
    found = patch.permute(1, 2, 0)[::3, ::3].numpy()
    met("mdnet_misc", f"crop{number}", found, atol=1)
    assert (found == found.round()).all()


def test_overlaps():
    boxes = np.array(CROPS, np.float32)
    near("mdnet_misc", "iou", overlaps(boxes, Box(95, 85, 60, 60)), UNIT)


@pytest.mark.parametrize(
    ("name", "sampler"),
    [
        ("gaussian", CANDIDATES),
        ("uniform", Sampler("uniform", 0.3, 1.6, 1.1)),
        ("whole", EVERYWHERE),
    ],
)
def test_samples(name, sampler):
    # the generator that the golden boxes were drawn by
    made = sampler.draw(BOX, SIZE, 64, np.random.RandomState(123))
    met("mdnet_misc", f"samples_{name}", made, rtol=1e-7, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "sampler", "overlap"),
    [("pos", POSITIVES, IS_TARGET), ("neg", NEGATIVES, BACKGROUND)],
)
def test_samples_of_an_overlap(name, sampler, overlap):
    made = sampler.draw_within(BOX, SIZE, 50, overlap, np.random.RandomState(123))
    met("mdnet_misc", f"samples_{name}", made, rtol=1e-7, atol=1e-4)


def test_regression():
    siamese_golden("mdnet_misc")  # or skip
    drawn = REGRESSION.draw_within(BOX, SIZE, 200, (0.6, 1.0), np.random.RandomState(7))
    met("mdnet_misc", "bbreg_samples", drawn, rtol=1e-7, atol=1e-4)
    features = unit("input/mdnet/bbreg_X", 200, 64)
    kept = usable(drawn, BOX)
    learned = BoxRegressor(features[torch.from_numpy(kept)], drawn[kept], BOX)
    near("mdnet_misc", "bbreg_coef", learned.weights_c4.T, UNIT)
    near("mdnet_misc", "bbreg_intercept", learned.intercept_4, UNIT)
    found = learned(unit("input/mdnet/bbreg_Xt", 5, 64), drawn[:5], SIZE)
    near("mdnet_misc", "bbreg_pred", found, UNIT)


def test_three_steps_of_learning(network):
    siamese_golden("mdnet_train")  # or skip
    before = {name: value.clone() for name, value in network.state_dict().items()}
    classifier = TargetClassifier(network, torch.Generator())
    classifier.fc6.load_state_dict(network.branches[0][1].state_dict())
    learning = OnlineLearning(classifier, 5e-4, np.random.default_rng(0), None)
    positives = unit("input/mdnet/train_pos", 32, 4608)
    negatives = unit("input/mdnet/train_neg", 96, 4608)
    losses, norms = zip(*(learning.step(positives, negatives) for _ in range(3)), strict=True)
    near("mdnet_train", "losses", np.array(losses), UNIT)
    near("mdnet_train", "grad_norms", np.array(norms), UNIT)
    near("mdnet_train", "fc6_weight", classifier.fc6.weight, UNIT)
    near("mdnet_train", "fc6_bias", classifier.fc6.bias, UNIT)
    near("mdnet_train", "fc5_weight_sub", classifier.fc5.weight[::16, ::16], UNIT)
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name]), name
