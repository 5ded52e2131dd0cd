"""Siamese tracking online against golden arrays of the authors' statements (NanoTrack)."""

from __future__ import annotations

import numpy as np
import pytest

from siamese_golden import BOX_A, frames_ab, golden_frame, met, siamese_golden
from spectrack.errors import InputError
from spectrack.structures import Box
from spectrack.tracking.siamese import (
    Candidates,
    Following,
    Place,
    Rules,
    choose,
    context_side,
    cosine_window,
    crop,
    ratio_change,
    size_change,
)

V2, V3 = Rules(0.150, 0.490, 0.385), Rules(0.138, 0.455, 0.348)


def following(frame, box, rules=V2, cells=16):
    return Following(frame, Box(*map(float, box)), rules, cosine_window(cells).ravel(), 127, 255)


@pytest.mark.parametrize("number", range(4))
def test_crops_are_the_golden_ones(number):
    """Inside, over three rims, and with a target nearly as large as the frame."""
    golden = siamese_golden("nanotrack_crop")
    frame = golden_frame(160, 120)
    followed = following(frame, golden[f"box{number}"])
    place = followed.place
    met("nanotrack_crop", f"center{number}", (place.cx, place.cy))
    template, search = followed.cut_template(frame), followed.cut_search(frame)
    met("nanotrack_crop", f"z{number}", template)
    met("nanotrack_crop", f"x{number}_sub", search[::3, ::3])
    met("nanotrack_crop", f"x{number}_sum", search.reshape(-1, 3).sum(0))
    side = float(context_side(place.w, place.h))
    met("nanotrack_crop", f"sides{number}", [round(side), round(side * (255 / 127))])


def test_crops_of_the_golden_pair():
    first, second = frames_ab()
    met("nanotrack_net", "frameA_sum", first.reshape(-1, 3).sum(0))
    followed = following(first, BOX_A)
    met("nanotrack_net", "z_crop", followed.cut_template(first))
    met("nanotrack_net", "x_crop", followed.cut_search(second))


def test_a_crop_beside_the_frame_is_all_filling(rng):
    frame = rng.integers(0, 256, (20, 30, 3), np.uint8)
    for start in ((-50, 3), (3, -50), (40, 3), (3, 40), (-9, -9)):
        square = crop(frame, start, 9, 9, (1, 2, 3))
        np.testing.assert_array_equal(square, np.full((9, 9, 3), (1, 2, 3), np.uint8))
    np.testing.assert_array_equal(crop(frame, (2, 5), 9, 9, (0, 0, 0)), frame[5:14, 2:11])
    half = crop(frame, (-4, 5), 9, 9, (7, 7, 7))
    assert (half[:, :4] == 7).all()
    np.testing.assert_array_equal(half[:, 4:], frame[5:14, :5])


@pytest.mark.parametrize("version", ["v1", "v2", "v3"])
def test_the_step_on_the_golden_pair(version):
    golden, net = siamese_golden("nanotrack_step"), siamese_golden("nanotrack_net")
    cls, loc = net[f"{version}_cls"], net[f"{version}_loc"]
    score = np.exp(cls[1] - cls.max(0)) / np.exp(cls - cls.max(0)).sum(0)
    found = Candidates.of_sides(score.astype(np.float32), loc, 16)
    n = len(score)
    for name in ("score", "cx", "cy", "w", "h"):
        met("nanotrack_step", f"{version}_{name}", getattr(found, name), rtol=1e-5, atol=2e-5)
    window = cosine_window(n)
    met("nanotrack_step", f"{version}_window", window)
    first, second = frames_ab()
    rules = {"v1": Rules(0.148, 0.462, 0.390), "v2": V2, "v3": V3}[version]
    followed = following(first, BOX_A, rules, n)
    followed.cut_search(second)
    check_step(golden, version, followed, found, window, rules, (64, 44))


@pytest.mark.parametrize("case", ["f16a", "f16b", "f16c", "f15a", "f15b", "f15c"])
def test_the_step_by_formula_and_its_clips(case):
    golden = siamese_golden("nanotrack_step")
    n = int(case[1:3])
    rules = V2 if n == 16 else V3
    i, j = np.mgrid[0:n, 0:n]
    cls = np.stack([((37 * c + 11 * i + 7 * j + i * j % 5) % 23) / 4 - 2.5 for c in range(2)])
    loc = np.stack([8 + (13 * k + 5 * i + 3 * j + i * j) % 41 for k in range(4)])
    score = 1 / (1 + np.exp(cls[0] - cls[1]))
    found = Candidates.of_sides(score.astype(np.float32), loc.astype(np.float32), 16)
    met("nanotrack_step", f"{case}_score", found.score, rtol=1e-6)
    followed = following(np.zeros((240, 320, 3), np.uint8), (9, 9, 9, 9), rules, n)
    state = golden[f"{case}_state"]
    followed.place = Place(*state)
    followed.scale = 127 / float(context_side(*state[2:]))
    check_step(golden, case, followed, found, cosine_window(n), rules, state[2:])


def check_step(golden, key, followed, found, window, rules, size):
    met("nanotrack_step", f"{key}_scale_z", followed.scale, rtol=1e-12)
    scale = golden[f"{key}_scale_z"]
    size_wh = size[0] * float(scale), size[1] * float(scale)
    choice = choose(found, size_wh, rules, window.ravel())
    for name, value in (
        ("s_c", size_change(found.w, found.h, size_wh)),
        ("r_c", ratio_change(found.w, found.h, size_wh)),
        ("penalty", choice.penalty),
        ("pscore", choice.blended),
    ):
        met("nanotrack_step", f"{key}_{name}", value, rtol=1e-5, atol=1e-6)
    met("nanotrack_step", f"{key}_best", choice.best)
    rate = choice.penalty[choice.best] * found.score[choice.best] * rules.rate
    met("nanotrack_step", f"{key}_lr", rate, rtol=1e-6)
    box, score = followed.follow(found)
    place = followed.place
    met("nanotrack_step", f"{key}_center", (place.cx, place.cy), atol=1e-4)
    met("nanotrack_step", f"{key}_size", (place.w, place.h), atol=1e-4)
    met("nanotrack_step", f"{key}_box", list(box), atol=1e-4)
    met("nanotrack_step", f"{key}_best_score", score, atol=1e-6)


def test_an_immense_box_takes_no_immense_crop():
    frame = np.zeros((20, 30, 3), np.uint8)
    followed = following(frame, (-1e7, -1e7, 2e7, 2e7))
    assert (followed.place.w, followed.place.h) == (30, 20)
    assert followed.cut_search(frame).shape == (255, 255, 3)


@pytest.mark.parametrize(
    ("rules", "told"),
    [((-1, 0.4, 0.3), "penalty"), ((1, 1.4, 0.3), "window"), ((1, 0.4, float("nan")), "rate")],
)
def test_rules_that_cannot_be_are_told(rules, told):
    with pytest.raises(InputError, match=f"{told} is"):
        Rules(*rules)
