"""ATOM with networks so small that a frame takes milliseconds, and a clip to follow."""

from __future__ import annotations

import numpy as np

from spectrack.structures import Box, FrameHWC
from spectrack.trackers.atom.network import ATOM
from thin import randomise, thin_resnet

BOX = Box(50, 40, 30, 24)
SMALL = {"side": 96, "maps": 8, "device": "cpu"}
"""Settings that go with it."""


def thin_atom() -> ATOM:
    """Random weights."""
    return randomise(ATOM(thin_resnet(), maps=8))


def clip(count: int, rival: bool = False) -> list[FrameHWC]:
    """A textured thing that moves over noise, from ``BOX``; and, if wanted, another like it."""
    rng = np.random.default_rng(3)
    ground = rng.integers(80, 140, (120, 160, 3))
    thing = rng.integers(0, 2, (6, 5, 3)).repeat(4, 0).repeat(6, 1) * 220
    frames = []
    for t in range(count):
        frame = ground.copy()
        if rival:
            frame[70:94, 95 - t : 125 - t] = thing * 0.9 + 10
        x, y = round(50 + 1.6 * t), round(40 + 0.7 * t)
        frame[y : y + 24, x : x + 30] = thing
        frames.append(frame.astype(np.uint8))
    return frames
