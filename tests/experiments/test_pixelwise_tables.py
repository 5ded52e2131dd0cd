"""Tables of pixel-wise tracking: lengths, near-true regions, the network of single frames."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from small_pixelwise import DESCRIBED, Bright, small_pixelwise
from spectrack.datasets.base import VideoSequence
from spectrack.metrics.regions import jaccard
from spectrack.structures import Box, Target
from spectrack.trackers.pixelwise.settings import PixelwiseSettings
from spectrack.trackers.pixelwise.tracker import PixelwiseTracker
from spectrack.video.frames import ArrayFrames
from spectrack.weights.described import save_described
from thin import randomise

W, H = 96, 64
SETTINGS = PixelwiseSettings(device="cpu", smallest=16)


@pytest.fixture(scope="module", autouse=True)
def importable():
    root = str(Path(__file__).resolve().parents[2])
    sys.path.insert(0, root)
    yield
    sys.path.remove(root)


def module(name):
    return importlib.import_module(f"experiments.pixelwise.{name}")


def video(count=12, name="v"):
    """A white square of 12 pixels that moves by 2 pixels a frame."""
    masks = np.zeros((count, H, W), bool)
    for t in range(count):
        masks[t, 20:32, 20 + 2 * t : 32 + 2 * t] = True
    frames = np.where(masks[..., None], np.uint8(255), np.uint8(40)).repeat(3, 3)
    stems = tuple(f"{t:05d}" for t in range(count))
    return VideoSequence(name, stems, lambda: ArrayFrames(frames, name), lambda t: masks[t]), masks


def test_short_sequences_are_upsampled_and_long_ones_cut():
    times_of = module("lengths").times_of
    assert times_of(50, 20) == list(range(20))
    assert times_of(5, 10) == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert times_of(8, 8) == list(range(8))


def test_near_true_regions_trail_the_truth_smoothed():
    lengths = module("lengths")
    one, masks = video()
    tracker = lengths.NearTrue(SETTINGS, Bright().eval())
    tracker.truths = list(masks)
    centre = None
    with one.frames() as frames:
        tracker.init(frames[0], Target(mask=masks[0]))
        for t in range(1, 12):
            tracker.update(frames[t])
            true = Box.from_mask(masks[max(t - 5, 0)]).center
            before = Box.from_mask(masks[0]).center if centre is None else centre
            centre = tuple(0.2 * b + 0.8 * a for a, b in zip(true, before, strict=True))
            assert (tracker.region.x, tracker.region.y) == pytest.approx(centre, abs=1e-6)
            assert tracker.region.side == pytest.approx(24)


def test_overlaps_are_those_of_the_masks_at_the_thresholds():
    lengths = module("lengths")
    one, masks = video()
    system = lengths.System("all", Bright().eval(), SETTINGS)
    found = lengths.overlaps(system, one, 6, (0.4, 0.7))
    tracker = system.tracker()
    with one.frames() as frames:
        tracker.init(frames[0], Target(mask=masks[0]))
        for t in range(1, 6):
            soft = tracker.update(frames[t]).mask
            for row, threshold in enumerate((0.4, 0.7)):
                assert found[row, t - 1] == jaccard(soft >= threshold, masks[t])
    assert found.min() > 0.7


def test_the_per_frame_network_learns_the_first_frame_and_forgets_the_last_target():
    per_frame, lengths = module("per_frame"), module("lengths")
    names = ("extractor", "width", "side", "maps", "memory", "decoder", "skips")
    single = randomise(per_frame.PerFrame(**{n: DESCRIBED[n] for n in names}))
    before = {name: value.clone() for name, value in single.state_dict().items()}
    network = lengths.per_frame_of(small_pixelwise(), single).eval()
    one, masks = video()
    system = lengths.System(
        "per frame", network, PixelwiseSettings(device="cpu", smallest=16, predictor="mean")
    )
    tracker = system.tracker()
    with one.frames() as frames:
        first = frames[0]
    answers = []
    for _ in range(2):
        tracker.init(first, Target(mask=masks[0]))
        crop = tracker.region.crop(32)
        image = tracker._image(first, crop)
        with torch.inference_mode():
            tuned, _ = single(image, tracker._memory)
            answers.append(tuned)
    assert torch.equal(*answers)  # begun anew from the same weights
    for name, value in single.state_dict().items():
        assert torch.equal(value, before[name]), name
    single.__dict__["fitted"] = None
    with torch.inference_mode():
        plain, _ = single(image, tracker._memory)
    truth = torch.from_numpy(crop.cut(masks[0].astype(np.float32)))[None]
    loss = torch.nn.functional.binary_cross_entropy_with_logits
    assert loss(tuned, truth) < 0.9 * loss(plain, truth)


def test_the_roc_is_the_one_of_all_pairs(rng):
    """Its area is the chance that a pixel on the target has the higher probability."""
    noise = module("pixelwise_noise")
    on, off = rng.integers(0, 5, 40) + 2, rng.integers(0, 5, 60)
    histograms = [np.bincount(v, minlength=noise.BINS) for v in (on, off)]
    alarms, hits, area = noise.roc(*histograms)
    assert (alarms[0], hits[0], alarms[-1], hits[-1]) == (0, 0, 1, 1)
    pairs = [(a > b) + 0.5 * (a == b) for a in on for b in off]
    assert area == pytest.approx(np.mean(pairs))


def test_clips_are_segmented_and_memories_drawn():
    noise = module("pixelwise_noise")
    from spectrack.trackers.pixelwise.train_footage import footage_of_video
    from spectrack.trackers.pixelwise.train_regions import LocalSamples, RegionSettings

    one, _ = video(14)
    settings = RegionSettings(side=32, frames=9, smallest=16)
    samples = LocalSamples([footage_of_video(one)], 2, settings.fixed(), seed=0)
    network = small_pixelwise().local_segmentation
    on, off, overlaps, alarms = noise.segmented(network, samples)
    assert np.isnan(alarms)  # the target is in every frame
    truth = sum(int(samples[n]["masks"][1:].sum()) for n in range(2))
    assert on.sum() == truth
    assert on.sum() + off.sum() == 2 * 9 * 32 * 32
    assert overlaps.shape == (2, 9)
    with torch.inference_mode():
        sample = samples[1]
        memory = network.start(sample["images"][:1], sample["masks"][None, :1].float())
        for t in range(1, 10):
            logits, memory = network(sample["images"][t, None], memory)
            hard, true = logits[0].numpy() >= 0, sample["masks"][t].numpy() > 0
            assert overlaps[1, t - 1] == pytest.approx(jaccard(hard, true), abs=1e-6)
    both = [footage_of_video(one), footage_of_video(video(14, "w")[0])]
    disturbed = LocalSamples(both, 1, settings, seed=0)
    noisy = disturbed[0]  # one frame in it is of the other video
    with torch.inference_mode():
        memory = network.start(noisy["images"][:1], noisy["masks"][None, :1].float())
        gone = [t for t in range(1, 10) if not (noisy["masks"][t] > 0).any()]
        for t in range(1, gone[0] + 1):
            logits, memory = network(noisy["images"][t, None], memory)
    assert len(gone) == 1
    alarms = noise.segmented(network, disturbed)[3]
    assert alarms == pytest.approx((logits.numpy() >= 0).mean(), abs=1e-6)
    figure = noise.memories({"plain": network, "noise": network}, noisy)
    assert len(figure.axes) == 48
    tiles = noise._tiles(
        np.stack([np.full((4, 4), 9.0), *np.random.default_rng(0).random((16, 4, 4))])
    )
    assert tiles.shape == (24, 24)  # a border about each; the cell that is the same all over is out
    assert (tiles.reshape(4, 6, 4, 6).max((1, 3)) == 1).all()
    noise.plt.close(figure)


def test_pictures_show_what_the_tracker_saw():
    pictures = module("pixelwise_pictures")
    one, masks = video(8)
    tracker = PixelwiseTracker(SETTINGS, Bright().eval())
    seen = pictures.moments(tracker, one, [1, 5])
    assert len(seen) == 2
    # the first map shown is that of the mask given
    np.testing.assert_allclose(seen[0].given_mm.mean(), masks[0].mean(), rtol=1e-4)
    for moment, t in zip(seen, (1, 5), strict=True):
        np.testing.assert_allclose(moment.truth_mm.mean(), masks[t].mean(), rtol=1e-4)
        assert jaccard(moment.mask_hw, masks[t]) > 0.8
        # the anchor covers the target
        assert (moment.anchor_mm * moment.truth_mm).sum() > 0.6 * moment.truth_mm.sum()
    for figure in (pictures.observations(seen), pictures.overlays({"v": seen})):
        assert len(figure.axes) in (6, 2)
        pictures.plt.close(figure)


def test_the_common_table_measures_what_a_tracker_answers(monkeypatch, tmp_path):
    common = module("pixelwise_common")
    one, masks = video(6, "v")
    monkeypatch.setattr(common, "Davis2016", lambda root, split, size: {"v": one})
    run = common.Run("flow", "v", "mask", tmp_path, tmp_path / "none", None)
    tracker = common.tracker_of(run)
    found = []
    with one.frames() as frames:
        for t, frame in enumerate(frames):
            answer = tracker.update(frame) if t else tracker.init(frame, Target(mask=masks[0]))
            found.append(jaccard(answer.hard_mask(), masks[t]))
    row = common.measured(run)
    assert row["J"] == pytest.approx(100 * np.mean(found[1:-1]))
    assert 50 < row["box_iou"] <= 100
    assert row["ms"] > 0


def test_the_common_table_gives_pixelwise_tracking_the_weights_of_the_run(tmp_path):
    common = module("pixelwise_common")
    weights = tmp_path / "pixelwise.safetensors"
    save_described(weights, randomise(small_pixelwise()), DESCRIBED, {})
    runs = [
        common.Run(system, "v", "box", tmp_path, weights, None) for system in ("pixelwise", "fused")
    ]
    assert common.tracker_of(runs[0]).settings.weights == str(weights)
    assert f"pixelwise:weights={weights}" in common.tracker_of(runs[1]).settings.inputs
