"""Networks against the golden arrays: every number, and every parameter by name and shape."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from golden import Golden
from golden_arrays import FILES
from spectrack.networks.sta import sta
from spectrack.trackers.lwl.network import lwl
from spectrack.trackers.rts.network import rts50


@pytest.mark.parametrize("part", FILES)
def test_every_golden_array_is_met(golden: Golden, part: str):
    file, compute = FILES[part]
    seen = set()
    with torch.no_grad():
        for key, value in compute(golden):
            golden.compare(file, key, value, tolerance=2e-5)
            seen.add(key)
    listed = {key for key in golden.keys(file) if file != "geometry" or key.startswith("prroi.")}
    assert seen == listed


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("rts50", rts50),
        ("sta", sta),
        ("lwl_stage2", lwl),
        ("lwl_boxinit", lambda: lwl(box_start=True)),
    ],
)
def test_parameters_match_by_name_and_shape(
    golden: Golden, name: str, make: Callable[[], nn.Module]
):
    with torch.device("meta"):
        state = make().state_dict()
    assert {key: tuple(value.shape) for key, value in state.items()} == golden.parameters(name)
