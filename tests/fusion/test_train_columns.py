"""Columns of a frame: the loss over them is the loss over the frame."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from spectrack.fusion.train_columns import FrameColumns, collate, column_loss, frame_columns
from spectrack.spectral.mixing.learned import LearnedMixing
from spectrack.spectral.mixing.settings import MixingSettings
from spectrack.training.losses import focal_dice

START = MixingSettings(names=("a", "b", "c"), weights=(3.0, 2.0, 1.0), bias=-2.5, agreement=1.0)


def frames(soft: bool, count: int = 4, size: tuple[int, int] = (40, 60)):
    rng = np.random.default_rng(5)
    truth = np.zeros((count, *size), bool)
    truth[:, 10:30, 15:40] = True
    maps = truth[:, None] ^ (rng.random((count, 3, *size)) < 0.15)
    values = maps * (rng.integers(100, 256, maps.shape) if soft else 255)
    present = np.array([[True, True, True]] * (count - 1) + [[True, False, True]])
    return values.astype(np.uint8), present, truth, rng.random((count, 3)).astype(np.float32)


def losses(soft: bool, drawn: int = 4096) -> tuple[torch.Tensor, torch.Tensor]:
    maps, present, truth, agreement = frames(soft)
    columns = [
        FrameColumns(*frame_columns(*frame, seed=t, drawn=drawn), agreement[t], frame[1])
        for t, frame in enumerate(zip(maps, present, truth, strict=True))
    ]
    model, whole = LearnedMixing(START), LearnedMixing(START)
    column_loss(model, collate(columns)).backward()
    seen = np.where(present[..., None, None], maps, 0)
    mixed, _ = whole(
        torch.from_numpy(seen).float() / 255,
        torch.from_numpy(agreement),
        torch.from_numpy(present),
    )
    focal_dice(mixed, torch.from_numpy(truth).float(), reduction="mean").backward()
    gradients = [
        torch.cat([p.grad.reshape(-1) for p in m.parameters() if p.grad is not None])
        for m in (model, whole)
    ]
    return gradients[0], gradients[1]


def test_hard_channels_give_the_exact_loss_gradient() -> None:
    ours, whole = losses(soft=False)
    torch.testing.assert_close(ours, whole, rtol=1e-4, atol=1e-6)


def test_all_pixels_drawn_is_exact_too() -> None:
    ours, whole = losses(soft=True, drawn=4 * 2400)
    torch.testing.assert_close(ours, whole, rtol=1e-4, atol=1e-6)


def test_drawn_pixels_are_right_on_average() -> None:
    maps, present, truth, _ = frames(soft=True, count=2)
    sums = []
    for seed in range(200):
        columns, count, inside = frame_columns(maps[0], present[0], truth[0], seed, drawn=400)
        assert len(count) <= 400
        assert count.sum() == pytest.approx(truth[0].size, rel=1e-5)
        assert inside.sum() == pytest.approx(truth[0].sum(), rel=1e-5)
        sums.append((columns[:, 1] * count).sum())
    assert np.mean(sums) == pytest.approx(maps[0, 1].sum(dtype=float), rel=0.01)


def test_missing_channels_are_read_as_empty() -> None:
    maps, present, truth, _ = frames(soft=False)
    columns, count, inside = frame_columns(maps[-1], present[-1], truth[-1])
    assert not columns[:, 1].any()
    assert count.sum() == truth[-1].size
    assert inside.sum() == truth[-1].sum()
    assert len(columns) == len(np.unique(columns, axis=0)) == 4


def test_agreement_of_many_frames_uses_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads that wait for each other beside busy programs took 482 s instead of 8."""
    import numba

    from spectrack.fusion import train_videos
    from spectrack.spectral.mixing.mixing import agreement

    seen = []

    def counted(bytes_chw: np.ndarray, present_c: np.ndarray) -> np.ndarray:
        seen.append(numba.get_num_threads())
        return agreement(bytes_chw, present_c)

    monkeypatch.setattr(train_videos, "agreement", counted)
    before = numba.get_num_threads()
    maps, present, truth, _ = frames(soft=False)
    video = train_videos.FusionVideo(
        "v", len(maps), lambda t: (maps[t], present[t]), lambda t: truth[t]
    )
    columns = train_videos.video_columns(video, reach=0)
    assert seen == [1] * len(maps)
    assert numba.get_num_threads() == before
    for t, frame in enumerate(columns, 1):
        expected = np.where(present[t], agreement(maps[t], present[t]), 0).astype(np.float32)
        np.testing.assert_array_equal(frame.agreement_c, expected)
