"""Settings of RTS, and where its network comes from."""

import numpy as np
import pytest
import torch

from spectrack.errors import InputError
from spectrack.structures import Box, Target
from spectrack.trackers.rts.settings import RTSSettings
from spectrack.trackers.rts.tracker import RTSTracker
from spectrack.tracking.table import make_tracker
from thin import randomise
from thin_trackers import SMALL, one_thread, thin_rts  # noqa: F401 (a fixture)

ALWAYS = -1e9
"""A threshold with which the instance branch has found its target."""


def _tracker(**settings):
    return RTSTracker(RTSSettings(**{**SMALL, **settings}), thin_rts())


def _follow(tracker, frames):
    box = Box(40, 20, 30, 24)
    target = Target(box, box.fill((128, 80)))
    return [tracker.init(frames[0], target), *(tracker.update(frame) for frame in frames[1:])]


@pytest.fixture
def frames(rng):
    return rng.integers(0, 256, (3, 80, 128, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"variant": "new"}, "published or paper"),
        ({"memory": 1}, "memory is 1; give 2"),
        ({"memory": 0}, "memory is 0"),
        ({"instance_memory": 5}, "give more than 5"),
        ({"rate": 1.0}, "below 1"),
        ({"instance_rate": 0.0}, "instance_rate"),
        ({"share": 1.0}, "share is 1.0"),
        ({"slowest": 1.5}, "slowest is 1.5"),
        ({"fastest": 0.5}, "fastest 0.5"),
        ({"search": -1.0}, "search is -1.0"),
        ({"deviations": float("nan")}, "deviations is nan"),
        ({"height": 100}, "multiple of 32"),
        ({"width": -32}, "width is -32"),
        ({"every": 0}, "every is 0"),
        ({"early": -1}, "early is -1"),
        ({"steps": -1}, "steps is -1"),
        ({"instance_steps": -1}, "instance_steps is -1"),
        ({"area": -1.0}, "area is -1.0"),
        ({"label": -1.0}, "label is -1.0"),
        ({"presence": float("nan")}, "presence is nan"),
    ],
)
def test_settings_out_of_range_are_told(settings, told):
    with pytest.raises(InputError, match=told):
        RTSSettings(**settings)


def test_devices_that_are_not_there_are_told():
    with pytest.raises(InputError, match="give auto, cpu, cuda or cuda:N"):
        _tracker(device="tpu")
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match="0 GPUs are there"):
            _tracker(device="cuda")


def test_weights_that_are_not_there_or_of_another_network_are_told(tmp_path, monkeypatch):
    monkeypatch.setenv("SPECTRACK_CACHE", str(tmp_path))
    with pytest.raises(InputError, match="spectrack weights pull rts50"):
        make_tracker("rts")
    with pytest.raises(InputError, match="spectrack weights pull lwl_boxinit"):
        make_tracker("lwl-box")
    with pytest.raises(InputError, match="do not exist"):
        make_tracker("rts", weights="no/such/file.pth")
    with pytest.raises(InputError, match="give weights of RTS"):
        make_tracker("rts", weights="sta")


def test_zeros_stand_for_what_goes_with_the_weights():
    published = RTSSettings().complete({})
    assert (published.height, published.width, published.search) == (480, 832, 6)
    assert published.label == 0.25
    own = RTSSettings(width=96).complete({"height": 64, "width": 320, "label": 0.3})
    assert (own.height, own.width, own.search, own.label) == (64, 96, 6, 0.3)
    assert isinstance(own.height, int)


def test_weights_come_from_a_file_that_says_what_it_is_of(tmp_path, frames):
    from spectrack.weights.described import make_network, save_described

    described = {
        "kind": "rts",
        "backbone": {"block": "basic", "depths": [1] * 4, "widths": [8, 8, 16, 16], "stem": 8},
        "features": 12,
        "encoding": 4,
        "decoder_maps": 8,
    }
    network = randomise(make_network(described))
    file = tmp_path / "thin.safetensors"
    samples = {"size_wh": [96, 64], "search": 4.0, "label": 0.36}
    save_described(file, network, described, {"samples": samples})
    loaded = make_tracker("rts", weights=str(file), presence=ALWAYS, device="cpu")
    settings = loaded.settings
    assert (settings.height, settings.width) == (64, 96)
    assert (settings.search, settings.label) == (4, 0.36)
    again = RTSTracker(settings, network)
    for a, b in zip(_follow(loaded, frames), _follow(again, frames), strict=True):
        assert np.array_equal(a.mask, b.mask)
    with pytest.raises(InputError, match="give weights of LWL"):
        make_tracker("lwl", weights=str(file))


def test_weights_come_from_a_file_of_a_network_in_the_table(tmp_path, monkeypatch, frames):
    from spectrack.weights.files import write_weights
    from spectrack.weights.table import WEIGHTS, WeightsEntry

    file = tmp_path / "thin.safetensors"
    write_weights(file, thin_rts().state_dict(), {})
    entry = WeightsEntry(
        description="thin",
        file="thin.safetensors",
        paper="none",
        licence="none",
        networks={"": "thin_trackers:thin_rts"},
    )
    monkeypatch.setitem(WEIGHTS, "thin", entry)
    loaded = make_tracker("rts", weights=str(file), presence=ALWAYS, **SMALL)
    expected = _follow(_tracker(presence=ALWAYS), frames)
    for a, b in zip(_follow(loaded, frames), expected, strict=True):
        assert a.mask == pytest.approx(b.mask, abs=1e-6)
