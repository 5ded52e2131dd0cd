"""What tests of the training commands share: images on disk, and a run that is killed."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np


def write_image(path: Path, image: np.ndarray) -> None:
    """Write a frame (uint8 RGB) or a mask (bool), with the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shown = image[..., ::-1] if image.ndim == 3 else image.astype(np.uint8) * 255
    assert cv2.imwrite(str(path), np.ascontiguousarray(shown))


def kill_when_there(command: list[str], file: Path, seconds: float = 300) -> None:
    """Run `spectrack` with these arguments and kill it as soon as a file is there."""
    process = subprocess.Popen([sys.executable, "-m", "spectrack", *command])
    until = time.monotonic() + seconds
    while not file.exists() and time.monotonic() < until:
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
