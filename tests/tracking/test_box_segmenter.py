"""The network of masks in boxes at work: what always holds, whatever the network says."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from random_mask_in_box import random_mask_in_box, write_random_mask_in_box
from spectrack.errors import InputError
from spectrack.networks.folding import for_inference
from spectrack.structures import Box
from spectrack.tracking.looks import CONTEXT, FOUR_VIEWS, SIDE, Hint, Look, Segmented, Views
from spectrack.tracking.mask_in_box import REMEMBERED, BoxSegmenter, shared_mask_in_box
from spectrack.tracking.square_crop import SquareCrop
from spectrack.weights.files import write_weights

WIDTH, HEIGHT = 90, 60
FRAME = np.random.default_rng(2).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
BLACK = np.zeros_like(FRAME)


@pytest.fixture(scope="module")
def network():
    return for_inference(random_mask_in_box())


@pytest.fixture
def segment(network):
    return BoxSegmenter(network)


def soft_mask(box: Box) -> np.ndarray:
    return box.fill((WIDTH, HEIGHT)).astype(np.float32)


@pytest.mark.parametrize("frame", [FRAME, BLACK], ids=["noise", "black"])
@pytest.mark.parametrize(
    "box",
    [
        Box(20, 10, 30, 20),
        Box(40, 30, 1, 1),
        Box(40.6, 30.2, 0.5, 0.3),
        Box(-20, -10, 30, 20),
        Box(80, 50, 60, 40),
        Box(-500, -500, 1000, 1000),
        Box(0, 0, 90, 2),
    ],
)
def test_a_first_mask_is_never_empty_and_lies_in_its_box(segment, frame, box) -> None:
    soft = segment.first(frame, box)
    assert soft.shape == (HEIGHT, WIDTH)
    assert soft.dtype == np.float32
    assert np.isfinite(soft).all()
    assert soft.min() >= 0
    assert soft.max() <= 1
    assert (soft >= 0.5).any()
    assert not soft[~box.fill((WIDTH, HEIGHT))].any()


def test_a_mirrored_picture_has_the_mirrored_mask(segment) -> None:
    box = Box(30, 20, 40, 20)  # its crops have whole sides and a whole centre
    mirrored = Box(WIDTH - 70, 20, 40, 20)
    there = segment.looks(np.ascontiguousarray(FRAME[:, ::-1]), mirrored)
    for plain, other in zip(segment.looks(FRAME, box), there, strict=True):
        np.testing.assert_allclose(plain, other[:, ::-1], atol=2e-3)


def test_looks_are_joined_by_their_mean_in_the_box() -> None:
    box = Box(2, 1, 3, 2)
    inside = box.fill((8, 5))
    one, two = np.full((5, 8), 0.9, np.float32), np.full((5, 8), 0.3, np.float32)
    np.testing.assert_allclose(BoxSegmenter.joined([one, two], box), np.where(inside, 0.6, 0))
    weak = np.full((5, 8), 0.1, np.float32)
    weak[2, 3], weak[4, 7] = 0.4, 1.0  # the surest place lies outside
    expected = np.where(inside, 0.1, 0) * 0.75 / 0.4
    expected[2, 3] = 0.75
    np.testing.assert_allclose(BoxSegmenter.joined([weak, weak], box), expected, rtol=1e-6)
    nothing = np.full((5, 8), 1e-4, np.float32)
    np.testing.assert_array_equal(BoxSegmenter.joined([nothing], box), np.where(inside, 0.75, 0))


def test_a_mask_of_a_crop_is_zero_elsewhere_in_the_frame() -> None:
    ones = np.ones((SIDE, SIDE), np.float32)
    for place in ((10, 5), (-10, 50), (80, -8), (200, 200)):
        looks = [(SquareCrop(*place, 20, 16, SIDE), ones)]
        soft = Segmented.mean(looks, (WIDTH, HEIGHT)).in_frame((WIDTH, HEIGHT))
        np.testing.assert_array_equal(soft, soft_mask(Box(*place, 20, 16)))


def test_hints_together_are_each_by_itself(segment) -> None:
    segment.start(FRAME, soft_mask(Box(20, 10, 30, 20)))
    carried = (255 * soft_mask(Box(25, 12, 20, 10))).astype(np.uint8)
    hints = [
        Hint(Box(20, 10, 30, 20)),
        Hint(Box(24, 12, 40, 20), carried),
        Hint(Box(-9, 50, 30, 30)),
    ]
    together = segment.segment(FRAME, hints)
    for hint, found in zip(hints, together, strict=True):
        (alone,) = segment.segment(FRAME, [hint])
        assert (alone.rows, alone.cols) == (found.rows, found.cols)
        np.testing.assert_allclose(found.soft_hw, alone.soft_hw, atol=1e-4)


def test_several_views_are_the_mean_of_each(network) -> None:
    box, size_wh = Box(24, 12, 40, 20), (WIDTH, HEIGHT)
    mirrored = Box(WIDTH - 64, 12, 40, 20)
    flipped = np.ascontiguousarray(FRAME[:, ::-1])

    def alone(frame, hint, context):
        segment = BoxSegmenter(network, views=Views((context,)))
        return segment.segment(frame, [Hint(hint)])[0]

    (both,) = BoxSegmenter(network, views=FOUR_VIEWS).segment(FRAME, [Hint(box)])
    near, wide = FOUR_VIEWS.contexts
    shown = [alone(FRAME, box, c).in_frame(size_wh) for c in (near, wide)]
    back = [alone(flipped, mirrored, c).in_frame(size_wh)[:, ::-1] for c in (near, wide)]
    narrow = SquareCrop.around(box, near, SIDE).inside(size_wh)
    np.testing.assert_allclose(
        both.in_frame(size_wh)[narrow], np.mean([*shown, *back], axis=0)[narrow], atol=2e-3
    )
    rim = np.ones((HEIGHT, WIDTH), bool)
    rim[narrow] = False  # which the wider crop alone shows
    np.testing.assert_allclose(
        both.in_frame(size_wh)[rim], np.mean([shown[1], back[1]], axis=0)[rim], atol=2e-3
    )


def test_boxes_that_agree_are_looked_at_one_way_each(network) -> None:
    """The first as it is, the next mirrored; as soon as they differ both are seen both ways."""
    size_wh, flipped = (WIDTH, HEIGHT), np.ascontiguousarray(FRAME[:, ::-1])
    one, other = Hint(Box(24, 12, 40, 20)), Hint(Box(26, 12, 40, 20))
    iou = one.box.iou(other.box)

    def seen(agreed, hints, frame=FRAME):
        segment = BoxSegmenter(network, views=Views(mirror=True, agreed=agreed))
        return [found.in_frame(size_wh) for found in segment.segment(frame, hints)]

    def plain(frame, box):
        return BoxSegmenter(network).segment(frame, [Hint(box)])[0].in_frame(size_wh)

    first, second = seen(iou - 0.01, [one, other])
    np.testing.assert_allclose(first, plain(FRAME, one.box), atol=2e-4)
    back = plain(flipped, Box(WIDTH - 66, 12, 40, 20))[:, ::-1]
    np.testing.assert_allclose(second, back, atol=2e-3)
    both = seen(2.0, [one, other])
    assert np.abs(both[0] - first).max() > 0.01
    for found, wanted in zip(seen(iou + 0.01, [one, other]), both, strict=True):
        np.testing.assert_allclose(found, wanted, atol=2e-4)
    np.testing.assert_allclose(seen(0.0, [one])[0], both[0], atol=2e-4)  # alone: both ways


def test_one_more_look_is_both_ways_and_may_be_remembered(network) -> None:
    one, more, size_wh = Hint(Box(24, 12, 20, 20)), Hint(Box(14, 6, 50, 40)), (WIDTH, HEIGHT)
    segment = BoxSegmenter(network, views=Views(mirror=True, agreed=0.0))
    segment.start(FRAME, soft_mask(Box(20, 10, 30, 20)))
    (wanted,) = segment.segment(FRAME, [more])
    segment.segment(FRAME, [one])
    found = segment.look_again(FRAME, more)
    np.testing.assert_allclose(found.in_frame(size_wh), wanted.in_frame(size_wh), atol=2e-4)
    tokens, shares = (SIDE // 16) ** 2, []
    for place in (0, 1):
        segment.remember(soft_mask(one.box), place)
        shares.append(float(segment.memory.all.values_nvt[0, -1, -tokens:].mean()))
    assert shares[0] > 2 * shares[1] > 0  # the same mask fills less of the larger crop


def test_what_was_seen_mirrored_is_remembered_mirrored(network) -> None:
    believed = soft_mask(Box(24, 12, 20, 20))
    segment = BoxSegmenter(network, views=Views(mirror=True, agreed=0.0))
    segment.start(FRAME, soft_mask(Box(20, 10, 30, 20)))
    segment.segment(FRAME, [Hint(Box(24, 12, 40, 20))] * 2)
    shares = []
    for place in (0, 1):
        segment.remember(believed, place)
        shares.append(segment.memory.all.values_nvt[0, -1, -((SIDE // 16) ** 2) :])
    as_it_is, mirrored = (share.reshape(SIDE // 16, SIDE // 16) for share in shares)
    assert not torch.allclose(as_it_is, mirrored, atol=0.1)
    torch.testing.assert_close(mirrored, as_it_is.flip(1))


def test_the_frame_is_remembered_as_the_chosen_hint_shows_it(network) -> None:
    first, believed = soft_mask(Box(20, 10, 30, 20)), soft_mask(Box(24, 12, 30, 20))
    hints = [Hint(Box(5, 5, 20, 20)), Hint(Box(24, 12, 30, 20))]
    kept = []
    for given, place in ((hints, 1), (hints[1:], 0)):
        segment = BoxSegmenter(network)
        segment.start(FRAME, first)
        before = segment.memory.all
        segment.segment(FRAME, given)
        segment.remember(believed, place)
        after = segment.memory.all
        tokens = (SIDE // 16) ** 2
        assert after.keys_nkt.shape[2] == before.keys_nkt.shape[2] + tokens
        torch.testing.assert_close(after.keys_nkt[..., :-tokens], before.keys_nkt)
        kept.append(after)
    torch.testing.assert_close(kept[0].keys_nkt, kept[1].keys_nkt, rtol=0, atol=1e-4)
    torch.testing.assert_close(kept[0].values_nvt, kept[1].values_nvt, rtol=0, atol=1e-3)


def test_of_the_first_frame_all_crops_are_remembered_and_their_mirror_images(network) -> None:
    """The share of the mask in each crop tells which one it is."""
    segment = BoxSegmenter(network)
    segment.start(FRAME, soft_mask(Box(30, 20, 30, 20)))
    memory = segment.memory.all
    assert memory is not None
    tokens, looks = (SIDE // 16) ** 2, 2 * len(REMEMBERED)
    assert memory.keys_nkt.shape[2] == looks * tokens
    share = memory.values_nvt[0, -1].reshape(looks, SIDE // 16, SIDE // 16)
    for context, seen, back in zip(
        REMEMBERED, share[: looks // 2], share[looks // 2 :], strict=True
    ):
        assert float(seen.mean()) == pytest.approx(1 / context**2, rel=0.08)
        torch.testing.assert_close(back, seen.flip(1), atol=0.02, rtol=0)


@pytest.mark.parametrize("frame", [FRAME, BLACK], ids=["noise", "black"])
def test_nothing_known_and_nothing_seen_give_numbers(segment, frame) -> None:
    hints = [Hint(Box(40, 30, 1, 1)), Hint(Box(-5, -5, 10, 10)), Hint(Box(-900, -900, 2000, 2000))]
    for first in (np.zeros((HEIGHT, WIDTH), np.float32), soft_mask(Box(40, 30, 1, 1))):
        segment.start(frame, first)
        for _ in range(2):
            for found in segment.segment(frame, hints):
                assert np.isfinite(found.soft_hw).all()
                assert np.isfinite(found.in_frame((WIDTH, HEIGHT))).all()
            segment.remember(np.zeros((HEIGHT, WIDTH), np.float32), 2)
        assert torch.isfinite(segment.memory.all.values_nvt).all()


def test_started_again_it_knows_nothing_of_before(network) -> None:
    box, other = Box(20, 10, 30, 20), Box(50, 30, 20, 20)
    used, fresh = BoxSegmenter(network), BoxSegmenter(network)
    used.start(FRAME, soft_mask(other))
    used.segment(FRAME, [Hint(other)])
    used.remember(soft_mask(other))
    for first in (np.zeros((HEIGHT, WIDTH), np.float32), soft_mask(box)):
        answers = []
        for segment in (used, fresh):
            segment.start(FRAME, first)
            answers.append(segment.segment(FRAME, [Hint(box)])[0].soft_hw)
        np.testing.assert_array_equal(*answers)


def test_a_file_is_read_once_and_another_network_is_told(tmp_path) -> None:
    file = write_random_mask_in_box(tmp_path / "w.safetensors")
    read = shared_mask_in_box(str(file))
    assert shared_mask_in_box(str(file)) is read
    assert not any(p.requires_grad for p in read.parameters())
    write_weights(tmp_path / "other.safetensors", {"weight": torch.zeros(2)}, {})
    with pytest.raises(InputError):
        shared_mask_in_box(str(tmp_path / "other.safetensors"))
    with pytest.raises(InputError, match="do not exist"):
        shared_mask_in_box(str(tmp_path / "none.safetensors"))


def test_a_later_frame_is_recalled_beside_the_first(network) -> None:
    """As the network itself would remember its crop; an empty mask leaves nothing."""
    segment, box = BoxSegmenter(network), Box(30, 20, 40, 20)
    segment.recall(FRAME, soft_mask(box))
    assert segment.memory.all is None  # there is no first frame beside which it could stand
    segment.start(FRAME, soft_mask(box))
    first, colours = segment.memory.all, segment.colours
    segment.recall(BLACK, np.zeros((HEIGHT, WIDTH), np.float32))
    assert segment.memory.all.keys_nkt.shape == first.keys_nkt.shape
    later = Box(10, 10, 30, 30)
    segment.recall(BLACK, soft_mask(later))
    found, tokens = segment.memory.all, (SIDE // 16) ** 2
    crop = SquareCrop.around(later, CONTEXT, SIDE)
    look = Look.at(BLACK, crop, Hint(later), None)
    mask = torch.from_numpy(np.ascontiguousarray(crop.cut(soft_mask(later))))[None, None]
    with torch.inference_mode():
        features = network.features(*look.tensors(False))
        own = network.remember(features, look.maps_1css[:, :1], mask)
    for both, one, other in (
        (found.keys_nkt, first.keys_nkt, own.keys_nkt),
        (found.values_nvt, first.values_nvt, own.values_nvt),
    ):
        assert both.shape[2] == one.shape[2] + tokens
        assert torch.equal(both[..., :-tokens], one)
        torch.testing.assert_close(both[..., -tokens:], other)
    assert segment.colours is colours
