"""Measure the Triton kernels on a machine with a GPU: speed, agreement, scaling.

    python benchmarks/gpu.py                 # some minutes; writes results/gpu.{json,md}
    python benchmarks/gpu.py --quick         # the same path in the interpreter, on a few pixels

Needs ``pip install -e '.[gpu]'`` beside a CUDA build of torch. Close other programs first. Times
are the shortest of several runs that take turns in one process; ratios compare them. A length or
size that does not fit into the GPU's memory is told and left out. Each part is printed when done.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

if "--quick" in sys.argv:
    os.environ.setdefault("TRITON_INTERPRET", "1")  # before anything imports Triton

import numpy as np
import torch
import triton

from spectrack.datasets.synthetic.scene import make_clip
from spectrack.refinement.streaming import filter_masks
from spectrack.spectral.doubt import DoubtMeter
from spectrack.spectral.guided.settings import GUIDED_PRESETS, GuidedSettings
from spectrack.spectral.sfseg.filter import sfseg
from spectrack.spectral.sfseg.kernels.tiles import Tiles
from spectrack.spectral.sfseg.kernels.torch import TorchFilter
from spectrack.spectral.sfseg.kernels.triton import TritonFilter
from spectrack.spectral.sfseg.settings import PRESETS, SFSegSettings, first_activation

RESULTS = Path(__file__).resolve().parent / "results"
STORAGE = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
SIZES = {"240p": (240, 426), "480p": (480, 854), "1080p": (1080, 1920), "4K": (2160, 3840)}
LENGTHS = (50, 500, 5000)
ROUNDS = 5
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def wait() -> None:
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()


def shortest(tasks: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Seconds of each task, the shortest of some rounds in turns, after one that does not count."""
    best = dict.fromkeys(tasks, float("inf"))
    for turn in range(rounds + 1):
        for name, task in tasks.items():
            wait()
            begin = time.perf_counter()
            task()
            wait()
            if turn:
                best[name] = min(best[name], time.perf_counter() - begin)
    return best


def made_up(frames: int, height: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Noise as S and as feature, (T, H, W) and (1, T, H, W) in [0, 1], made on the device."""
    generator = torch.Generator(DEVICE).manual_seed(0)
    shape = (frames, height, width)
    soft = torch.rand(shape, generator=generator, device=DEVICE)
    return soft, torch.rand((1, *shape), generator=generator, device=DEVICE)


def stepper(volume: Any, settings: SFSegSettings, frames: int) -> Callable[[], Any]:
    activation = first_activation(settings, frames)
    return lambda: volume.step(activation, 0, frames)


def recipes() -> dict[str, SFSegSettings]:
    """The paper's and the published recipe with two affinities, every frame filtered."""
    return {
        f"{preset} {affinity}": replace(PRESETS[preset], affinity=affinity, border="zero")
        for preset in ("paper", "published")
        for affinity in ("taylor", "cosine2")
    }


def copy_rate(values: int, rounds: int) -> float:
    """Bytes a second that a plain copy on the device reads and writes."""
    source = torch.zeros(values, device=DEVICE)
    target = torch.empty_like(source)
    return 8 * values / shortest({"copy": lambda: target.copy_(source)}, rounds)["copy"]


def steps(frames: int, size: tuple[int, int], rounds: int) -> list[dict[str, Any]]:
    """A step of every recipe and storage beside the torch form on the same device."""
    rows, rate = [], copy_rate(max(4 * frames * size[0] * size[1], 1000), rounds)
    soft, feature = made_up(frames, *size)
    for name, settings in recipes().items():
        made: dict[str, Any] = {"torch": TorchFilter(soft, feature, settings)}
        for kind, storage in STORAGE.items():
            made[kind] = TritonFilter(soft.to(storage), feature, settings)
        made["tf32"] = TritonFilter(soft, feature, settings, precision="tf32")
        times = shortest({k: stepper(v, settings, frames) for k, v in made.items()}, rounds)
        tiles = Tiles.of(settings, 1)
        assert tiles is not None
        for kind in (*STORAGE, "tf32"):
            moved = tiles.bytes_moved(frames, *size, made[kind].stored.element_size())
            rows.append(
                {
                    "recipe": name,
                    "storage": "float32, tf32 products" if kind == "tf32" else kind,
                    "microseconds_per_frame": 1e6 * times[kind] / frames,
                    "times_faster_than_torch": times["torch"] / times[kind],
                    "times_the_copy": times[kind] * rate / moved,
                }
            )
    return rows


def agreement(frames: int, size: tuple[int, int]) -> list[dict[str, Any]]:
    """Largest difference of whole recipes to the CPU's compiled loops."""
    rows = []
    soft, feature = made_up(frames, *size)
    for name, settings in recipes().items():
        expected = sfseg(soft.cpu().numpy(), feature.cpu().numpy(), settings, kernel="numba")
        for kind, storage in STORAGE.items():
            found = sfseg(soft.to(storage), feature, settings, kernel="triton").cpu().numpy()
            apart = float(np.abs(found - expected).max())
            rows.append({"recipe": name, "storage": kind, "largest_difference": apart})
            if kind == "float32" and apart > 1e-3:
                raise SystemExit(f"{name} is {apart:.2g} from the CPU's; times of it mean nothing")
    return rows


def refining(frames: int, size: tuple[int, int], settings: GuidedSettings) -> dict[str, Any]:
    """Frames a second of the whole refinement with flow, and how far the masks agree."""
    clip = make_clip(frames, size_wh=(size[1], size[0]), seed=1)
    rng = np.random.default_rng(0)
    noise = rng.random(clip.masks_thw.shape, dtype=np.float32)
    soft = 0.8 * clip.masks_thw.astype(np.float32) + 0.2 * noise
    tracks, seconds = {}, {}
    for kernel in ("numba", "triton", "numba", "triton"):  # the first of each compiles
        begin = time.perf_counter()
        given = list(clip.frames_thwc), iter(soft), frames, settings, None, None, True
        tracks[kernel] = filter_masks(*given, DoubtMeter(), kernel=kernel)
        seconds[kernel] = time.perf_counter() - begin
    apart = [np.mean(tracks["numba"].mask(t) != tracks["triton"].mask(t)) for t in range(frames)]
    return {
        "frames_per_second": {k: frames / s for k, s in seconds.items()},
        "ratio": seconds["numba"] / seconds["triton"],
        "share_of_pixels_apart": float(np.mean(apart)),
    }


def scaling(cases: list[tuple[int, tuple[int, int]]], rounds: int) -> list[dict[str, Any]]:
    """A step of the paper's recipe over sizes and lengths, in float32 and float16."""
    rows, settings = [], recipes()["paper taylor"]
    for frames, size in cases:
        for kind in ("float32", "float16"):
            row: dict[str, Any] = {
                "frames": frames,
                "size": f"{size[0]}x{size[1]}",
                "storage": kind,
            }
            try:
                soft, feature = (a.to(STORAGE[kind]) for a in made_up(frames, *size))
                volume = TritonFilter(soft, feature, settings)
                seconds = shortest({"step": stepper(volume, settings, frames)}, rounds)["step"]
                row["nanoseconds_per_pixel"] = 1e9 * seconds / soft.numel()
                if DEVICE.type == "cuda":
                    row["peak_gib"] = torch.cuda.max_memory_allocated() / 2**30
            except torch.cuda.OutOfMemoryError:
                row["left_out"] = "does not fit into the GPU's memory"
            soft = feature = volume = None
            if DEVICE.type == "cuda":
                torch.cuda.empty_cache()
                torch.cuda.reset_peak_memory_stats()
            rows.append(row)
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [" | ".join(n.replace("_", " ") for n in names), "|".join(["---"] * len(names))]
    for row in rows:
        values = (row.get(name, "") for name in names)
        lines.append(" | ".join(f"{v:.3g}" if isinstance(v, float) else str(v) for v in values))
    lines = [f"| {line} |" for line in lines]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a few pixels, to try the script")
    parser.add_argument("--out", type=Path, help="folder of gpu.json and gpu.md")
    options = parser.parse_args()
    if not options.quick and DEVICE.type != "cuda":
        parser.error("this machine has no CUDA device; give --quick to try the script without")
    if options.quick:
        size, frames, rounds = (20, 30), 3, 1
        cases = [(3, (20, 30)), (4, (30, 20))]
        # One short cycle and few taps: the interpreter is slow.
        preset = replace(GUIDED_PRESETS["colour"], cycles=(1,), changes=(0.0,), reach=3, radius=1)
        preset = replace(preset, side_radius=1)
        checked, clip = (3, size), (3, (32, 48))
    else:
        size, frames, rounds = SIZES["480p"], 50, ROUNDS
        cases = [(50, s) for s in SIZES.values()] + [(n, size) for n in LENGTHS[1:]]
        preset, checked, clip = GUIDED_PRESETS["colour"], (10, size), (40, size)
    said = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    values: dict[str, Any] = {
        "command": "python benchmarks/gpu.py" + (" --quick" if options.quick else ""),
        "commit": said.stdout.strip(),
        "seed": 0,
        "machine": torch.cuda.get_device_name() if DEVICE.type == "cuda" else platform.machine(),
        "versions": {"torch": torch.__version__, "triton": triton.__version__},
        "size": list(size),
        "frames": frames,
    }
    parts: dict[str, Callable[[], Any]] = {
        "agreement": lambda: agreement(*checked),
        "steps": lambda: steps(frames, size, rounds),
        "refining": lambda: refining(*clip, preset),
        "scaling": lambda: scaling(cases, rounds),
    }
    for name, part in parts.items():
        values[name] = part()
        print(json.dumps({name: values[name]}), flush=True)
    refined = values["refining"]
    text = f"""# The kernels on a GPU

Command `{values["command"]}`, commit {values["commit"]}, seed 0, {values["machine"]}, torch
{torch.__version__}, triton {triton.__version__}.

A step at {size[0]}x{size[1]}, {frames} frames; "times the copy" is its time over that of plain
copies of the bytes it must move:

{table(values["steps"])}

Whole recipes against the compiled loops of the CPU:

{table(values["agreement"])}

Refining with flow, {clip[0]} frames of {clip[1][0]}x{clip[1][1]}:
{refined["frames_per_second"]["triton"]:.3g} frames a second with the GPU,
{refined["frames_per_second"]["numba"]:.3g} without, {refined["ratio"]:.2f} times as fast;
{refined["share_of_pixels_apart"]:.1e} of the pixels differ.

A step of the paper's recipe over sizes and lengths:

{table(values["scaling"])}
"""
    print(text)
    out = options.out or (None if options.quick else RESULTS)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / "gpu.json").write_text(json.dumps(values, indent=1) + "\n")
        (out / "gpu.md").write_text(text)


if __name__ == "__main__":
    main()
