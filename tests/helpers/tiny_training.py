"""What tests of training share: images on disk, little work, and a run that is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numba
import numpy as np
import pytest
import torch

LIMITS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""Not numba's own: in this process it must not change once its threads run; programs that a test
starts take it from OMP_NUM_THREADS."""


@pytest.fixture(scope="module", autouse=True)
def little_work() -> Iterator[None]:
    """One thread here and in programs that a test starts, and no curves: import it to use it.

    Threads that share tiny work only wait for each other, beside other programs for long; drawing
    the curves takes longer than a tiny run.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name in LIMITS:
            patch.setenv(name, "1")
        patch.setattr("spectrack.training.loop.run.draw_curves", lambda lines: b"")
        loops = numba.get_num_threads()  # starts numba's threads, which sets torch's count
        before = torch.get_num_threads()
        numba.set_num_threads(1)
        torch.set_num_threads(1)
        yield
        torch.set_num_threads(before)
        numba.set_num_threads(loops)


def write_image(path: Path, image: np.ndarray) -> None:
    """Write a frame (uint8 RGB) or a mask (bool), with the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shown = image[..., ::-1] if image.ndim == 3 else image.astype(np.uint8) * 255
    assert cv2.imwrite(str(path), np.ascontiguousarray(shown))


def kill_when_written(command: list[str], weights: Path, times: int = 1) -> None:
    """Run `spectrack` with these arguments until it has written these weights so many times.

    It dies by SIGKILL at that moment, from its own hand: however slow the machine is, it is the
    same moment.
    """
    program = [sys.executable, __file__, str(weights), str(times), *command]
    here = str(Path(__file__).parent)
    path = os.pathsep.join([here, *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(program, env={**os.environ, "PYTHONPATH": path})
    assert done.returncode == -signal.SIGKILL


def _main(weights: Path, times: int, command: list[str]) -> int:
    from spectrack.cli import main
    from spectrack.training.loop import run

    save, left = run.save_weights, times

    def counted(path: Path, model: torch.nn.Module) -> None:
        nonlocal left
        save(path, model)
        left -= path.resolve() == weights.resolve()
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)

    run.save_weights = counted
    run.draw_curves = lambda lines: b""  # as in little_work
    return main(command)


if __name__ == "__main__":
    sys.exit(_main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]))
