"""What a target looks like, learned from its first frame alone."""

from __future__ import annotations

import copy
import logging

import cv2
import numpy as np
import pytest
import torch

from spectrack import threads
from spectrack.structures import Box
from spectrack.threads import side_by_side
from spectrack.tracking import fine_tuning
from spectrack.tracking.fine_tuning import FineTuning, _Lesson, forget_targets
from spectrack.tracking.looks import Hint
from spectrack.tracking.mask_in_box import (
    BoxSegmenter,
    mask_in_box_to_tune,
    shared_mask_in_box,
)

SIZE_WH = (200, 150)


@pytest.fixture(autouse=True)
def nothing_known_before() -> None:
    forget_targets()


def ring(dx: int = 0, dy: int = 0):
    """A disc with a darker middle before stripes, and the mask of what is around the middle."""
    width, height = SIZE_WH
    stripes = 60 + 50 * (np.arange(width) // 12 % 2)
    frame = np.broadcast_to(stripes[None, :, None], (height, width, 3)).astype(np.uint8).copy()
    mask, middle = np.zeros((height, width), np.uint8), (100 + dx, 75 + dy)
    cv2.circle(mask, middle, 40, 1, -1)
    frame[mask > 0] = (170, 120, 60)
    cv2.circle(mask, middle, 20, 0, -1)
    cv2.circle(frame, middle, 20, (120, 90, 60), -1)
    return frame, mask > 0


def overlap(found: np.ndarray, true: np.ndarray) -> float:
    return float((found & true).sum() / (found | true).sum())


def in_the_next_frame(tuning: FineTuning | None) -> float:
    """J of the mask in a frame in which the ring has moved."""
    segment = BoxSegmenter(shared_mask_in_box(), tuning=tuning)
    frame, mask = ring()
    segment.start(frame, mask.astype(np.float32))
    frame, mask = ring(9, -6)
    (found,) = segment.segment(frame, [Hint(Box.from_mask(mask))])
    return overlap(found.in_frame(SIZE_WH) >= 0.5, mask)


def test_what_was_shown_is_segmented_better_afterwards() -> None:
    before = in_the_next_frame(None)
    after = in_the_next_frame(FineTuning(mask_in_box_to_tune(), 6))
    assert before < 0.8  # the hole is filled
    assert after > 0.95


def weights_of(network: torch.nn.Module) -> list[torch.Tensor]:
    return [*network.state_dict().values()]


@pytest.mark.parametrize("mode", ["plain", "inference"])
def test_the_outcome_is_that_of_the_seed_on_any_number_of_processors(monkeypatch, mode) -> None:
    """In threads of others and in inference mode, too; the network that is shared stays."""
    frame, mask = ring()
    shared = mask_in_box_to_tune()
    kept = [one.clone() for one in weights_of(shared)]

    def learned(seed: int = 0) -> list[torch.Tensor]:
        forget_targets()
        tuning = FineTuning(shared, 2, seed=seed)
        return weights_of(tuning.learned(frame, mask.astype(np.float32), Box.from_mask(mask)))

    first = learned()
    monkeypatch.setattr(threads, "processors", lambda: 1)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.inference_mode(mode == "inference"):
        alone = learned()
    torch.set_num_threads(before)
    monkeypatch.undo()
    beside, other = side_by_side([learned, lambda: learned(1)])
    for same in (alone, beside):
        assert all(torch.equal(a, b) for a, b in zip(first, same, strict=True))
    assert any(not torch.equal(a, b) for a, b in zip(first, other, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(kept, weights_of(shared), strict=True))


def test_gradients_are_those_of_dice_and_cross_entropy() -> None:
    """By finite differences of the loss written out in float64."""
    frame, mask = ring()
    lesson = _Lesson.of(mask_in_box_to_tune(), frame, mask.astype(np.float32), Box.from_mask(mask))
    draw = [3, 1, 0]
    rng, chance = np.random.default_rng(draw), torch.Generator()
    chance.manual_seed(int(rng.integers(2**62)))
    image, hints, truth = lesson._sample(lesson._view(rng), rng, chance)
    assert set(truth.unique().tolist()) == {0.0, 1.0}

    def loss() -> float:
        with torch.no_grad():
            x = lesson.network(image, hints, lesson.memory).double().numpy()
        p, t = 1 / (1 + np.exp(-x)), truth.double().numpy()
        dice = 2 * (p * t).sum() / (p.sum() + t.sum())
        return float((1 - dice - (t * np.log(p) + (1 - t) * np.log1p(-p)).mean()) / 2)

    found = lesson.gradients(draw)
    names = [name for name, _ in lesson.network.named_parameters()]
    for name in ("mask.bias", "mask.weight", "at4.enter.weight"):
        place = names.index(name)
        weight, gradient = list(lesson.network.parameters())[place], found[place]
        along = gradient / gradient.norm()
        with torch.no_grad():
            weight += 2e-3 * along
            above = loss()
            weight -= 4e-3 * along
            below = loss()
            weight += 2e-3 * along
        assert (above - below) / 4e-3 == pytest.approx(float(gradient.norm()), rel=0.02)


def test_a_double_in_a_view_is_not_the_target(monkeypatch) -> None:
    """With every view doubled the truth never grows, and is sometimes covered."""
    frame, mask = ring()
    lesson = _Lesson.of(mask_in_box_to_tune(), frame, mask.astype(np.float32), Box.from_mask(mask))
    fewer = 0
    for seed in range(12):
        sizes = []
        for share in (0.0, 1.0):
            monkeypatch.setattr(fine_tuning, "DOUBLES", share)
            view = lesson._view(np.random.default_rng(seed))
            sizes.append(np.count_nonzero(view.truth_ss))
        assert sizes[1] <= sizes[0]
        fewer += sizes[1] < sizes[0]
    assert 0 < fewer < 12


def test_the_outcome_lies_half_way_back(monkeypatch) -> None:
    frame, mask = ring()
    shared = mask_in_box_to_tune()
    given = frame, mask.astype(np.float32), Box.from_mask(mask)
    half = FineTuning(shared, 2).learned(*given)
    monkeypatch.setattr(fine_tuning, "SHARE", 1.0)
    forget_targets()
    whole = FineTuning(shared, 2).learned(*given)
    changed = 0
    for before, one, all_ in zip(*map(weights_of, (shared, half, whole)), strict=True):
        torch.testing.assert_close(one, (before + all_) / 2)
        changed += not torch.equal(before, all_)
    assert changed > 100


def test_what_was_learned_last_is_kept_for_whoever_asks_again(monkeypatch) -> None:
    """By what was shown, not by who asks: both ways from a key frame make trackers of their own."""
    frame, mask = ring()
    soft, box, shared = mask.astype(np.float32), Box.from_mask(mask), mask_in_box_to_tune()
    first = FineTuning(shared, 1).learned(frame, soft, box)
    monkeypatch.setattr(fine_tuning, "MOST_KNOWN", 2)
    assert FineTuning(shared, 1).learned(frame.copy(), soft.copy(), box) is first
    others = []
    for tuning, *given in (
        (FineTuning(shared, 2), frame, soft, box),
        (FineTuning(shared, 1, seed=1), frame, soft, box),
        (FineTuning(shared, 1, rate=1e-3), frame, soft, box),
        (FineTuning(copy.deepcopy(shared), 1), frame, soft, box),
        (FineTuning(shared, 1), np.roll(frame, 1), soft, box),
        (FineTuning(shared, 1), frame, soft * np.float32(0.9), box),
    ):
        others.append(tuning.learned(*given))
        assert tuning.learned(*given) is others[-1]
    assert len({id(one) for one in (first, *others)}) == 7
    again = FineTuning(shared, 1).learned(frame, soft, box)  # long forgotten
    assert again is not first
    assert all(map(torch.equal, weights_of(again), weights_of(first)))


def test_what_is_not_sure_is_not_learned_from(monkeypatch) -> None:
    """Gradients stay where the truth of those pixels is another one, and only there."""
    frame, mask = ring()
    soft = mask.astype(np.float32)
    soft[:, :100] *= 0.7
    unsure = mask.copy()
    unsure[:, 100:] = False
    lesson = _Lesson.of(mask_in_box_to_tune(), frame, soft, Box.from_mask(mask))
    assert np.array_equal(~lesson.sure_hw, unsure)
    view = lesson._view(np.random.default_rng(0))
    inside = view.truth_ss > 0
    assert 0.2 < np.count_nonzero(view.sure_ss[inside] == 0) / np.count_nonzero(inside) < 0.8
    monkeypatch.setattr(_Lesson, "_view", lambda self, rng: view)
    image, hints, truth = lesson._sample(view, np.random.default_rng(0), torch.Generator())
    unknown = torch.from_numpy(view.sure_ss == 0)[None, None]
    found = []
    for flipped in (torch.zeros_like(unknown), unknown, ~unknown):
        given = image, hints, torch.where(flipped, 1 - truth, truth)
        monkeypatch.setattr(_Lesson, "_sample", lambda *told, given=given: given)
        found.append(lesson.gradients([0, 0, 0]))
    as_it_is, other_unknown, other_known = found
    assert all(torch.equal(a, b) for a, b in zip(as_it_is, other_unknown, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(as_it_is, other_known, strict=True))


def test_a_true_mask_is_worth_more_steps(monkeypatch) -> None:
    """Down to the same rate: the last step is as short as that of fewer ones."""
    frame, mask = ring()
    rates: list[float] = []
    monkeypatch.setattr(
        fine_tuning,
        "_take_step",
        lambda optimizer, *told: rates.append(optimizer.param_groups[0]["lr"]),
    )
    made = cv2.GaussianBlur(mask.astype(np.float32), (5, 5), 1)
    for soft, count in ((made, 3), (mask.astype(np.float32), 3 * fine_tuning.TRUE)):
        rates.clear()
        FineTuning(mask_in_box_to_tune(), 3).learned(frame, soft, Box.from_mask(mask))
        np.testing.assert_allclose(rates, fine_tuning.RATE * np.linspace(1, 0, count + 1)[:-1])


def test_a_mask_that_is_nowhere_sure_teaches_nothing() -> None:
    frame, mask = ring()
    everywhere, shared = np.where(mask, 0.7, 0).astype(np.float32), mask_in_box_to_tune()
    learned = FineTuning(shared, 2).learned(frame, everywhere, Box.from_mask(mask))
    pairs = zip(weights_of(learned), weights_of(shared), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_another_first_frame_begins_with_the_network_as_it_was() -> None:
    frame, mask = ring()
    shared = shared_mask_in_box()
    segment = BoxSegmenter(shared, tuning=FineTuning(mask_in_box_to_tune(), 1))
    segment.start(frame, mask.astype(np.float32))
    assert segment._network is not shared
    segment.start(frame, np.zeros(mask.shape, np.float32), Box.from_mask(mask))
    assert segment._network is shared


@pytest.mark.parametrize("pixels", [1, 3])
def test_a_mask_of_next_to_nothing_teaches_nothing(pixels) -> None:
    frame, _ = ring()
    mask = np.zeros(SIZE_WH[::-1], bool)
    mask[70, 90 : 90 + pixels] = True
    shared = mask_in_box_to_tune()
    learned = FineTuning(shared, 2).learned(frame, mask.astype(np.float32), Box.from_mask(mask))
    pairs = zip(weights_of(learned), weights_of(shared), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_an_empty_first_mask_is_not_learned(monkeypatch) -> None:
    frame, mask = ring()
    monkeypatch.setattr(FineTuning, "learned", lambda *given: pytest.fail("it was learned"))
    segment = BoxSegmenter(shared_mask_in_box(), tuning=FineTuning(mask_in_box_to_tune(), 1))
    segment.start(frame, np.zeros(mask.shape, np.float32), Box.from_mask(mask))


def test_that_it_takes_a_while_is_told_once(caplog) -> None:
    frame, mask = ring()
    fine_tuning._tell_once.cache_clear()
    with caplog.at_level(logging.INFO, "spectrack"):
        for _ in range(2):
            FineTuning(mask_in_box_to_tune(), 1).learned(
                frame, mask.astype(np.float32), Box.from_mask(mask)
            )
    assert [one.getMessage() for one in caplog.records] == [
        "learning what each target looks like in its first frame: a few seconds each"
    ]
