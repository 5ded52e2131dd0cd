"""A studio whose processes are lists: what it asks is taken down, and a test answers."""

from __future__ import annotations

from concurrent.futures import Future

import numpy as np

from spectrack.app.session import About, Session
from spectrack.app.studio import Studio
from spectrack.structures import Mask

SIZE, LENGTH = (24, 16), 6


class FakeLink:
    """Takes jobs down; a test answers them."""

    def __init__(self, *_):
        self.jobs, self.futures = [], []

    def ask(self, job):
        self.jobs.append(job)
        self.futures.append(Future())
        return len(self.jobs), self.futures[-1]

    def close(self):
        pass


def fake_studio(folder):
    """A studio of a new session in a folder."""
    about = About(folder / "v.mp4", SIZE, LENGTH, 24.0, tuple(f"{i:05d}" for i in range(LENGTH)))
    made = Studio(Session.create(folder / "s", about), lambda call: call(), "flow")
    made._runner, made._clicks, made._writer = FakeLink(), FakeLink(), FakeLink()
    return made


def mask_at(x, y):
    hard = np.zeros(SIZE[::-1], bool)
    hard[y : y + 4, x : x + 4] = True
    return Mask.encode(hard)
