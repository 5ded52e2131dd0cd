"""What the mixing is learned from: runs of the tracker against what the tracker itself computed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from random_sftrack import write_random_weights
from spectrack.datasets.base import Dataset, Sequence
from spectrack.fusion.train_columns import collate
from spectrack.spectral.mixing.learned import LearnedMixing
from spectrack.trackers.sftrack.settings import SFTrackSettings
from spectrack.trackers.sftrack.train_runs import LearningRun, learning_runs, mixing_columns
from spectrack.trackers.sftrack.weights import load_sftrack
from spectrack.video.frames import ArrayFrames
from tiny_training import little_work  # noqa: F401


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_random_weights(tmp_path_factory.mktemp("weights") / "w.safetensors")


@pytest.fixture
def learned_from(clip, weights: Path) -> LearningRun:
    frames, masks = clip.frames_thwc[:5], clip.masks_thw[:5]
    stems = tuple(f"{t:05d}" for t in range(5))
    video = Sequence("koi", stems, lambda: ArrayFrames(frames), lambda t: masks[t])
    settings = SFTrackSettings.of_paper(box_rule="tight")
    (one,) = learning_runs(Dataset("made", [video]), weights, settings)
    return one


def test_columns_hold_every_pixel_and_what_the_tracker_weighed_with(
    clip, weights: Path, learned_from: LearningRun
) -> None:
    mixing = load_sftrack(weights).mixing
    (columns,) = mixing_columns([learned_from], mixing.reach, seed=0)
    assert len(columns) == 3  # the first and the last frame are left out
    side = np.sqrt(clip.target.box.w * clip.target.box.h)  # frames of 128 pixels are not reduced
    for t, found in enumerate(columns, 1):
        seen = learned_from.frames[t]
        assert seen is not None
        np.testing.assert_allclose(found.count_k.sum(), 128 * 80, rtol=1e-4)
        # Pixels are drawn, stratified by truth, so that of the target none is lost.
        np.testing.assert_allclose(found.truth_k.sum(), clip.masks_thw[t].sum(), rtol=1e-4)
        np.testing.assert_array_equal(found.present_c, seen.present_c)
        # Outside of the part that the tracker mixed every channel is empty: the same agreement.
        np.testing.assert_allclose(found.agreement_c, seen.agreement_c, rtol=1e-5)
        assert found.scale == pytest.approx(max(side, 16) / 60)


def test_the_mix_of_columns_is_the_tracker_s(weights: Path, learned_from: LearningRun) -> None:
    mixing = load_sftrack(weights).mixing
    (columns,) = mixing_columns([learned_from], mixing.reach, seed=0)
    batch = collate(columns)
    soft_n = LearnedMixing(mixing).of_columns(
        batch.columns_nc / 255, batch.frame_n, batch.agreement_tc, batch.present_tc, batch.scale_t
    )
    for t in range(3):
        own = batch.frame_n == t
        weights_c = np.array(mixing.weights) * np.maximum(columns[t].agreement_c, 0.02) ** (
            mixing.agreement
        )
        weights_c *= columns[t].present_c
        weights_c *= sum(mixing.weights) / weights_c.sum()
        logits = batch.columns_nc[own].numpy() / 255 @ weights_c + mixing.bias
        np.testing.assert_allclose(
            soft_n[own].detach().numpy(), 1 / (1 + np.exp(-logits)), atol=1e-5
        )
