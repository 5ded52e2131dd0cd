"""What a frame costs a tracker, part by part: what the scripts of several families share.

Parts are methods of a tracker, told by where they lie in it; each is timed while the tracker
follows a target, and ``rest`` is the whole frame without them. Or they are functions, each timed by
itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import cv2
import numpy as np
import torch
from torch import nn

from spectrack.structures import Box, FrameHWC
from spectrack.tracking.base import Tracker
from spectrack.tracking.table import TRACKERS, settings_of
from spectrack.weights.table import WEIGHTS

BOX = Box(380, 200, 96, 72)
BUSY = "Other programs ran on the same cores: only the processor time is told."


@dataclass
class Times:
    """Milliseconds of a part, a number for every frame."""

    wall: list[float] = field(default_factory=list)
    work: list[float] = field(default_factory=list)

    def next_frame(self) -> None:
        """Begin the sum of another frame."""
        self.wall.append(0.0)
        self.work.append(0.0)

    def timed(self, run: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, added to the sum of the frame."""

        def call(*args: Any, **named: Any) -> Any:
            wall, work = time.perf_counter(), time.process_time()
            out = run(*args, **named)
            self.wall[-1] += 1e3 * (time.perf_counter() - wall)
            self.work[-1] += 1e3 * (time.process_time() - work)
            return out

        return call


def least_times(run: Callable[[], Any], device: torch.device, repeats: int) -> tuple[float, float]:
    """Least wall and processor time in milliseconds, after a run that is not counted."""
    run()
    walls, work = [], []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        run()
        if device.type == "cuda":
            torch.cuda.synchronize()
        walls.append(time.perf_counter() - wall)
        work.append(time.process_time() - cpu)
    return 1e3 * min(walls), 1e3 * min(work)


def generated(network: nn.Module) -> nn.Module:
    """Filters that keep the scale of their input; normalisations and biases stay as made."""
    chance = torch.Generator().manual_seed(0)
    for value in network.state_dict().values():
        if value.ndim > 1:
            noise = torch.randn(value.shape, generator=chance)
            value.copy_(noise * (1.0 / value[0].numel()) ** 0.5)
    return network.eval()


def tracker_of(
    name: str, given: Mapping[str, Any], more: Iterable[str] = ()
) -> tuple[Tracker, int]:
    """A tracker with the whole network of its weights, and how many numbers that has.

    Args:
        name: Of the tracker.
        given: Settings.
        more: Weights of further networks that it is given, by name.
    """
    entry = TRACKERS[name]
    settings = settings_of(name, **({"device": "cpu"} | dict(given)))
    weights = getattr(settings, "named_weights", None) or settings.weights
    networks = []
    for one in (weights, *more):
        network = WEIGHTS[one].build()
        if network is None:
            raise SystemExit(f"weights {one} have no network")
        networks.append(generated(network))
    tracker: Tracker = entry.load()(settings, *networks)
    return tracker, sum(p.numel() for network in networks for p in network.parameters())


def clip(frames: int) -> list[FrameHWC]:
    """Smooth noise of 854x480 that moves a little."""
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (32, 56, 3), dtype=np.uint8)
    large = cv2.resize(small, (900, 500), interpolation=cv2.INTER_CUBIC)
    steps = [(abs(t % 20 - 10), 2 * abs(t % 40 - 20)) for t in range(frames)]
    return [np.ascontiguousarray(large[y : y + 480, x : x + 854]) for y, x in steps]


def time_parts(tracker: Tracker, parts: Mapping[str, str], times: Mapping[str, Times]) -> None:
    """Have every part of a tracker that was started add to its times.

    Args:
        tracker: Changed in place.
        parts: Name to where the method lies in the tracker, such as ``_network.extract``.
        times: By name.
    """
    for part, place in parts.items():
        *way, method = place.split(".")
        owner = reduce(getattr, way, tracker)
        setattr(owner, method, times[part].timed(getattr(owner, method)))
