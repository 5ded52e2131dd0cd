"""MDNet's parts against golden arrays: network, crops, samples, regression, steps of learning."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from siamese_generated import NETWORK, UNIT, filled, first_frame, image, near, normal
from siamese_golden import GOLDEN, siamese_golden
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
    return filled(MDNet(1)).requires_grad_(False)


def test_parameters_match_by_name_and_shape():
    listed = GOLDEN.parent / "params_mdnet.txt"
    if not listed.is_file():
        pytest.skip(f"{listed.name} not found in {listed.parent}; set SPECTRACK_SPEC")
    lines = [x for x in listed.read_text(encoding="utf-8").splitlines() if not x.startswith("#")]
    expected = {x.split(" ", 1)[0]: x[x.index("(") : x.index(")") + 1] for x in lines}
    with torch.device("meta"):
        made = MDNet(1)
    assert {k: str(tuple(v.shape)) for k, v in made.state_dict().items()} == expected
    assert sum(p.numel() for p in made.parameters()) == 4_432_514


def test_the_network(network):
    golden = siamese_golden("mdnet_net")
    seen = {}
    for name, module in network.layers.named_children():
        module.register_forward_hook(lambda _, __, out, name=name: seen.update({name: out}))
    scores = network(image("input/mdnet/patches", (4, 3, 107, 107)) - 128)
    near(seen["conv1"][:, ::8, ::5, ::5], golden["conv1"], NETWORK)
    near(seen["conv2"][:, ::8, ::5, ::5], golden["conv2"], NETWORK)
    near(seen["conv3"].flatten(1)[:, ::8], golden["conv3"], NETWORK)
    for name in ("fc4", "fc5"):
        near(seen[name], golden[name], NETWORK)
    near(scores, golden["scores"], NETWORK)
    near(scores.softmax(1), golden["softmax"], NETWORK)


def test_scores_and_loss_of_features(network):
    golden = siamese_golden("mdnet_net")
    scores = network.classify(normal("input/mdnet/conv3_feats", (6, 4608)))
    near(scores, golden["scores_from_conv3"], UNIT)
    loss = binary_loss(scores[:2], scores[2:])
    near(loss, golden["bce"], UNIT)
    near(6 * loss, golden["bce_sum"], UNIT)
    online = TargetClassifier(network, torch.Generator())
    online.fc6.load_state_dict(network.branches[0][1].state_dict())
    near(online(normal("input/mdnet/conv3_feats", (6, 4608))), golden["scores_from_conv3"], UNIT)


def test_local_response_norm():
    golden = siamese_golden("mdnet_net")
    maps = 100 * normal("input/mdnet/lrn", (1, 6, 2, 2))
    near(LocalResponseNorm()(maps), golden["lrn"], UNIT)


@pytest.mark.parametrize("number", range(4))
def test_crops(number):
    golden = siamese_golden("mdnet_misc")[f"crop{number}"]
    box = np.array([CROPS[number]], np.float32)
    patch = Picture(first_frame(), CPU).cut(box)[0] + 128
    found = patch.permute(1, 2, 0)[::3, ::3].numpy()
    assert np.abs(found - golden).max() <= 1
    assert (found == found.round()).all()


def test_overlaps():
    boxes = np.array(CROPS, np.float32)
    near(overlaps(boxes, Box(95, 85, 60, 60)), siamese_golden("mdnet_misc")["iou"], UNIT)


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
    np.testing.assert_allclose(made, siamese_golden("mdnet_misc")[f"samples_{name}"], atol=1e-4)


@pytest.mark.parametrize(
    ("name", "sampler", "overlap"),
    [("pos", POSITIVES, IS_TARGET), ("neg", NEGATIVES, BACKGROUND)],
)
def test_samples_of_an_overlap(name, sampler, overlap):
    made = sampler.draw_within(BOX, SIZE, 50, overlap, np.random.RandomState(123))
    np.testing.assert_allclose(made, siamese_golden("mdnet_misc")[f"samples_{name}"], atol=1e-4)


def test_regression():
    golden = siamese_golden("mdnet_misc")
    drawn = REGRESSION.draw_within(BOX, SIZE, 200, (0.6, 1.0), np.random.RandomState(7))
    np.testing.assert_allclose(drawn, golden["bbreg_samples"], atol=1e-4)
    features = normal("input/mdnet/bbreg_X", (200, 64))
    kept = usable(drawn, BOX)
    learned = BoxRegressor(features[torch.from_numpy(kept)], drawn[kept], BOX)
    near(learned.weights_c4.T, golden["bbreg_coef"], UNIT)
    near(learned.intercept_4, golden["bbreg_intercept"], UNIT)
    found = learned(normal("input/mdnet/bbreg_Xt", (5, 64)), drawn[:5], SIZE)
    near(found, golden["bbreg_pred"], UNIT)


def test_three_steps_of_learning(network):
    golden = siamese_golden("mdnet_train")
    before = {name: value.clone() for name, value in network.state_dict().items()}
    classifier = TargetClassifier(network, torch.Generator())
    classifier.fc6.load_state_dict(network.branches[0][1].state_dict())
    learning = OnlineLearning(classifier, 5e-4, np.random.default_rng(0), None)
    positives = normal("input/mdnet/train_pos", (32, 4608))
    negatives = normal("input/mdnet/train_neg", (96, 4608))
    losses, norms = zip(*(learning.step(positives, negatives) for _ in range(3)), strict=True)
    near(np.array(losses), golden["losses"], UNIT)
    near(np.array(norms), golden["grad_norms"], UNIT)
    near(classifier.fc6.weight, golden["fc6_weight"], UNIT)
    near(classifier.fc6.bias, golden["fc6_bias"], UNIT)
    near(classifier.fc5.weight[::16, ::16], golden["fc5_weight_sub"], UNIT)
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name]), name
