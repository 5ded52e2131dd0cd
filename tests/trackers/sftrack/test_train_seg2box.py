"""Box regressor: loss against formulas, spoilt samples, a short training that learns."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from spectrack.errors import InputError
from spectrack.structures import Box
from spectrack.trackers.sftrack.boxes import LearnedBox, crop_about, from_edges, tight_rule
from spectrack.trackers.sftrack.seg2box import SIDE, Seg2Box
from spectrack.trackers.sftrack.train_mask_corruption import corrupt, make_source, tracker_boxes
from spectrack.trackers.sftrack.train_seg2box import (
    BoxSamples,
    TrainSettings,
    box_loss,
    box_sample,
    giou,
    learn_seg2box,
    mean_iou,
    new_network,
    place_loss,
    spoilt_sample,
)
from tiny_training import little_work  # noqa: F401


def ellipses(count: int, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    masks = []
    for _ in range(count):
        mask = np.zeros((120, 160), np.uint8)
        axes = rng.integers(10, 40, 2).tolist()
        centre = (int(rng.integers(40, 120)), int(rng.integers(40, 80)))
        cv2.ellipse(mask, centre, axes, float(rng.uniform(0, 180)), 0, 360, 1, -1)
        masks.append(mask > 0)
    return masks


def test_giou_is_the_formula_and_has_the_right_signs():
    rng = np.random.default_rng(2)
    corners = rng.random((40, 2, 2, 2))
    corners.sort(axis=2)
    pairs = corners.reshape(40, 2, 4)
    found = giou(torch.tensor(pairs[:, 0]), torch.tensor(pairs[:, 1])).numpy()
    for value, (a, b) in zip(found, pairs, strict=True):
        first, second = Box.from_xyxy(*a), Box.from_xyxy(*b)
        iou = first.iou(second)
        union = (first.area + second.area) / (1 + iou)
        hull = (max(a[2], b[2]) - min(a[0], b[0])) * (max(a[3], b[3]) - min(a[1], b[1]))
        assert value == pytest.approx(iou - (hull - union) / hull, abs=1e-9)
    same = torch.tensor([[0.1, 0.2, 0.5, 0.9]])
    assert giou(same, same).item() == pytest.approx(1)
    apart = giou(same * 0.01, same).item()
    assert -1 <= apart < 0
    nothing = torch.zeros(1, 4, requires_grad=True)
    giou(nothing, nothing).sum().backward()
    assert nothing.grad.isfinite().all()


def test_place_loss_is_the_cross_entropy_by_hand():
    logits = torch.randn(1, 4, 5, generator=torch.Generator().manual_seed(0)).double()
    truth = torch.tensor([[0.0, 0.3, 0.5, 1.0]]).double()
    logs = torch.log_softmax(logits, -1)[0]
    by_hand = [logs[0, 0], 0.8 * logs[1, 1] + 0.2 * logs[1, 2], logs[2, 2], logs[3, 4]]
    expected = -sum(by_hand) / 4
    torch.testing.assert_close(place_loss(logits, truth), expected)


def test_loss_is_the_weighted_sum_and_falls_towards_the_truth():
    network = new_network(1)
    maps = torch.rand(2, 2, SIDE, SIDE)
    guess = network(maps)
    truth = guess.boxes_n4.detach()
    at_truth = box_loss(network, {"maps": maps, "edges": truth})
    expected = 0.1 * place_loss(guess.logits_n4b, truth)
    torch.testing.assert_close(at_truth, expected, atol=1e-4, rtol=1e-4)
    off = (truth + 0.1).clamp(max=1)
    l1, overlap = (off - truth).abs().mean(), giou(truth, off).mean()
    expected = 5 * l1 + 2 * (1 - overlap) + 0.1 * place_loss(guess.logits_n4b, off)
    found = box_loss(network, {"maps": maps, "edges": off})
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_source_keeps_the_box_below_its_pixels():
    mask = np.zeros((300, 400), bool)
    mask[101:240, 50:333] = True
    source = make_source(mask)
    assert np.sqrt(source.box.area) == pytest.approx(64, rel=0.02)
    shrunk_again = tight_rule(source.soft_hw, 1e-6)
    assert abs(np.subtract(shrunk_again.xyxy, source.box.xyxy)).max() <= 1 + 1e-6
    # What is inside the mask stays: its area in units of the box.
    assert source.soft_hw.sum() == pytest.approx(source.box.area, rel=1e-3)
    assert make_source(np.zeros((20, 20), bool)) is None
    dot = np.zeros((20, 20), bool)
    dot[0, 0] = True
    assert make_source(dot).box == Box(0, 0, 1, 1)


def test_spoilt_masks_are_soft_masks_near_the_truth():
    source = make_source(ellipses(1)[0])
    spoilt = [corrupt(source, np.random.default_rng(i)) for i in range(60)]
    overlaps = []
    for soft in spoilt:
        assert soft.dtype == np.float32
        assert soft.shape == source.soft_hw.shape
        assert 0 <= soft.min() <= soft.max() <= 1
        found = tight_rule(soft)
        overlaps.append(source.box.iou(found) if found else 0.0)
    assert 0.6 < np.mean(overlaps) < 0.95  # spoilt, but not beyond help
    assert np.std(overlaps) > 0.1
    again = corrupt(source, np.random.default_rng(3))
    np.testing.assert_array_equal(again, spoilt[3])


def test_tracker_boxes_are_few_and_some_way_off():
    true = Box(20, 30, 40, 50)
    drawn = [tracker_boxes(true, np.random.default_rng(i)) for i in range(300)]
    assert {len(boxes) for boxes in drawn} == {0, 1, 2, 3, 4}
    overlaps = np.array([true.iou(box) for boxes in drawn for box in boxes])
    assert np.median(overlaps) > 0.65
    assert 0.03 < (overlaps < 0.2).mean() < 0.2


def test_given_samples_are_cut_as_the_tracker_cuts():
    soft = np.zeros((100, 120), np.float32)
    soft[20:40, 60:100] = 0.8
    truth = Box(58, 22, 30, 16.5)
    sample = box_sample(soft, [truth], truth)
    crop = crop_about(Box(60, 20, 40, 20))
    assert from_edges(sample.edges_4.tolist(), crop).xyxy == pytest.approx(truth.xyxy, abs=1e-4)
    assert box_sample(np.zeros_like(soft), [], truth) is None
    assert box_sample(soft, [], Box(0, 60, 5, 5)) is None


def test_second_looks_are_about_the_truth():
    source = make_source(ellipses(1)[0])
    samples = [spoilt_sample(source, np.random.default_rng(i), second=1.0) for i in range(40)]
    edges = np.array([s.edges_4 for s in samples])
    # A true box would have its edges at 1/4 and 3/4 of a square crop.
    centres = (edges[:, :2] + edges[:, 2:]) / 2
    assert abs(centres - 0.5).max() < 0.1
    assert 0.005 < centres.std() < 0.05


def test_mirroring_keeps_map_and_edges_together():
    soft = np.zeros((64, 64), np.float32)
    soft[20:40, 16:48] = 1
    sample = box_sample(soft, [], Box(16, 20, 24, 20))
    samples = BoxSamples([], [sample])
    plain = torch.from_numpy(sample.maps_chw)
    seen = set()
    for seed in range(8):
        torch.manual_seed(seed)
        drawn = samples[0]
        mirrored = drawn["edges"][0].item() != pytest.approx(sample.edges_4[0])
        seen.add(mirrored)
        x1, y1, x2, y2 = sample.edges_4
        edges = [1 - x2, y1, 1 - x1, y2] if mirrored else [x1, y1, x2, y2]
        torch.testing.assert_close(drawn["edges"], torch.tensor(edges))
        torch.testing.assert_close(drawn["maps"], plain.flip(2) if mirrored else plain)
    assert seen == {False, True}


def test_it_learns_and_keeps_its_best_weights(tmp_path: Path):
    masks = [*ellipses(64), np.zeros((9, 9), bool)]
    rng = np.random.default_rng(1)
    sources = [make_source(mask) for mask in ellipses(24, seed=9)]
    held_out = [spoilt_sample(source, rng) for source in sources]
    settings = TrainSettings(
        epochs=6, batch_size=16, learning_rate=4e-3, weight_decay=0, clip=5.0, device="cpu"
    )
    before = mean_iou(new_network(0).eval(), held_out)
    network, result = learn_seg2box(masks, tmp_path / "a", settings, held_out=held_out)
    assert not network.training
    assert mean_iou(network, held_out) == pytest.approx(result.best)
    assert result.best > before + 0.15
    kept = load_file(tmp_path / "a" / "best.safetensors")
    assert all(torch.equal(kept[name], w) for name, w in network.state_dict().items())
    box = LearnedBox(network)(masks[0].astype(np.float32))
    assert box.iou(Box.from_mask(masks[0])) > 0.5


def test_two_runs_of_given_samples_are_the_same_bits(tmp_path: Path):
    sources = [make_source(mask) for mask in ellipses(6)]
    given = [spoilt_sample(source, np.random.default_rng(i)) for i, source in enumerate(sources)]
    settings = TrainSettings(epochs=2, batch_size=4, device="cpu", seed=5)
    first, _ = learn_seg2box(ellipses(3), tmp_path / "a", settings, given=given)
    second, _ = learn_seg2box(ellipses(3), tmp_path / "b", settings, given=given)
    start = new_network(5).state_dict()
    for name, weight in first.state_dict().items():
        assert torch.equal(weight, second.state_dict()[name])
    assert any(not torch.equal(w, start[name]) for name, w in first.state_dict().items())


def test_going_on_from_a_network(tmp_path: Path):
    start = Seg2Box()
    kept = {name: weight.clone() for name, weight in start.state_dict().items()}
    settings = TrainSettings(epochs=1, learning_rate=1e-6, weight_decay=0, device="cpu")
    network, _ = learn_seg2box(ellipses(2), tmp_path, settings, start=start)
    for name, weight in network.state_dict().items():
        torch.testing.assert_close(weight, kept[name], atol=1e-4, rtol=0)


def test_nothing_to_learn_from(tmp_path: Path):
    with pytest.raises(InputError, match="no masks with foreground"):
        learn_seg2box([np.zeros((5, 5), bool)], tmp_path)
