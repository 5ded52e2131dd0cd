"""Pixel-wise tracking online: Algorithm 1 by hand, and targets that go and come back."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from random_sftrack import write_random_weights
from small_pixelwise import Bright, small_pixelwise, write_small_pixelwise
from spectrack.errors import InputError
from spectrack.structures import Box, Target
from spectrack.trackers.pixelwise.global_attention import Attention
from spectrack.trackers.pixelwise.settings import PixelwiseSettings
from spectrack.trackers.pixelwise.tracker import PixelwiseTracker, squeezed
from spectrack.tracking.table import make_tracker

W, H, SIDE = 96, 64, 32


def frame(x=30, y=20, size_wh=(W, H), seen=True):
    """A white square of 12 pixels on noise."""
    rng = np.random.default_rng(3)
    out = rng.integers(0, 150, (size_wh[1], size_wh[0], 3), np.uint8)
    mask = np.zeros((size_wh[1], size_wh[0]), bool)
    if seen:
        mask[max(y, 0) : y + 12, max(x, 0) : x + 12] = True
    out[mask] = 255
    return out, mask


def settings(**changes):
    return PixelwiseSettings(device="cpu", smallest=16, **changes)


@pytest.fixture(scope="module")
def bright():
    return Bright().eval()


@torch.no_grad()
def test_it_is_algorithm_1_line_by_line():
    """With random weights: every line written out with arrays, affine arithmetic by hand."""
    network = small_pixelwise(seed=2)
    local, attend = network.local_segmentation, network.global_attention
    s = settings(presence=0.0, beta=0.7)
    tracker = PixelwiseTracker(s, network)
    frames = [frame(30 + 2 * t, 20 + t)[0] for t in range(4)]
    mask = frame()[1]
    tracker.init(frames[0], Target(mask=mask))
    found = [tracker.update(f) for f in frames[1:]]

    def square(theta):
        """Left, top and side of the region in whole pixels."""
        side = 2 * 0.5 * theta[0] * np.sqrt(W * H)
        side = round(float(np.clip(side, 16, 672)))
        x, y = (theta[1] + 1) / 2 * W, (theta[2] + 1) / 2 * H
        return round(x - side / 2), round(y - side / 2), side

    def cut(image, at, outside):
        x, y, side = at
        far = 400
        padded = cv2.copyMakeBorder(
            image, far, far, far, far, cv2.BORDER_CONSTANT, value=(outside,) * 3
        )
        part = padded[y + far : y + far + side, x + far : x + far + side]
        how = cv2.INTER_AREA if side > SIDE else cv2.INTER_LINEAR
        return cv2.resize(part, (SIDE, SIDE), interpolation=how)

    def image(f, at):
        return torch.from_numpy(cut(f, at, 127).transpose(2, 0, 1).copy())[None]

    aspect = torch.tensor([W / H])
    box = Box.from_mask(mask)
    cx, cy = box.center
    estimate = np.array([24 / np.sqrt(W * H), 2 * cx / W - 1, 2 * cy / H - 1])
    at = square(estimate)
    first = torch.from_numpy(cut(mask.astype(np.float32), at, 0))[None, None]
    memory = local.start(image(frames[0], at), first)
    attention = Attention(None, torch.tensor(estimate[None], dtype=torch.float32))
    whole = mask.astype(np.float32)
    for f, answer in zip(frames[1:], found, strict=True):
        shown = cv2.resize(whole, (32, 32), interpolation=cv2.INTER_AREA)
        theta, attention = attend(torch.from_numpy(shown)[None], aspect, attention)
        estimate = 0.7 * theta[0].numpy() + 0.3 * estimate
        estimate[1:] = estimate[1:].clip(-1, 1)
        at = square(estimate)
        logits, memory = local(image(f, at), memory)
        x, y, side = at
        large = cv2.resize(logits[0].sigmoid().numpy(), (side, side))
        whole = np.zeros((H, W), np.float32)
        for row, column in np.ndindex(side, side):
            if 0 <= y + row < H and 0 <= x + column < W:
                whole[y + row, x + column] = large[row, column]
        np.testing.assert_allclose(answer.mask, whole, atol=1e-4)
        assert answer.found == bool((logits > 0).any())
    assert found[-1].mask.std() > 0.01


def test_it_follows_a_mask_and_a_box(bright):
    for target in (Target(mask=frame()[1]), Target(box=Box(30, 20, 12, 12))):
        tracker = PixelwiseTracker(settings(), bright)
        tracker.init(frame()[0], target)
        for t in range(1, 9):
            picture, mask = frame(30 + 3 * t, 20 + t)
            answer = tracker.update(picture)
            hard = answer.hard_mask()
            assert answer.found
            assert (hard & mask).sum() / (hard | mask).sum() > 0.8
            assert answer.box.iou(Box.from_mask(mask)) > 0.7
            assert answer.score > 0.9


def test_a_target_that_leaves_is_lost_and_one_that_returns_is_found(bright):
    tracker = PixelwiseTracker(settings(growth=1.2), bright)
    tracker.init(frame()[0], Target(mask=frame()[1]))
    tracker.update(frame()[0])
    last, sides, places = tracker.region.side, [], set()
    for _ in range(9):
        answer = tracker.update(frame(seen=False)[0])
        assert not answer.found
        assert answer.box is None
        assert answer.score == 0
        assert not answer.mask.any()
        sides.append(tracker.region.side)
        places.add((tracker.region.x, tracker.region.y))
    assert len(places) == 1
    assert sides[0] == pytest.approx(last, rel=0.1)
    assert sides[1] == pytest.approx(1.2 * sides[0])
    assert sides[-1] == pytest.approx(2 * sides[0])
    picture, mask = frame(44, 24)  # beyond the region as it was
    assert tracker.update(picture).found
    answer = tracker.update(picture)
    assert answer.box.iou(Box.from_mask(mask)) > 0.7
    assert tracker.region.side < sides[-1]


def test_one_stage_is_the_centre_of_the_mask_with_a_region_of_fixed_size(bright):
    tracker = PixelwiseTracker(settings(predictor="mean", beta=1.0), bright)
    tracker.init(frame()[0], Target(mask=frame()[1]))
    side = tracker.region.side
    for t in range(1, 4):
        picture, _ = frame(30 + 3 * t, 20 + t)
        soft = tracker.update(picture).mask
        rows, columns = np.indices((H, W)) + 0.5
        tracker.update(picture)
        assert tracker.region.side == side
        assert tracker.region.x == pytest.approx((soft * columns).sum() / soft.sum(), abs=0.2)
        assert tracker.region.y == pytest.approx((soft * rows).sum() / soft.sum(), abs=0.2)


def test_one_stage_waits_where_there_is_nothing(bright):
    tracker = PixelwiseTracker(settings(predictor="mean"), bright)
    tracker.init(frame()[0], Target(mask=frame()[1]))
    for _ in range(3):
        assert not tracker.update(frame(seen=False)[0]).found
    assert tracker.update(frame()[0]).found


def test_the_region_stays_about_a_place_in_the_frame(bright):
    """Whatever the global network says."""
    tracker = PixelwiseTracker(settings(beta=1.0), bright)
    picture, mask = frame()
    tracker.init(picture, Target(mask=mask))
    for x, y, where in ((7.0, -3.0, (W, 0)), (-1.5, 9.0, (0, H)), (0.5, -0.25, (72, 24))):
        theta = torch.tensor([[0.4, x, y]])
        tracker._global = lambda *_, said=theta: (said, Attention(None, said))
        tracker.update(picture)
        assert (tracker.region.x, tracker.region.y) == pytest.approx(where)
        tracker._lost_side = None


def test_a_target_as_large_as_the_frame(bright):
    picture = np.full((H, W, 3), 255, np.uint8)
    tracker = PixelwiseTracker(settings(), bright)
    tracker.init(picture, Target(mask=np.ones((H, W), bool)))
    assert tracker.update(picture).box.iou(Box(0, 0, W, H)) > 0.8


def test_the_network_runs_in_less_precision_where_asked():
    network = small_pixelwise(seed=2)
    picture, mask = frame()
    answers = []
    for half in (False, True):
        tracker = PixelwiseTracker(settings(half=half), network)
        tracker.init(picture, Target(mask=mask))
        answers.append(tracker.update(picture).mask)
    np.testing.assert_allclose(*answers, atol=0.05)
    assert not np.array_equal(*answers)


def test_maps_keep_the_mass_whatever_the_frame():
    soft = np.zeros((64, 96), np.float32)
    soft[10:30, 40:60] = 1
    shown = squeezed(soft, 32)
    assert shown.shape == (32, 32)
    assert shown.sum() == pytest.approx(400 / 6, rel=1e-4)
    assert squeezed(soft[:5, :7], 32).shape == (32, 32)


def test_a_file_says_what_network_it_is_of(tmp_path):
    file = write_small_pixelwise(tmp_path / "weights.safetensors")
    tracker = make_tracker("pixelwise", weights=str(file), device="cpu", presence=0.0)
    tracker.init(frame()[0], Target(mask=frame()[1]))
    same = PixelwiseTracker(PixelwiseSettings(device="cpu", presence=0.0), small_pixelwise())
    same.init(frame()[0], Target(mask=frame()[1]))
    picture = frame(32)[0]
    np.testing.assert_array_equal(tracker.update(picture).mask, same.update(picture).mask)


def test_it_is_an_input_of_sftrack(tmp_path):
    file = write_small_pixelwise(tmp_path / "weights.safetensors")
    sftrack = write_random_weights(tmp_path / "sftrack.safetensors")
    inputs = f"carried,pixelwise:weights={file};device=cpu;presence=0"
    tracker = make_tracker("sftrack", inputs=inputs, masks="feat2seg", weights=str(sftrack))
    picture, mask = frame()
    tracker.init(picture, Target(mask=mask))
    answer = tracker.update(frame(32)[0])
    assert answer.mask.shape == (H, W)
    assert [name.split(":")[0] for name in tracker.explanation.names] == ["carried", "pixelwise"]
    assert tracker.explanation.hypotheses[1] is not None


def test_without_weights_it_says_how_to_get_them(tmp_path, monkeypatch):
    monkeypatch.setenv("SPECTRACK_CACHE", str(tmp_path))
    with pytest.raises(InputError, match=r"spectrack train pixelwise --data DATA --out RUN"):
        make_tracker("pixelwise")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"beta": 0.0}, "beta"),
        ({"presence": 1.0}, "presence"),
        ({"growth": 0.9}, "growth"),
        ({"context": 0.5}, "context"),
        ({"smallest": 700.0}, "rising"),
    ],
)
def test_settings_are_checked(changes, told):
    with pytest.raises(InputError, match=told):
        PixelwiseSettings(**changes)
