"""Sweeps by rows of taps, and runs of pixels that are left alone, against plain loops."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spectrack.spectral.guided.byte_rows import TAPS
from spectrack.spectral.guided.settings import GUIDED_PRESETS, GuidedSettings, Taps
from spectrack.spectral.guided.stream import guided
from spectrack.spectral.guided.sweeps import sweep
from spectrack.spectral.guided.tiles import (
    RUN,
    TILE,
    SoftPlane,
    rectangles,
    with_slack,
)

HEIGHT, WIDTH = 45, 121
TAU = 0.9


@pytest.fixture
def taps():
    made = Taps(WIDTH, GuidedSettings())
    assert made.in_rows
    return made


def drawn(rng, taps, count=300):
    """Places of active pixels in three frames, weights, and inverse sums."""
    pad, width = taps.pad, taps.padded_width
    shifts = np.array([[0], [2], [-1]])  # and a pixel of doubt beside each
    doubt = rng.integers(0, 2, (2, 3, count)) * (shifts != 0)
    rows = np.clip(rng.integers(0, HEIGHT, count) + shifts + doubt[0], 0, HEIGHT - 1)
    cols = np.clip(rng.integers(0, WIDTH, count) - shifts + doubt[1], 0, WIDTH - 1)
    order = np.argsort(rows[0] * WIDTH + cols[0], kind="stable")
    _, first = np.unique(rows[0][order] * WIDTH + cols[0][order], return_index=True)
    kept = order[first]
    places = ((rows + pad) * width + cols + pad)[:, kept].astype(np.uint32)
    weights = rng.integers(0, 256, (places.shape[1], 3 * TAPS)).astype(np.uint8)
    weights[0] = 0  # a pixel without links
    weights = with_slack(weights.ravel()).reshape(weights.shape)
    total = weights.sum(1, dtype=np.float32)
    inverse = np.where(total > 0, 1 / np.maximum(total, 1), 0).astype(np.float32)
    return places, weights, inverse


def moved(taps, places, weights, inverse, planes, *, flat, in_rows, ahead=True, clip=False):
    """The own plane after a step; planes are own, before, after."""
    own, before, after = planes
    near = []
    for one in places:
        found = np.empty((-(-len(one) // RUN), 4), np.int16)
        rectangles(one, np.ones(len(one), np.float32), taps.padded_width, taps.pad, found)
        near.append(found)
    out = own.copy()
    sweep(
        *places, weights, inverse, taps.own, taps.side, tuple(near),
        before.values, own.values, after.values, (own.ranges, before.ranges, after.ranges),
        ahead, TAU, clip, flat, in_rows, out.values,
    )  # fmt: skip
    return out.values, near


def by_hand(taps, places, weights, inverse, planes, ahead):
    """The same in float64, pixel by pixel."""
    own, before, after = (plane.values.astype(np.float64) for plane in planes)
    out = own.copy()
    for i in range(len(inverse)):
        groups = [(own, places[0][i]), (before, places[1][i]), (after, places[2][i])]
        total = 0.0
        for n, (values, place) in enumerate(groups[: 3 if ahead else 2]):
            row = weights[i, n * TAPS : (n + 1) * TAPS].astype(np.float64)
            total += row @ values[int(place) + taps.own.astype(int)]
        if inverse[i] > 0:
            out[places[0][i]] += TAU * (total * inverse[i] - own[places[0][i]])
    return out


@pytest.mark.parametrize("ahead", [True, False])
@pytest.mark.parametrize("in_rows", [True, False])
def test_a_step_is_its_formula(rng, taps, in_rows, ahead):
    places, weights, inverse = drawn(rng, taps)
    planes = [SoftPlane(rng.random((HEIGHT, WIDTH)).astype(np.float32), taps.pad) for _ in range(3)]
    truth = by_hand(taps, places, weights, inverse, planes, ahead)
    given = {"flat": -1.0, "in_rows": in_rows, "ahead": ahead}
    found, _ = moved(taps, places, weights, inverse, planes, **given)
    np.testing.assert_allclose(found, truth, atol=2e-6)
    cut, _ = moved(taps, places, weights, inverse, planes, **given, clip=True)
    own = places[0]
    np.testing.assert_allclose(cut[own], np.clip(truth[own], 0, 1), atol=2e-6)


@pytest.mark.parametrize("in_rows", [True, False])
def test_runs_stay_exactly_where_their_tiles_are_flat(rng, taps, in_rows):
    places, weights, inverse = drawn(rng, taps, 40_000)
    flat = 0.02
    ramp = np.linspace(0, 1.2, WIDTH, dtype=np.float32)  # flat to the right of its middle
    soft = np.tile(np.minimum(ramp, 0.6), (HEIGHT, 1))
    planes = [SoftPlane(soft, taps.pad) for _ in range(3)]
    found, near = moved(taps, places, weights, inverse, planes, flat=flat, in_rows=in_rows)
    swept, _ = moved(taps, places, weights, inverse, planes, flat=-1.0, in_rows=in_rows)
    stayed = 0
    for run in range(len(near[0])):
        low, high = np.inf, -np.inf
        for n, plane in enumerate(planes):
            top, bottom, left, right = near[n][run].astype(int)
            rows = plane.values.reshape(-1, taps.padded_width)
            tiles = rows[TILE * top : TILE * bottom + TILE, TILE * left : TILE * right + TILE]
            low, high = min(low, tiles.min()), max(high, tiles.max())
        own = places[0][run * RUN : run * RUN + RUN]
        stays = high - low <= flat
        stayed += stays
        expected = planes[0].values if stays else swept
        np.testing.assert_array_equal(found[own], expected[own])
    assert 0 < stayed < len(near[0])
    assert np.abs(found - swept).max() <= 1.01 * TAU * flat


@pytest.mark.parametrize("shape", [(1, 1), (4, 5), (8, 8), (37, 50)])
def test_ranges_are_those_of_tiles(rng, shape):
    plane = SoftPlane(rng.random(shape).astype(np.float32), 4)
    rows = plane.values.reshape(shape[0] + 8, shape[1] + 8)
    for ty, tx in np.ndindex(plane.ranges.shape[:2]):
        tile = rows[TILE * ty : TILE * ty + TILE, TILE * tx : TILE * tx + TILE]
        assert plane.ranges[ty, tx].tolist() == [tile.min(), tile.max()]
    rows[0, 0] = 7.0
    plane.measure(np.array([0], np.uint32))
    assert plane.ranges[0, 0, 1] == 7.0


def test_places_without_weight_do_not_count(taps):
    places = np.full(2 * RUN, 20 * taps.padded_width + 20, np.uint32)
    places[0] = 30 * taps.padded_width + 50
    trust = np.ones(2 * RUN, np.float32)
    trust[0], trust[RUN:] = 0.001, 0.0
    found = np.empty((2, 4), np.int16)
    rectangles(places, trust, taps.padded_width, taps.pad, found)
    assert found[0].tolist() == [16 // TILE, 24 // TILE, 16 // TILE, 24 // TILE]
    assert found[1, 0] > found[1, 1]


def test_leaving_flat_parts_alone_changes_no_mask(rng):
    count, size = 6, (96, 128)
    y, x = np.mgrid[: size[0], : size[1]]
    frames, soft = [], []
    for t in range(count):
        inside = (y - 50) ** 2 + (x - 50 - 3 * t) ** 2 < 24**2
        noise = rng.integers(-12, 12, (*size, 3))
        frames.append(
            np.clip(np.where(inside[..., None], 180, 70) + noise, 0, 255).astype(np.uint8)
        )
        ragged = inside ^ ((rng.random(size) < 0.2) & (np.abs(x - 50 - 3 * t) < 30))
        soft.append(ragged.astype(np.float32))
    shift = np.zeros((*size, 2), np.float32)
    shift[..., 0] = 3
    flows = [(shift, -shift)] * (count - 1)
    settings = GUIDED_PRESETS["colour"]
    exact = guided(frames, np.stack(soft), flows, replace(settings, flat=0.0))
    quick = guided(frames, np.stack(soft), flows, settings)
    assert np.abs(exact - quick).max() < 0.02
    assert ((exact >= 0.5) != (quick >= 0.5)).sum() <= 2
    assert (exact != quick).any()
