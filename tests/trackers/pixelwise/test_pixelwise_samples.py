"""What both networks learn from: regions of a clip, maps through windows, chunks of a run."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from spectrack.datasets.synthetic.stills import Still
from spectrack.errors import InputError
from spectrack.structures import Box
from spectrack.trackers.pixelwise import train_regions
from spectrack.trackers.pixelwise.region import theta_of_map
from spectrack.trackers.pixelwise.train_footage import Footage, footage_of_still
from spectrack.trackers.pixelwise.train_maps import GlobalSamples, MapClip, MapSettings, maps_of
from spectrack.trackers.pixelwise.train_regions import LocalSamples, RegionSettings
from spectrack.trackers.pixelwise.train_runs import chunk_starts

W, H = 160, 96
PLAIN = RegionSettings(
    side=32, frames=6, lag=3, smallest=8, scale=0, shift=0, noise=False, mirror=0
)


def moving(count=12, name="a", shade=200, hidden=()):
    """A rectangle of 20x12 pixels that moves by 3 and 1 pixels a frame."""
    masks = []
    for t in range(count):
        mask = np.zeros((H, W), bool)
        if t not in hidden:
            mask[20 + t : 32 + t, 30 + 3 * t : 50 + 3 * t] = True
        masks.append(mask)
    frames = [np.where(m[..., None], np.uint8(shade), np.uint8(10)).repeat(3, 2) for m in masks]
    packed = [np.packbits(m) for m in masks]
    return Footage(name, (W, H), frames.__getitem__, packed, [Box.from_mask(m) for m in masks])


def middle(mask):
    rows, columns = np.nonzero(np.asarray(mask))
    return columns.mean() + 0.5, rows.mean() + 0.5


def test_masks_survive_packing():
    footage = moving()
    assert len(footage) == 12
    assert footage.mask(3).sum() == 240
    assert Box.from_mask(footage.mask(3)) == footage.boxes[3] == Box(39, 23, 20, 12)
    assert moving(hidden=(2,)).visible() == [0, 1, *range(3, 12)]


def test_a_region_lies_where_the_mask_was_and_is_twice_as_wide():
    """It trails a target that moves on: by 3 pixels a frame of lag, on a region of 40 pixels."""
    torch.manual_seed(0)
    sample = LocalSamples([moving()], 4, PLAIN)[0]
    assert sample["images"].shape == (7, 3, 32, 32)
    for n, (image, mask) in enumerate(zip(sample["images"], sample["masks"], strict=True)):
        x, y = middle(mask.numpy())
        behind = min(n, PLAIN.lag)
        assert x == pytest.approx(16 + 3 * behind * 32 / 40, abs=0.9)
        assert y == pytest.approx(16 + 1 * behind * 32 / 40, abs=0.9)
        assert mask.sum() == pytest.approx(240 * (32 / 40) ** 2, rel=0.15)
        assert ((image[0] > 105) == (mask > 0)).float().mean() > 0.97


def test_perturbation_keeps_to_its_ranges():
    settings = replace(PLAIN, scale=0.1, shift=10.0)
    samples = LocalSamples([moving()], 60, settings, seed=3)
    places = []
    for n in range(60):
        mask = samples[n]["masks"][0].numpy()
        places.append((*middle(mask), np.sqrt(mask.sum() / 240)))
    x, _, zoom = np.array(places).T
    reach = 10 / 224 * 32 / 0.9 + 0.9
    assert np.abs(x - 16).max() < reach
    assert np.abs(x - 16).max() > 0.7
    assert zoom.min() > 32 / 40 / 1.1 * 0.93
    assert zoom.max() < 32 / 40 / 0.9 * 1.07
    assert zoom.max() - zoom.min() > 0.08


def test_one_frame_shows_another_video_and_nothing_is_the_target_there():
    samples = LocalSamples(
        [moving(), moving(name="b", shade=90)], 20, replace(PLAIN, noise=True), seed=1
    )
    foreign = 0
    for n in range(20):
        sample = samples[n]
        seen = (sample["masks"] > 0).flatten(1).any(1)
        assert (~seen).sum() == 1
        assert seen[0]
        shade = sample["images"].flatten(1).amax(1)
        foreign += int(shade[~seen] != shade[0])
        assert (shade[seen] == shade[0]).all()
        assert shade[~seen] > 50  # the other video's target is in view
    assert foreign == 20
    alone = LocalSamples([moving()], 1, replace(PLAIN, noise=True), seed=1)[0]
    assert (alone["masks"] > 0).flatten(1).any(1).all()


def test_samples_with_a_seed_are_the_same_every_time_others_are_not():
    for seed, same in ((5, True), (None, False)):
        samples = LocalSamples([moving(40)], 4, replace(PLAIN, mirror=0.5, scale=0.1), seed=seed)
        one, other = samples[2]["images"], samples[2]["images"]
        assert torch.equal(one, other) == same
    torch.manual_seed(1)
    one = samples[2]["images"]
    torch.manual_seed(1)
    assert torch.equal(one, samples[2]["images"])


def test_a_mirrored_clip_runs_backwards_too():
    samples = LocalSamples([moving(40)], 30, replace(PLAIN, mirror=0.5), seed=2)
    shifts = {
        round(float(np.sign(middle(s["masks"][6])[0] - 16)))
        for s in map(samples.__getitem__, range(30))
    }
    assert shifts == {-1, 1}


def test_a_run_says_where_regions_lie():
    path = np.tile(np.float32([60, 40, 64]), (12, 1))
    path[9:, 2] = 0  # not followed
    samples = LocalSamples([moving()], 8, PLAIN, paths={"a": path}, seed=0)
    on_path = {t: ((40 + 3 * t - 28) / 2, (26 + t - 8) / 2) for t in range(12)}
    cases = set()
    for masks in (samples[n]["masks"] for n in range(8)):
        first = middle(masks[1])
        start = next(t - 1 for t, at in on_path.items() if np.allclose(first, at, atol=0.8))
        for n in range(1, 7):
            t = start + n
            assert np.allclose(middle(masks[n]), on_path[t], atol=0.8) == (t < 9)
            cases.add(t < 9)
        # where the clip begins the mask is known
        assert middle(masks[0]) == pytest.approx((16, 16), abs=0.9)
    assert cases == {True, False}


def test_short_videos_and_hidden_targets_do():
    for footage in (moving(2), moving(9, hidden=(1, 2, 3)), moving(8, hidden=range(3, 8))):
        samples = LocalSamples([footage], 8, replace(PLAIN, mirror=0.5, noise=True), seed=0)
        for n in range(8):
            assert samples[n]["masks"][0].any()
    with pytest.raises(InputError, match="shows its target twice"):
        LocalSamples([moving(3, hidden=(0, 1))], 1, PLAIN)
    with pytest.raises(InputError, match="give stills"):
        LocalSamples([moving()], 1, replace(PLAIN, stills=0.5))


def test_stills_become_clips():
    rng = np.random.default_rng(0)
    stills = []
    for _ in range(3):
        mask = np.zeros((60, 80), bool)
        mask[10:40, 20:60] = True
        stills.append(Still(rng.integers(0, 255, (60, 80, 3), np.uint8), mask))
    footage = footage_of_still(stills, 4, np.random.default_rng(1))
    assert len(footage) == 4
    assert footage.read(0).shape == (*footage.mask(0).shape, 3)
    assert footage.boxes[0] is not None
    samples = LocalSamples([moving()], 1, replace(PLAIN, frames=3, stills=0.9), stills, seed=0)
    assert samples[0]["images"].shape == (4, 3, 32, 32)


def test_drawing_ends_where_there_is_nothing_else(monkeypatch):
    """A still alone has no other still, and one that never shows its target is left for a video."""
    monkeypatch.setattr(train_regions, "DRAWS", 5)
    settings = replace(PLAIN, frames=2, noise=True, stills=1.0)
    mask = np.zeros((60, 80), bool)
    mask[10:40, 20:60] = True
    picture = np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8)
    sample = LocalSamples([moving()], 1, settings, [Still(picture, mask)], seed=0)[0]
    assert (sample["masks"] > 0).flatten(1).any(1).all()
    assert sample["images"][0].amax() > 210  # the still's, not the video's
    nothing = Footage("none", (W, H), moving().read, [np.packbits(mask & False)], [None])
    monkeypatch.setattr(train_regions, "footage_of_still", lambda *_: nothing)
    sample = LocalSamples([moving()], 1, settings, [Still(picture, mask)], seed=0)[0]
    assert sample["images"][0].amax() == pytest.approx(200, abs=2)


MAPS = MapSettings(side=32, frames=5, mirror=0.0, window=(1.0, 1.0), fastest=1)


def test_maps_are_of_frames_in_a_row_and_the_truth_is_one_ahead():
    clip = maps_of(moving(), 32)
    assert clip.truth_thw.shape == (12, 64, 64)
    assert clip.aspect == W / H
    samples = GlobalSamples([clip], 1, MAPS)
    torch.manual_seed(4)
    sample = samples[0]
    assert sample["inputs"].shape == sample["truths"].shape == (5, 32, 32)
    torch.testing.assert_close(sample["inputs"][1:], sample["truths"][:-1])
    # 3 pixels of 160 a frame are 0.6 of 32
    places = [middle_of(one) for one in sample["truths"]]
    np.testing.assert_allclose(np.diff([x for x, _ in places]), 0.6, atol=0.15)
    assert places[-1][1] - places[0][1] == pytest.approx(4 / 3, abs=0.35)


def middle_of(map_hw):
    theta = theta_of_map(map_hw[None].float() / 255, torch.ones(1), torch.zeros(1, 3))[0]
    return ((theta[1:] + 1) / 2 * map_hw.shape[0]).tolist()


def test_a_window_keeps_a_square_of_the_frame_a_square():
    """A square of pixels is as wide as high, in the measure of the window's own aspect."""
    mask = np.zeros((96, 160), bool)
    mask[30:60, 60:90] = True
    box = Box(60, 30, 30, 30)
    footage = Footage("a", (160, 96), lambda t: None, [np.packbits(mask)] * 6, [box] * 6)
    samples = GlobalSamples([maps_of(footage, 64)], 1, replace(MAPS, side=64, window=(0.7, 1.2)))
    sides = []
    for seed in range(12):
        torch.manual_seed(seed)
        sample = samples[0]
        shown, aspect = sample["truths"][0].numpy() / 255, float(sample["aspect"])
        box = Box.from_mask(shown > 0.5)
        if box.x > 0 and box.y > 0 and max(box.x + box.w, box.y + box.h) < 64:
            assert box.w * aspect == pytest.approx(box.h, abs=2.6)
            sides.append(box.h)
    assert len(sides) > 5
    assert max(sides) - min(sides) > 3


def test_the_first_map_is_the_one_given_then_come_the_predicted():
    truth = maps_of(moving(), 32)
    given = np.full_like(truth.truth_thw, 7)
    clip = MapClip(truth.truth_thw, truth.aspect, given, [6])
    sample = GlobalSamples([clip], 1, MAPS)[0]
    assert sample["inputs"][0].max() > 200
    assert set(sample["inputs"][1:].unique().tolist()) <= {0, 7} | set(range(7))
    assert sample["inputs"][1:].amax((1, 2)).tolist() == [7] * 4
    assert sample["truths"].amax((1, 2)).min() > 200


def test_dilation_grows_what_is_shown_and_not_the_truth():
    clip = maps_of(moving(), 32)
    torch.manual_seed(2)
    plain = GlobalSamples([clip], 1, MAPS)[0]
    torch.manual_seed(2)
    grown = GlobalSamples([clip], 1, replace(MAPS, dilation=3))[0]
    assert torch.equal(plain["truths"], grown["truths"])
    wanted = torch.nn.functional.max_pool2d(plain["inputs"].float(), 3, 1, 1)
    torch.testing.assert_close(grown["inputs"].float(), wanted)
    with pytest.raises(InputError, match="odd"):
        MapSettings(dilation=2)


def test_nothing_to_learn_from_is_told():
    clip = MapClip(np.zeros((3, 8, 8), np.uint8), 1.0)
    with pytest.raises(InputError, match="no map"):
        GlobalSamples([clip], 1, MAPS)


def test_chunks_begin_where_the_target_is_seen():
    assert chunk_starts(moving(12), 5) == [0, 5]
    assert chunk_starts(moving(13), 5) == [0, 5, 10]
    assert chunk_starts(moving(12, hidden=(0, 1, 7)), 5) == [2, 8]
    assert chunk_starts(moving(3), 5) == [0]
