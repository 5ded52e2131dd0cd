"""Limits on threads hold in every library; loops on several threads give what one gives."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

SCRIPT = """
import numpy as np, torch
before = torch.get_num_threads()
from spectrack.spectral.sfseg.kernels.threads import thread_count
from spectrack.spectral.mixing.mixing import agreement
agreement(np.zeros((3, 50, 50), np.uint8), np.ones(3, bool))  # a compiled parallel loop
print(before, torch.get_num_threads(), thread_count())
"""


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"OMP_NUM_THREADS": "1"}, ["1", "1", "1"]),
        ({"OMP_NUM_THREADS": "1,2"}, ["1", "1", "1"]),
        ({"NUMBA_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}, ["1", "1", "1"]),
    ],
)
def test_a_compiled_loop_leaves_torch_its_limit(limits: dict[str, str], expected: list[str]):
    names = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "MKL_NUM_THREADS")
    clean = {name: value for name, value in os.environ.items() if name not in names}
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**clean, **limits},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.split() == expected


FUSE = """
import sys
import numba, numpy as np
from spectrack.fusion.stream import fuse_video
from spectrack.spectral.mixing.settings import MixingSettings
from spectrack.video.reader import ArrayFrames
from spectrack.video.given_masks import ArrayMasks

rng = np.random.default_rng(5)
frames = rng.integers(0, 255, (6, 60, 90, 3), np.uint8)
truth = np.zeros((6, 60, 90), bool)
truth[:, 15:45, 20:60] = True
channels = [ArrayMasks(truth ^ (rng.random(truth.shape) < 0.1 * k)) for k in (1, 2, 3)]
track = fuse_video(ArrayFrames(frames), channels, MixingSettings.robust(list("abc")))
np.savez(sys.argv[1], masks=track.masks_thw(), doubt=track.info["doubt"])
print(numba.get_num_threads())
"""


def test_compiled_loops_on_three_threads_give_what_they_give_here(tmp_path, monkeypatch):
    """Mixing, the guided filter and doubt; tests that run side by side have one thread each."""
    files = [str(tmp_path / f"{name}.npz") for name in ("here", "three")]
    monkeypatch.setattr(sys, "argv", ["fuse", files[0]])
    exec(FUSE, {})
    ran = subprocess.run(
        [sys.executable, "-c", FUSE, files[1]],
        env={**os.environ, "OMP_NUM_THREADS": "3", "NUMBA_NUM_THREADS": "3"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.split() == ["3"]
    here, three = map(np.load, files)
    assert here["masks"].any()
    assert (here["masks"] != three["masks"]).mean() < 1e-3
    np.testing.assert_allclose(three["doubt"], here["doubt"], rtol=1e-3, atol=1e-3)
