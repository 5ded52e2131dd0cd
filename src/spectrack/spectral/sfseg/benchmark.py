"""Measures the spectral kernels: speed, error and memory, beside the published procedure.

All times are milliseconds for one frame and one iteration, the shortest of several runs that take
turns, so that a busy moment of the machine does not favour anyone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from spectrack.errors import InputError
from spectrack.spectral.sfseg.differentiable import sfseg_differentiable
from spectrack.spectral.sfseg.kernels.numba import NumbaFilter
from spectrack.spectral.sfseg.kernels.threads import run_parallel
from spectrack.spectral.sfseg.kernels.torch import TorchFilter
from spectrack.spectral.sfseg.settings import (
    PRESETS,
    Activation,
    SFSegSettings,
    first_activation,
    next_activation,
)
from spectrack.spectral.sfseg.transcription import Transcription

Array = NDArray[np.float32]

BYTES_A_PIXEL = 16
"""Least traffic of a step in float32: read X and two maps, write X."""
_CHECKED_ITERATIONS = 3
_ROUNDS = 3
_STEPS = 4  # of which the first of a round is not counted: its buffers are new
_COPY = 32 * 2**20  # bytes a thread copies to measure the bandwidth


def run_benchmark(
    frames: int = 50,
    threads: int = 2,
    size_wh: tuple[int, int] = (854, 480),
    kernel: tuple[int, int, int] = (5, 5, 5),
) -> dict[str, Any]:
    """Time the kernels on a made-up video.

    Args:
        frames: Frames of the video, 1 or more.
        threads: Threads of every kernel and of the transcription.
        size_wh: Width and height in pixels.
        kernel: Odd window sizes along time, height, width.

    Returns:
        ``ms_per_frame_iteration`` of the kernels ``numba_taylor``, ``numba_cosine2``,
        ``torch_taylor`` and of the ``transcription``; ``ratio``, how many times faster than it
        each kernel is; ``floor_ms``, the time memory needs for 16 bytes a pixel at the
        ``copy_gb_per_s`` measured, and ``ratio_to_floor``; ``peak_mib`` and ``peak_mib_per_frame``,
        memory beyond the inputs (None where the system does not tell); ``max_abs_error`` of the
        results against float64, and of ``numba_taylor`` against the transcription;
        ``whole_call_ms_per_frame_iteration``, a call of ten iterations with all its preparation.

    Raises:
        InputError: No frames or no threads.
    """
    if frames < 1 or threads < 1:
        raise InputError(f"Given were {frames} frames and {threads} threads; give 1 or more.")
    base = replace(PRESETS["published"], kernel=kernel)
    recipes = {
        "numba_taylor": base,
        "numba_cosine2": replace(base, affinity="cosine2"),
        "torch_taylor": base,
    }
    soft, feature = _made_up(frames, size_wh)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        peaks = {
            name: _peak_mib(partial(_open, name, recipe, soft, feature, threads))
            for name, recipe in recipes.items()
        }
        slow, error = _check(recipes, size_wh, threads)
        times = {name: float("inf") for name in recipes}
        copies = [_copy_rate(threads)]
        whole = float("inf")
        for _ in range(_ROUNDS):
            for name, recipe in recipes.items():
                times[name] = min(times[name], _time(name, recipe, soft, feature, threads))
            begin = perf_counter()
            _run("numba_taylor", base, soft, feature, threads)
            whole = min(whole, (perf_counter() - begin) / base.iterations)
            copies.append(_copy_rate(threads))
            slow.run(*_tensors(*_made_up(_shortest(base), size_wh)), iterations=1)
    finally:
        torch.set_num_threads(before)
    guard = min(frames, 2 * base.guard())
    unfolded = min(slow.window_s) * (frames - guard) + min(slow.normalise_s) * frames
    milliseconds = {name: 1e3 * seconds / frames for name, seconds in times.items()}
    milliseconds["transcription"] = 1e3 * unfolded / frames
    floor = 1e3 * BYTES_A_PIXEL * soft[0].size / max(copies)
    return {
        "frames": frames,
        "width": size_wh[0],
        "height": size_wh[1],
        "kernel": list(kernel),
        "threads": threads,
        "ms_per_frame_iteration": milliseconds,
        "whole_call_ms_per_frame_iteration": 1e3 * whole / frames,
        "ratio": {n: milliseconds["transcription"] / milliseconds[n] for n in recipes},
        "copy_gb_per_s": max(copies) / 1e9,
        "floor_ms": floor,
        "ratio_to_floor": {n: milliseconds[n] / floor for n in recipes},
        "peak_mib": peaks,
        "peak_mib_per_frame": {n: None if p is None else p / frames for n, p in peaks.items()},
        "max_abs_error": error,
    }


def _made_up(frames: int, size_wh: tuple[int, int]) -> tuple[Array, Array]:
    """A noisy disc that moves, as unary map and as pairwise feature, (T, H, W) in [0, 1]."""
    rng = np.random.default_rng(0)
    width, height = size_wh
    soft = rng.random((frames, height, width), dtype=np.float32)
    feature = rng.random((frames, height, width), dtype=np.float32)
    rows, columns = np.ogrid[:height, :width]
    for t in range(frames):
        centre = height * (0.4 + 0.2 * t / frames), width * (0.35 + 0.3 * t / frames)
        disc = np.hypot(rows - centre[0], columns - centre[1]) < 0.22 * height
        soft[t] = 0.4 * soft[t] + 0.6 * disc
        feature[t] = 0.4 * feature[t] + 0.6 * disc
    return soft, feature


def _tensors(soft: Array, feature: Array) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(soft), torch.from_numpy(feature)


def _shortest(settings: SFSegSettings) -> int:
    """Frames of the shortest video of which the published procedure filters two."""
    return 2 * settings.guard() + 2


def _open(name: str, settings: SFSegSettings, soft: Array, feature: Array, threads: int) -> Any:
    """A kernel's filter after two steps, when it holds all the memory it will."""
    volume: NumbaFilter | TorchFilter
    if name.startswith("numba"):
        volume = NumbaFilter(soft, feature[None], settings, threads)
    else:
        volume = TorchFilter(torch.from_numpy(soft), torch.from_numpy(feature[None]), settings)
    for _ in range(2):
        volume.step(first_activation(settings, len(soft)), 0, len(soft))
    return volume


def _run(name: str, settings: SFSegSettings, soft: Array, feature: Array, threads: int) -> Array:
    """The whole recipe with one kernel."""
    volume: NumbaFilter | TorchFilter
    if name.startswith("numba"):
        volume = NumbaFilter(soft, feature[None], settings, threads)
    else:
        volume = TorchFilter(torch.from_numpy(soft), torch.from_numpy(feature[None]), settings)
    guard = settings.guard()
    activation = first_activation(settings, len(soft))
    for iteration in range(settings.iterations):
        stats = volume.step(activation, guard, max(guard, len(soft) - guard))
        activation = next_activation(settings, stats, iteration)
    return np.asarray(volume.finish(activation))


def _time(name: str, settings: SFSegSettings, soft: Array, feature: Array, threads: int) -> float:
    """Seconds of the fastest step; all frames are filtered, guards or not."""
    volume = _open(name, settings, soft, feature, threads)
    activation: Activation = first_activation(settings, len(soft))
    best = float("inf")
    for iteration in range(_STEPS):
        begin = perf_counter()
        stats = volume.step(activation, 0, len(soft))
        best = min(best, perf_counter() - begin)
        activation = next_activation(settings, stats, iteration)
    return best


def _check(
    recipes: dict[str, SFSegSettings], size_wh: tuple[int, int], threads: int
) -> tuple[Transcription, dict[str, float]]:
    """Errors of a short video's results, and the transcription with the times it took."""
    short = {n: replace(r, iterations=_CHECKED_ITERATIONS) for n, r in recipes.items()}
    soft, feature = _made_up(_shortest(short["numba_taylor"]), size_wh)
    slow = Transcription(short["numba_taylor"])
    published = slow.run(*_tensors(soft, feature)).numpy()
    error = {}
    with torch.no_grad():
        exact = [torch.from_numpy(a.astype(np.float64)) for a in (soft, feature)]
        for name, recipe in short.items():
            found = _run(name, recipe, soft, feature, threads)
            truth = sfseg_differentiable(exact[0], exact[1], recipe).numpy()
            error[name] = float(np.abs(found - truth).max())
            if name == "numba_taylor":
                error["numba_taylor_to_transcription"] = float(np.abs(found - published).max())
    return slow, error


def _copy_rate(threads: int) -> float:
    """Bytes a second, read plus written, of plain copies by all threads together."""
    source = np.ones(threads * _COPY, dtype=np.uint8)
    target = np.zeros_like(source)
    parts = [slice(n * _COPY, (n + 1) * _COPY) for n in range(threads)]
    best = float("inf")
    for _ in range(4):
        begin = perf_counter()
        run_parallel(lambda n: np.copyto(target[parts[n]], source[parts[n]]), threads, threads)
        best = min(best, perf_counter() - begin)
    return 2 * source.size / best


def _peak_mib(work: Callable[[], Any]) -> float | None:
    """Most resident memory that ``work`` adds, in MiB; None where Linux's accounts are missing."""
    work()  # what stays for good (compiled code, threads) is not counted
    try:
        Path("/proc/self/clear_refs").write_text("5")  # resets the high-water mark
        start = _status_kib("VmRSS")
        work()
        return (_status_kib("VmHWM") - start) / 1024
    except OSError:
        return None


def _status_kib(name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+)", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(found[1]) if found else 0
