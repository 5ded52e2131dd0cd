"""Faded videos: size, colours and truth against plain arithmetic."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from spectrack.datasets.base import Dataset, VideoSequence
from spectrack.datasets.synthetic.faded import Faded
from spectrack.errors import InputError
from spectrack.structures import HardHW
from spectrack.video.frames import ArrayFrames

HEIGHT, WIDTH, SIDE = 192, 256, 64


def made(read_mask: Callable[[int], HardHW | None]) -> Dataset:
    """Three frames, left half red, right half blue."""
    frames = np.zeros((3, HEIGHT, WIDTH, 3), dtype=np.uint8)
    frames[:, :, : WIDTH // 2, 0] = 200
    frames[:, :, WIDTH // 2 :, 2] = 200
    stems = ("00000", "00001", "00002")
    return Dataset("made", [VideoSequence("one", stems, lambda: ArrayFrames(frames), read_mask)])


def square(index: int) -> HardHW | None:
    """A square of 64 pixels that moves by four pixels a frame; nothing in the last frame."""
    if index == 2:
        return None
    mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
    mask[32 : 32 + SIDE, 40 + 4 * index : 40 + 4 * index + SIDE] = True
    return mask


def test_frames_and_truth_shrink_by_the_same_factor() -> None:
    faded = Faded(made(square), side=16, grey=False, quality=100)["one"]
    with faded.frames() as frames:
        assert frames.size_wh == (WIDTH // 4, HEIGHT // 4)
        first = frames[0]
    # Halves of one colour stay so: the area filter averages blocks of 4 x 4.
    assert (first[:, : WIDTH // 8] == (200, 0, 0)).all()
    assert (first[:, WIDTH // 8 :] == (0, 0, 200)).all()
    for index in (0, 1):
        mask, large = faded.truth_mask(index), square(index)
        assert mask is not None
        assert large is not None
        blocks = large.reshape(HEIGHT // 4, 4, WIDTH // 4, 4).mean(axis=(1, 3))
        assert (mask == (blocks >= 0.5)).all()
    assert faded.truth_mask(2) is None
    assert tuple(faded.target().box) == (10, 8, 16, 16)


def test_grey_is_the_luma_of_the_colours_and_jpeg_leaves_marks() -> None:
    with Faded(made(square), side=16, quality=100)["one"].frames() as frames:
        plain = frames[0]
    assert (plain == plain[..., :1]).all()
    assert plain[0, 0, 0] == round(0.299 * 200)
    assert plain[0, -1, 0] == round(0.114 * 200)
    with Faded(made(square), side=16, quality=20)["one"].frames() as frames:
        marked = frames[0]
    difference = np.abs(marked.astype(int) - plain)
    assert 0 < difference.max() < 40


def test_small_targets_are_not_enlarged_and_frames_keep_48_rows() -> None:
    with Faded(made(square), side=100)["one"].frames() as frames:
        assert frames.size_wh == (WIDTH, HEIGHT)
    with Faded(made(square), side=4)["one"].frames() as frames:
        assert frames.size_wh == (64, 48)


@pytest.mark.parametrize("arguments", [{"side": 3}, {"side": float("nan")}, {"quality": 0}])
def test_what_cannot_be_made_is_refused(arguments: dict[str, float]) -> None:
    with pytest.raises(InputError, match=r"(were|was) asked for"):
        Faded(made(square), **arguments)  # type: ignore[arg-type]
