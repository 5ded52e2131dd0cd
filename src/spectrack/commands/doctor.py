"""``spectrack doctor``: is this machine fit, and what to do where it is not."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from spectrack.commands.base import Command, table, versions
from spectrack.errors import InputError

if TYPE_CHECKING:
    from spectrack.commands.console import Console

AGREEMENT = 1e-5
"""Kernels may differ by this much on values in [0, 1]."""

State = Literal["ok", "note", "bad"]


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Args:
        name: What was looked at.
        state: ``ok``; ``note``: works, could be better; ``bad``: something will fail.
        found: What there is.
        advice: What to do, where something is to be done.
    """

    name: str
    state: State
    found: str
    advice: str = ""


@dataclass(frozen=True, kw_only=True)
class DoctorCommand(Command):
    """Check versions, threads, kernels, weights, codecs and CUDA, and say what to do.

    Exit status 0 if everything needed is there, 1 if something is not.
    """

    def run(self, console: Console) -> int:
        """Print what was found."""
        console.remark("looking at this machine; kernels are compiled the first time (a minute)")
        findings = list(examine())
        healthy = all(f.state != "bad" for f in findings)
        values = {"healthy": healthy, "findings": [vars(f) for f in findings]}
        rows = [(f.state, f.name, f.found) for f in findings]
        lines = [table(rows)]
        lines += [f"-> {f.name}: {f.advice}" for f in findings if f.advice]
        lines.append("all that is needed is here" if healthy else "something needed is missing")
        console.result(values, "\n".join(lines))
        return 0 if healthy else 1


def examine() -> Iterator[Finding]:
    """Run every check; one that fails to run is itself a finding."""
    yield _python()
    yield from _packages()
    yield from _shipped_weights()
    checks: tuple[Callable[[], Finding], ...] = (
        _threads,
        _kernels,
        _numba_cache,
        _opencv,
        _h264,
        _cuda,
        _temporary,
    )
    for check in checks:
        try:
            yield check()
        except (ImportError, OSError, RuntimeError, AttributeError) as error:
            name = check.__name__.strip("_").replace("_", " ")
            reinstall = "reinstall spectrack in a fresh environment"
            yield Finding(name, "bad", f"{type(error).__name__}: {error}", reinstall)


def _python() -> Finding:
    return Finding("python", "ok", sys.version.split()[0])


def _packages() -> Iterator[Finding]:
    have = versions()
    for package in ("spectrack", "numpy", "opencv-contrib-python-headless", "torch", "numba", "av"):
        if package in have:
            yield Finding(package, "ok", have[package])
        else:
            yield Finding(package, "bad", "not installed", f"pip install {package}")


def _threads() -> Finding:
    import cv2
    import numba
    import torch

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    counts = {
        "torch": torch.get_num_threads(),
        "numba": numba.get_num_threads(),
        "opencv": cv2.getNumThreads(),
    }
    found = f"{cores} cores; " + ", ".join(f"{k} {v}" for k, v in counts.items())
    if max(counts.values()) > (cores or 1):
        advice = "set OMP_NUM_THREADS and NUMBA_NUM_THREADS to the number of cores"
        return Finding("threads", "note", found, advice)
    return Finding("threads", "ok", found)


def _kernels() -> Finding:
    """Run the spectral filter on a few pixels with every kernel."""
    import numpy as np

    from spectrack.spectral.sfseg.filter import sfseg

    rng = np.random.default_rng(0)
    soft, feature = rng.random((2, 3, 16, 16), dtype=np.float32)
    results = [sfseg(soft, feature, "paper", kernel) for kernel in ("numba", "torch")]
    apart = float(np.abs(results[0] - results[1]).max())
    found = f"numba and torch run and differ by {apart:.0e}"
    if not apart <= AGREEMENT:
        return Finding("kernels", "bad", found, "reinstall numba and torch; the numbers are wrong")
    return Finding("kernels", "ok", found)


def _shipped_weights() -> Iterator[Finding]:
    """Build every tracker whose weights come with the package."""
    from spectrack.tracking.table import TRACKERS, make_tracker
    from spectrack.weights.table import WEIGHTS

    for name, entry in WEIGHTS.items():
        path = entry.shipped()
        if path is None or name not in TRACKERS:
            continue
        try:
            make_tracker(name)
        except InputError as error:
            yield Finding(f"{name} weights", "bad", str(error), "reinstall spectrack")
        else:
            size = path.stat().st_size / 1e6
            yield Finding(f"{name} weights", "ok", f"{size:.1f} MB, they fit; no download")


def _numba_cache() -> Finding:
    from numba.core import config

    package = os.path.dirname(os.path.dirname(__file__))
    folder = str(getattr(config, "CACHE_DIR", "")) or package
    if os.access(folder, os.W_OK):
        return Finding("numba cache", "ok", "writable")
    advice = "set NUMBA_CACHE_DIR to a folder you can write, or kernels compile at every start"
    return Finding("numba cache", "note", f"{folder} is read-only", advice)


def _opencv() -> Finding:
    import cv2

    legacy = getattr(cv2, "legacy", None)
    wanted = ("TrackerCSRT", "TrackerKCF", "TrackerMIL", "TrackerMedianFlow", "TrackerMOSSE")
    missing = [
        n for n in wanted if not hasattr(cv2, f"{n}_create") and not hasattr(legacy, f"{n}_create")
    ]
    if missing:
        advice = "install opencv-contrib-python-headless alone, without other OpenCV wheels"
        return Finding("opencv trackers", "note", f"without {', '.join(missing)}", advice)
    return Finding("opencv trackers", "ok", f"all {len(wanted)}")


def _h264() -> Finding:
    import av

    writable = [name for name in ("libx264", "h264", "libopenh264") if _can_write(av, name)]
    if not writable:
        advice = "install the PyAV wheel (pip install av) for overlay.mp4, or pass --no-overlay"
        return Finding("H.264", "bad", "no encoder", advice)
    return Finding("H.264", "ok", f"encoder {writable[0]}")


def _can_write(av: object, name: str) -> bool:
    codec = getattr(av, "Codec")  # noqa: B009  av ships without usable types
    try:
        codec(name, "w")
    except (ValueError, LookupError):
        return False
    return True


def _cuda() -> Finding:
    import torch

    if torch.cuda.is_available():
        return Finding("CUDA", "ok", torch.cuda.get_device_name(0))
    return Finding("CUDA", "ok", "none; the CPU kernels are used")


def _temporary() -> Finding:
    with tempfile.NamedTemporaryFile() as handle:
        handle.write(b"x")
    return Finding("temporary folder", "ok", "writable")
