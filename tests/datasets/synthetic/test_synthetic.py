"""The synthetic pond: exact, deterministic, any length, and worth following."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from spectrack.datasets.synthetic.pond import RAMP, Pond
from spectrack.datasets.synthetic.scene import iterate_clip, long_sequence, make_clip
from spectrack.datasets.synthetic.sprites import Koi, koi_skin, periodic_noise
from spectrack.errors import InputError

SMALL = (160, 90)


@pytest.fixture(scope="module")
def clip():
    return make_clip(60, SMALL, seed=3)


def test_shapes_and_types(clip):
    assert clip.frames_thwc.shape == (60, 90, 160, 3)
    assert clip.frames_thwc.dtype == np.uint8
    assert clip.masks_thw.shape == (60, 90, 160)
    assert clip.masks_thw.dtype == bool
    assert clip.size_wh == SMALL
    assert len(clip) == 60


def test_same_seed_same_clip_other_seed_other_clip(clip):
    again, other = make_clip(4, SMALL, seed=3), make_clip(4, SMALL, seed=4)
    np.testing.assert_array_equal(again.frames_thwc, clip.frames_thwc[:4])
    np.testing.assert_array_equal(again.masks_thw, clip.masks_thw[:4])
    assert (other.masks_thw != again.masks_thw).any()


def test_any_frame_at_random_equals_the_stream(clip):
    pond = Pond(SMALL, seed=3)
    for time in (41, 7):
        frame, mask = pond.render(time)
        np.testing.assert_array_equal(frame, clip.frames_thwc[time])
        np.testing.assert_array_equal(mask, clip.masks_thw[time])


@pytest.mark.parametrize("seed", range(4))
def test_target_is_always_there_and_partly_hidden_for_a_while(seed):
    areas = [int(mask.sum()) for _, mask in iterate_clip(60, SMALL, seed)]
    assert min(areas) > 100
    assert min(areas) < 0.75 * areas[0]
    assert areas[-1] > 0.75 * areas[0]


def test_mask_is_the_target_exactly(rng):
    """Painted white on black, the pixels from half brightness on are the mask."""
    skin = np.full((64, 192, 3), 255, np.float32)
    fish = Koi(skin, 60, 1 / 20, 0.0)
    canvas = np.zeros((80, 100, 3), np.float32)
    mask = fish.draw(canvas, (50.0, 40.0, 0.3, 1.0), 5.0, 0.1)
    painted = canvas.max(axis=2)
    assert mask.any()
    assert (painted[~mask] < 128).all()
    assert np.mean(painted[mask] > 90) > 0.98  # the eyes and rays are dark
    assert not mask[:, 85:].any()
    assert koi_skin(rng, 0.5).shape == skin.shape


def test_target_moves_deforms_and_differs_from_its_floor(clip):
    centres = np.array([np.argwhere(m).mean(axis=0) for m in clip.masks_thw])
    assert np.ptp(centres, axis=0).max() > 8
    gone = clip.masks_thw[0] & ~clip.masks_thw[30]
    assert gone.sum() > 0.3 * clip.masks_thw[0].sum()
    inside = clip.frames_thwc[0][clip.masks_thw[0]].astype(float)
    assert inside.std(axis=0).min() > 20  # textured, not a flat sprite


def test_background_moves(clip):
    corner = clip.frames_thwc[:2, :30, :30].astype(int)
    assert np.abs(corner[0] - corner[1]).mean() > 8


def test_occlusions_and_exits_hide_all_of_the_target():
    hidden, away = (60, 75), (170, 185)
    times = [10, *range(*hidden), 75 + RAMP, 120, *range(*away), 187 + RAMP]
    pond = Pond((97, 65), 1, occlusions=[hidden], exits=[away])
    free = Pond((97, 65), 1)
    for time in times:
        mask = pond.render(time)[1]
        if hidden[0] <= time < hidden[1] or away[0] <= time < away[1]:
            assert not mask.any(), time
        else:
            np.testing.assert_array_equal(mask, free.render(time)[1])


def test_far_frames_are_as_good_as_near_ones():
    """No drift out of view, no loss of precision, after an hour of video."""
    pond = Pond((64, 48), 0)
    frames = [pond.render(t) for t in range(100_000, 100_120, 7)]
    assert all(mask.any() for _, mask in frames)
    means = [frame.mean() for frame, _ in frames]
    assert np.ptp(means) < 40


def test_stream_is_lazy_and_endless():
    clip = iterate_clip(None, (33, 47))
    shapes = {(f.shape, m.shape) for f, m in islice(clip, 3)}
    assert shapes == {((47, 33, 3), (47, 33))}


def test_noise_tiles_without_a_seam(rng):
    noise = periodic_noise(rng, (64, 48), 1.8)
    inner = np.abs(np.diff(noise, axis=1)).mean()
    seam = np.abs(noise[:, 0] - noise[:, -1]).mean()
    assert seam < 1.6 * inner
    assert abs(noise.mean()) < 1e-5
    assert noise.std() == pytest.approx(1, rel=1e-4)


def test_clip_as_a_sequence(clip):
    sequence = clip.sequence("koi")
    assert sequence.name == "koi"
    assert len(sequence) == 60
    with sequence.frames() as frames:
        assert frames.size_wh == SMALL
        np.testing.assert_array_equal(next(iter(frames)), clip.frames_thwc[0])
    assert sequence.target().box == clip.boxes[0]
    assert sequence.target().mask is None
    np.testing.assert_array_equal(sequence.target(give_mask=True).mask, clip.target.mask)


def test_long_sequences_are_rendered_when_asked(clip):
    sequence = long_sequence(100_000, SMALL, seed=3, occlusions=[(50_000, 60_000)])
    with sequence.frames() as frames:
        assert len(frames) == len(sequence) == 100_000
        assert frames.stems[-1] == sequence.stems[-1] == "99999"
        np.testing.assert_array_equal(frames[5], clip.frames_thwc[5])
        np.testing.assert_array_equal(next(iter(frames)), clip.frames_thwc[0])
    np.testing.assert_array_equal(sequence.truth_mask(5), clip.masks_thw[5])
    assert sequence.truth_box(55_555) is None
    with pytest.raises(InputError, match="at least 1"):
        long_sequence(0, SMALL)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size_wh": (20, 90)}, "32x32"),
        ({"frames": 0}, "at least 1"),
        ({"occlusions": [(50, 50)]}, "empty"),
        ({"exits": [(5, 50)]}, "starts less than"),
        ({"occlusions": [(50, 60)], "exits": [(100, 110)]}, "starts less than"),
    ],
)
def test_refuses(options, message):
    with pytest.raises(InputError, match=message):
        make_clip(**{"frames": 2, "size_wh": (64, 48), **options})


def test_frames_count_from_zero():
    with pytest.raises(InputError, match="count from 0"):
        Pond((64, 48)).render(-1)
