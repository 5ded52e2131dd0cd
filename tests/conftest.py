"""Fixtures shared by all tests: where the real data lies, and small made-up clips."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import numpy as np
import pytest

from golden import golden  # noqa: F401 (a fixture)

if TYPE_CHECKING:
    from spectrack.datasets.synthetic.scene import SyntheticClip

ROOT = Path(__file__).resolve().parents[1]

# Without a GPU its kernels run in Triton's interpreter; it must be told before anything imports it.
if shutil.which("nvidia-smi") is None:
    os.environ.setdefault("TRITON_INTERPRET", "1")


def pytest_configure(config: pytest.Config) -> None:
    """Tests that run side by side, and the programs they start, have one thread each.

    More threads than processors wait for each other, and burn time in doing so.
    """
    if getattr(config.option, "numprocesses", None):
        os.environ.setdefault("OMP_NUM_THREADS", "1")
    # How long an example takes depends on what else the machine does, and proves nothing.
    slow = [hypothesis.HealthCheck.too_slow]
    hypothesis.settings.register_profile("spectrack", deadline=None, suppress_health_check=slow)
    hypothesis.settings.load_profile("spectrack")


def _data_folder() -> Path:
    return Path(os.environ.get("SPECTRACK_DATA", ROOT.parent / "shared" / "data"))


@pytest.fixture(scope="session")
def data_root() -> Path:
    """Folder of the real sequences; the test is skipped where it is absent."""
    folder = _data_folder()
    if not folder.is_dir():
        pytest.skip(f"real data not found at {folder}; set SPECTRACK_DATA to its folder")
    return folder


@pytest.fixture(scope="session")
def davis_root(data_root: Path) -> Path:
    """Root of DAVIS-2016 (JPEGImages, Annotations, ImageSets, Results)."""
    folder = data_root / "davis2016"
    if not folder.is_dir():
        pytest.skip(f"DAVIS-2016 not found at {folder}")
    return folder


@pytest.fixture
def rng() -> np.random.Generator:
    """A seeded random generator."""
    return np.random.default_rng(7)


@pytest.fixture(scope="session")
def clip() -> SyntheticClip:
    """A koi in a pond: 10 frames of 128x80 with exact masks."""
    from spectrack.datasets.synthetic.scene import make_clip

    return make_clip(10, size_wh=(128, 80), seed=1)


@pytest.fixture(scope="session")
def frames_folder(clip: SyntheticClip, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The frames of ``clip`` as PNG files; do not change them."""
    import cv2

    folder = tmp_path_factory.mktemp("frames")
    for stem, frame in zip(clip.stems, clip.frames_thwc, strict=True):
        cv2.imwrite(str(folder / f"{stem}.png"), frame[..., ::-1])
    return folder


@pytest.fixture(scope="session")
def truth_folder(clip: SyntheticClip, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The masks of ``clip`` as indexed PNG files; do not change them."""
    from spectrack.tracks import write_index_png

    folder = tmp_path_factory.mktemp("truth")
    for stem, mask in zip(clip.stems, clip.masks_thw, strict=True):
        write_index_png(folder / f"{stem}.png", mask.astype(np.uint8))
    return folder


@pytest.fixture(scope="session")
def clip_mp4(clip: SyntheticClip, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``clip`` as an H.264 file; do not change it."""
    from spectrack.video.writer import VideoWriter

    path = tmp_path_factory.mktemp("video") / "clip.mp4"
    with VideoWriter(path, 24, clip.size_wh) as writer:
        for frame in clip.frames_thwc:
            writer.write(frame)
    return path


@pytest.fixture(scope="session")
def clip_box(clip: SyntheticClip) -> str:
    """The box of the first mask, as the command line takes it."""
    return ",".join(f"{v:g}" for v in clip.target.box)


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    status: int
    out: str
    err: str


@pytest.fixture
def spectrack(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Ran]:
    """Run the command line in this process: ``spectrack("track", video, "--out", out)``.

    However long it takes, it writes no line of progress into what it says.
    """
    from spectrack.cli import main

    monkeypatch.setattr("spectrack.commands.console.LOG_INTERVAL", math.inf)

    def run(*args: object) -> Ran:
        capsys.readouterr()
        status = main([str(a) for a in args])
        said = capsys.readouterr()
        return Ran(status, said.out, said.err)

    return run


@pytest.fixture
def small_crops(monkeypatch: pytest.MonkeyPatch) -> None:
    """Crops of 64 pixels for the network of masks in boxes, not 256: a sixteenth of its work.

    For tests of what is around it, whose masks need not be good.
    """
    monkeypatch.setattr("spectrack.tracking.mask_in_box.SIDE", 64)


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> str:
    """Name of a quick tracker that never moves."""
    from spectrack.tracking.table import TRACKERS, TrackerEntry

    entry = TrackerEntry("still_tracker:StillTracker", "answers with the first target", "masks")
    monkeypatch.setitem(TRACKERS, "still", entry)
    return "still"
