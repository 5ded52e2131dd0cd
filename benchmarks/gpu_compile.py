"""Compile every Triton kernel for a GPU that need not be there, and tell what it takes of it.

    python benchmarks/gpu_compile.py [--arch 90]

One line a kernel as it is called: registers a thread, bytes a thread that did not fit into them,
shared memory of a program. Nothing is run.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ["TRITON_INTERPRET"] = "0"  # before anything imports Triton

import numpy as np
import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from spectrack.spectral.guided import triton as guided_host
from spectrack.spectral.guided import triton_sweep
from spectrack.spectral.guided.stream import GuidedStream
from spectrack.spectral.sfseg.kernels import triton as step_host
from spectrack.spectral.sfseg.settings import PRESETS, first_activation

TYPES = {
    torch.float32: "*fp32",
    torch.float16: "*fp16",
    torch.bfloat16: "*bf16",
    torch.uint8: "*u8",
    torch.int32: "*i32",
}
TOOL = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"


class Recorder:
    """Stands for a kernel: keeps what it is called with."""

    def __init__(self, kernel: Any) -> None:
        self.kernel, self.calls = kernel, []

    def __getitem__(self, grid: tuple[int, ...]) -> Any:
        return lambda **given: self.calls.append(given)


def calls() -> dict[str, tuple[Any, dict[str, Any]]]:
    """Each kernel with the arguments of a call, by a name that says which."""
    found = {}
    rng = np.random.default_rng(0)
    soft, feature = (torch.from_numpy(a) for a in rng.random((2, 5, 60, 60), dtype=np.float32))
    step_host.step_kernel = step = Recorder(step_host.step_kernel)
    for preset in ("paper", "published"):
        for affinity in ("taylor", "cosine2"):
            settings = replace(PRESETS[preset], affinity=affinity, border="zero")
            for kind in (torch.float32, torch.float16, torch.bfloat16):
                volume = step_host.TritonFilter(soft.to(kind), feature[None], settings)
                volume.step(first_activation(settings, len(soft)), 0, len(soft))
                name = f"step {preset} {affinity} {str(kind).removeprefix('torch.')}"
                found[name] = step.kernel, step.calls[-1]
    guided_host.triton_device = lambda: torch.device("cpu")
    weigh = triton_sweep.affinity_kernel = Recorder(triton_sweep.affinity_kernel)
    sweep = triton_sweep.sweep_kernel = Recorder(triton_sweep.sweep_kernel)
    frame, still = np.zeros((60, 60, 3), np.uint8), np.zeros((60, 60, 2), np.float32)
    for maps in (1, 3):
        stream = GuidedStream((60, 60), maps, kernel="triton")
        for t in range(3):
            stream.push(frame, soft[:maps].numpy(), *((still, still) if t else (None, None)))
        found[f"guided sweep, masks: {maps}"] = sweep.kernel, sweep.calls[-1]
    found["guided affinities"] = weigh.kernel, weigh.calls[-1]
    return found


def compiled(kernel: Any, given: dict[str, Any], arch: int) -> dict[str, int]:
    """What a kernel takes when it is compiled for such a call."""
    options = {k: given[k] for k in ("num_warps", "num_stages") if k in given}
    signature, constants = {}, {}
    for parameter in kernel.params:
        value = given[parameter.name]
        if parameter.is_constexpr:
            signature[parameter.name], constants[parameter.name] = "constexpr", value
        elif isinstance(value, torch.Tensor):
            signature[parameter.name] = TYPES[value.dtype]
        else:
            signature[parameter.name] = "fp32" if isinstance(value, float) else "i32"
    source = ASTSource(kernel, signature=signature, constexprs=constants)
    made = triton.compile(source, target=GPUTarget("cuda", arch, 32), options=options)
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(made.asm["cubin"])
        file.flush()
        run = [str(TOOL), "--dump-resource-usage", file.name]
        text = subprocess.run(run, capture_output=True, text=True, check=True).stdout
    registers, stack = (int(re.findall(rf"{w}:(\d+)", text)[-1]) for w in ("REG", "STACK"))
    return {"registers": registers, "spilled_bytes": stack, "shared_bytes": made.metadata.shared}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--arch", type=int, default=90, help="90 for H100 and H200, 80 for A100")
    parser.add_argument("--only", default="", help="kernels whose name begins so")
    options = parser.parse_args()
    for name, (kernel, given) in calls().items():
        if name.startswith(options.only):
            print(json.dumps({"kernel": name, **compiled(kernel, given, options.arch)}), flush=True)


if __name__ == "__main__":
    main()
