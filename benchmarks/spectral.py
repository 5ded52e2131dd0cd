"""Time the spectral kernels and keep the result beside this script.

    python benchmarks/spectral.py [frames] [threads]

Close other programs first. What the numbers mean:
``spectrack.spectral.sfseg.benchmark.run_benchmark``.
"""

from __future__ import annotations

import json
import platform
import sys
from pathlib import Path

import numba
import numpy as np
import torch

from spectrack.spectral.sfseg.benchmark import run_benchmark

HERE = Path(__file__).resolve().parent / "results"


def processor() -> str:
    """Name of the processor as the system gives it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        return platform.processor()
    return platform.processor()


def as_markdown(values: dict) -> str:
    """The result as a short page."""
    lines = [
        "# Speed of the spectral step",
        "",
        f"{values['width']}x{values['height']}, {values['frames']} frames, kernel "
        f"{'x'.join(map(str, values['kernel']))}, {values['threads']} threads, "
        f"{values['machine']}.",
        f"Plain copies move {values['copy_gb_per_s']:.1f} GB/s, so 16 bytes a pixel need "
        f"{values['floor_ms']:.3f} ms a frame.",
        "",
        "| kernel | ms per frame and iteration | times faster than the transcription "
        "| times the memory floor | MiB a frame beyond the inputs | largest error to float64 |",
        "|---|---|---|---|---|---|",
    ]
    for name, milliseconds in values["ms_per_frame_iteration"].items():
        if name not in values["ratio"]:
            lines.append(f"| {name} | {milliseconds:.4g} | 1 | - | - | - |")
            continue
        memory = values["peak_mib_per_frame"][name]
        lines.append(
            f"| {name} | {milliseconds:.4g} | {values['ratio'][name]:.0f} "
            f"| {values['ratio_to_floor'][name]:.1f} "
            f"| {'-' if memory is None else f'{memory:.1f}'} "
            f"| {values['max_abs_error'][name]:.1e} |"
        )
    difference = values["max_abs_error"]["numba_taylor_to_transcription"]
    whole = values["whole_call_ms_per_frame_iteration"]
    lines += [
        "",
        f"numba_taylor and the transcription differ by at most {difference:.1e}. A whole call of "
        f"ten iterations with its preparation takes {whole:.3f} ms a frame and iteration.",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure, print, keep."""
    frames, threads = (int(a) for a in (sys.argv[1:] + ["50", "2"][len(sys.argv) - 1 :])[:2])
    values = run_benchmark(frames, threads)
    values["machine"] = processor()
    values["versions"] = {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numba": numba.__version__,
        "numpy": np.__version__,
    }
    (HERE / "spectral.json").write_text(json.dumps(values, indent=1) + "\n")
    (HERE / "spectral.md").write_text(as_markdown(values))
    print(as_markdown(values))


if __name__ == "__main__":
    main()
