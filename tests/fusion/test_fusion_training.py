"""Learning to fuse: it finds the channels that are right, goes on after a stop, and refuses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from spectrack.errors import InputError
from spectrack.fusion.train import MIXING_TRAINING, THROUGH_TRAINING, FusionRun, fusion
from spectrack.fusion.train_videos import FusionVideo, sub_videos, video_columns
from spectrack.fusion.weights import load_mixing
from spectrack.spectral.guided.stream import GuidedSettings
from tiny_training import little_work  # noqa: F401

SIZE = (48, 64)


def video(number: int, frames: int = 7, seed: int = 0) -> FusionVideo:
    """A square on a plain ground; channel 0 is right, 1 noisy, 2 and 3 wrong."""
    truths, images = np.zeros((frames, *SIZE), bool), []
    for t in range(frames):
        truths[t, 12:34, 10 + 2 * t + number : 32 + 2 * t + number] = True
        image = np.full((*SIZE, 3), 70, np.uint8)
        image[truths[t]] = 190
        images.append(image)

    def masks(t: int) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng([seed, number, t])
        flips = [rng.random(SIZE) < share for share in (0.02, 0.2, 0.5, 0.5)]
        maps = np.stack([truths[t] ^ flip for flip in flips])
        return maps.astype(np.uint8) * np.uint8(255), np.array([True, t != 3, True, True])

    return FusionVideo(f"v{number}", frames, masks, lambda t: truths[t], lambda t: images[t])


NAMES = ("good", "noisy", "wrong", "worse")


@pytest.mark.parametrize("through", ["mixing", "colour", "paper"])
def test_good_channels_win(tmp_path: Path, through: str) -> None:
    run = fusion([video(0), video(1)], NAMES, tmp_path, through=through, windows=2, height=SIZE[0])
    weights = dict(zip(NAMES, run.mixing.weights, strict=True))
    assert weights["good"] > weights["noisy"] > 1 > max(weights["wrong"], weights["worse"])
    assert [s.history[-1]["loss"] < s.history[0]["loss"] for s in run.stages] == [True] * len(
        run.stages
    )
    saved, about = load_mixing(run.file)
    assert saved == run.mixing
    assert (about["through"], about["videos"]) == (through, ["v0", "v1"])
    assert len(about["training"]) == len(run.stages) == (1 if through == "mixing" else 2)


def test_without_agreement_it_is_equation_9(tmp_path: Path) -> None:
    run = fusion([video(0)], NAMES, tmp_path, agreement=False)
    assert run.mixing.agreement == 0
    assert run.mixing.parameters == 5


def test_pairwise_weights_learn_only_through_the_paper_filter(tmp_path: Path) -> None:
    run = fusion(
        [video(0)], NAMES, tmp_path, through="paper", pairwise="apart", windows=2, height=48
    )
    assert run.mixing.pairwise_weights is not None
    assert run.mixing.pairwise_weights != run.mixing.weights
    assert len(run.mixing.pairwise_weights) == 4


SHORT = {
    "through": "colour",
    "windows": 2,
    "height": 48,
    "first": replace(MIXING_TRAINING, epochs=6),
    "second": replace(THROUGH_TRAINING, epochs=3),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> FusionRun:
    """A run that nobody stopped: 6 steps of the first stage, 3 of the second."""
    return fusion([video(0), video(1)], NAMES, tmp_path_factory.mktemp("whole"), **SHORT)


@pytest.mark.parametrize("stop", [3, 9])
def test_a_stopped_run_ends_with_the_same_bits(tmp_path: Path, stop: int, whole: FusionRun) -> None:
    steps = 0

    def interrupt(done: int, total: int | None) -> None:
        nonlocal steps
        steps += 1
        if steps == stop:
            raise KeyboardInterrupt

    videos = [video(0), video(1)]
    with pytest.raises(KeyboardInterrupt):
        fusion(videos, NAMES, tmp_path, progress=interrupt, **SHORT)
    assert (tmp_path / "colour").is_dir() == (stop == 9)
    assert not (tmp_path / "weights.safetensors").exists()
    again = fusion(videos, NAMES, tmp_path, **SHORT)
    assert again.mixing == whole.mixing
    assert again.file.read_bytes() == whole.file.read_bytes()


def test_sub_videos_take_in_agreement_from_outside(tmp_path: Path) -> None:
    clip = video(0, frames=12)
    columns = video_columns(clip, reach=3)
    subs = sub_videos(clip, 3, 4, SIZE[0], GuidedSettings())
    assert len(subs) == 4
    # The second sub-video begins at frame 2; columns leave out the first frame.
    for k in range(5):
        np.testing.assert_allclose(subs[1].agreement_tc[k], columns[2 + k - 1].agreement_c)
    assert torch.equal(subs[0].truth_thw[2].bool(), torch.from_numpy(clip.truth(2)))


def test_what_cannot_be_trained_on(tmp_path: Path) -> None:
    good = video(0)
    with pytest.raises(InputError, match="no videos"):
        fusion([], NAMES, tmp_path)
    with pytest.raises(InputError, match="one of mixing, colour, paper"):
        fusion([good], NAMES, tmp_path, through="x")
    blind = FusionVideo("b", 7, good.masks, lambda t: None)
    with pytest.raises(InputError, match="no true mask"):
        fusion([blind], NAMES, tmp_path)
    small = FusionVideo("s", 7, good.masks, lambda t: np.ones((5, 5), bool))
    with pytest.raises(InputError, match="64x48"):
        fusion([small], NAMES, tmp_path)
    unseen = FusionVideo("u", 7, good.masks, good.truth)
    with pytest.raises(InputError, match="readable frames"):
        fusion([unseen], NAMES, tmp_path / "u", through="colour")


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path: Path) -> None:
    wild = replace(MIXING_TRAINING, learning_rate=1e30)
    with pytest.raises(InputError, match=r"at step \d+ .* is kept"):
        fusion([video(0)], NAMES, tmp_path, first=wild)
    assert (tmp_path / "mixing" / "last.safetensors").is_file()
    assert THROUGH_TRAINING.batch_size == 1
