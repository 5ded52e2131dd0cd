"""What the Triton kernels must move and multiply at 480x854, and how long that takes at best.

    python benchmarks/gpu_roofline.py

No GPU is needed: bytes are counted from the tensors that each kernel is called with, and registers
come from compiling the kernels (see ``gpu_compile``). Bandwidths and tensor-core rates are those of
data sheets. Writes ``results/gpu_roofline.{json,md}``. It says what is possible, not what is
reached; ``gpu.py`` measures that.
"""

from __future__ import annotations

import json
import platform
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import gpu_compile  # turns the interpreter off before Triton is imported
import numpy as np
import torch

from spectrack.datasets.synthetic.scene import make_clip
from spectrack.evaluation.report import markdown
from spectrack.spectral.guided import triton as guided_host
from spectrack.spectral.guided import triton_sweep
from spectrack.spectral.guided.settings import GUIDED_PRESETS
from spectrack.spectral.guided.stream import GuidedStream
from spectrack.spectral.sfseg.kernels.tiles import Tiles
from spectrack.spectral.sfseg.kernels.triton import PRECISION
from spectrack.spectral.sfseg.settings import PRESETS

HEIGHT, WIDTH, FRAMES = 480, 854, 50
MACHINES = {
    "H200": (4.8e12, 494e12),
    "H100 SXM": (3.35e12, 494e12),
    "A100 80 GB": (2.0e12, 156e12),
    "RTX 4090": (1.0e12, 82e12),
}
"""Bytes a second of memory, and TF32 products and sums a second of tensor cores (dense)."""
PRODUCTS = {"tf32x3": 3.0, "tf32": 1.0, "fp16": 0.5}
"""Time of a product in that of one of TF32; three make float32's precision."""
PLANE_BYTES = 4


def step_rows() -> list[dict[str, Any]]:
    """A step of SFSeg a frame: bytes, and operations of its matrix products."""
    rows = []
    for preset in ("paper", "published"):
        for affinity in ("taylor", "cosine2"):
            settings = replace(PRESETS[preset], affinity=affinity, border="zero")
            tiles = Tiles.of(settings, 1)
            assert tiles is not None
            size = FRAMES, HEIGHT, WIDTH
            for kind in (torch.float32, torch.float16):
                item = torch.empty(0, dtype=kind).element_size()
                products = PRODUCTS[PRECISION[kind]] * tiles.products(*size)
                rows.append(
                    {
                        "kernel": f"step, {preset}, {affinity}, {str(kind).removeprefix('torch.')}",
                        "bytes": tiles.bytes_moved(*size, item) // FRAMES,
                        "bytes_without_cache": tiles.bytes_moved(*size, item, False) // FRAMES,
                        "operations": 2 * products / FRAMES,
                    }
                )
    return rows


def guided_rows() -> list[dict[str, Any]]:
    """A sweep of the guided filter a frame, and its affinities, on a made-up clip."""
    guided_host.triton_device = lambda: torch.device("cpu")
    weigh = triton_sweep.affinity_kernel = gpu_compile.Recorder(triton_sweep.affinity_kernel)
    sweep = triton_sweep.sweep_kernel = gpu_compile.Recorder(triton_sweep.sweep_kernel)
    clip = make_clip(3, size_wh=(WIDTH, HEIGHT), seed=1)
    soft = clip.masks_thw.astype(np.float32)
    still = np.zeros((HEIGHT, WIDTH, 2), np.float32)
    rows = []
    for preset, settings in GUIDED_PRESETS.items():
        for maps in (1, 4):
            stream = GuidedStream((WIDTH, HEIGHT), maps, settings, "triton")
            for t, frame in enumerate(clip.frames_thwc):
                flows = (still, still) if t else (None, None)
                stream.push(frame, np.repeat(soft[t : t + 1], maps, 0), *flows)
            given = sweep.calls[-1]
            count = given["count"]
            lists = sum(bytes_of(given[n]) for n in ("own", "before", "after", "weights"))
            # Of the three planes about an active pixel's own places is read, and one written.
            planes = 4 * PLANE_BYTES * count * maps
            row = {"kernel": f"sweep, {preset}, masks: {maps}, active pixels: {count}"}
            rows.append({**row, "bytes": lists + planes})
        groups = weigh.calls[-3:]  # own, next and previous taps of a frame
        total = sum(
            sum(bytes_of(g[n]) for n in ("here", "there", "trust", "sharpness", "out"))
            + 2 * 3 * PLANE_BYTES * g["count"]  # the colours here and there
            for g in groups
        )
        rows.append({"kernel": f"affinities, {preset}", "bytes": total})
    return rows


def bytes_of(tensor: torch.Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def timed(row: dict[str, Any]) -> dict[str, Any]:
    """The row with microseconds a frame at best, for each machine: memory, and products."""
    at_best = {}
    for name, (memory, products) in MACHINES.items():
        bound = {"memory": 1e6 * row["bytes"] / memory}
        if "operations" in row:
            bound["products"] = 1e6 * row["operations"] / products
        at_best[name] = bound
    return {**row, "microseconds": at_best}


def main() -> None:
    taken = {n: gpu_compile.compiled(*call, 90) for n, call in gpu_compile.calls().items()}
    rows = [timed(row) for row in [*step_rows(), *guided_rows()]]
    said = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    values = {
        "command": "python benchmarks/gpu_roofline.py",
        "commit": said.stdout.strip(),
        "seed": 1,
        "machine": f"{platform.system()} {platform.machine()}, no GPU",
        "rows": rows,
        "compiled": taken,
    }
    table = []
    for row in rows:
        times = [" / ".join(f"{v:.2f}" for v in row["microseconds"][m].values()) for m in MACHINES]
        table.append((row["kernel"], f"{row['bytes'] / 1e6:.2f}", *times))
    built = [(name, *found.values()) for name, found in taken.items()]
    text = "\n".join(
        [
            "# What the GPU's kernels cost at best",
            "",
            f"Command `{values['command']}`, commit {values['commit']}, {values['machine']}; clip "
            "of seed 1. Counted, not measured: bytes from the tensors each kernel is called with, "
            "rates from data sheets.",
            "",
            f"A frame of {HEIGHT}x{WIDTH}, one step or sweep; microseconds for memory, and after "
            "the stroke for the matrix products (of float32 three in TF32, else one in float16).",
            "",
            markdown(["kernel", "MB", *MACHINES], table),
            "",
            "Compiled for compute capability 9.0, the step by 8 warps; spilled bytes are a "
            "thread's, and stay in the first cache.",
            "",
            markdown(["kernel", "registers", "spilled bytes", "shared bytes"], built),
        ]
    )
    print(text)
    out = Path(__file__).resolve().parent / "results"
    (out / "gpu_roofline.json").write_text(json.dumps(values, indent=1) + "\n")
    (out / "gpu_roofline.md").write_text(text)


if __name__ == "__main__":
    main()
