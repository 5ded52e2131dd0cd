"""What torch.compile brings the trackers' networks on a CPU, beside the networks as they are run.

    python benchmarks/compile_cpu.py [--threads 2] [--repeats 7] [--only rts,lwl,dimp,mask-in-box]

Each network sees one picture of the size that its tracker shows it, with random weights: as
``for_inference`` makes it, and the same compiled by Inductor. Both by turns in one process; times
are the least of all turns. ``compiling`` is what the first call took. Needs a C++ compiler.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from spectrack.networks.folding import for_inference
from spectrack.networks.mask_in_box import HINTS, MaskInBox
from spectrack.trackers.dimp.network import published_dimp
from spectrack.trackers.lwl.network import lwl
from spectrack.trackers.rts.network import rts50


def networks() -> dict[str, tuple[torch.nn.Module, str, tuple[torch.Tensor, ...]]]:
    """By name: the network, which verb of it is compiled, and what that is given."""
    large, small, crop = (torch.randn(1, 3, *s) for s in ((480, 832), (288, 288), (256, 256)))
    return {
        "rts": (rts50(), "extract", (large,)),
        "lwl": (lwl(), "extract", (large,)),
        "dimp": (published_dimp(), "extract", (small,)),
        "mask-in-box": (MaskInBox(), "forward", (crop, torch.rand(1, len(HINTS), 256, 256))),
    }


def least(calls: Sequence[Callable[[], Any]], repeats: int) -> list[float]:
    """Least milliseconds of each, all called by turns."""
    found = [float("inf")] * len(calls)
    for _ in range(repeats):
        for place, call in enumerate(calls):
            begin = time.perf_counter()
            call()
            found[place] = min(found[place], 1e3 * (time.perf_counter() - begin))
    return found


def leaves(answer: Any) -> list[torch.Tensor]:
    """All tensors of an answer."""
    if isinstance(answer, torch.Tensor):
        return [answer]
    values = answer.values() if isinstance(answer, dict) else answer
    return [tensor for value in values for tensor in leaves(value)]


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--only", default="rts,lwl,dimp,mask-in-box")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    rows = []
    for name, (network, verb, given) in networks().items():
        if name not in options.only.split(","):
            continue
        given = tuple(one.contiguous(memory_format=torch.channels_last) for one in given)
        folded = for_inference(network)
        plain = getattr(folded, verb)
        with torch.inference_mode():
            compiled, begin = torch.compile(plain), time.perf_counter()
            answer = compiled(*given)
            compiling = time.perf_counter() - begin
            pairs = zip(leaves(plain(*given)), leaves(answer), strict=True)
            gap = max(float((a - b).abs().max() / a.abs().max().clamp_min(1)) for a, b in pairs)
            calls = [partial(verb, *given) for verb in (plain, compiled)]
            before, after = least(calls, options.repeats)
        shape = "x".join(str(n) for n in given[0].shape[2:])
        rows.append(
            f"| {name} | {shape} | {before:.1f} | {after:.1f} | {before / after:.2f} "
            f"| {compiling:.0f} | {gap:.0e} |"
        )
        print(rows[-1], flush=True)
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    options.out.mkdir(parents=True, exist_ok=True)
    text = (
        "# torch.compile on a CPU\n\n"
        "Milliseconds of one picture: the network as the trackers run it, and compiled by "
        "Inductor, by turns, least of all turns. Seconds that compiling took. Largest difference "
        "of the answers, in the largest answer. Trackers do not compile: up to a fifth is gained, "
        "for a C++ compiler that must be there and up to a minute before the first frame.\n\n"
        "| network | picture | as it is | compiled | ratio | compiling, s | difference |\n"
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |\n" + "\n".join(rows) + "\n\n"
        f"Made by `python benchmarks/compile_cpu.py --threads {options.threads}`, commit "
        f"{commit.stdout.strip()}, {os.cpu_count()} cores of {platform.processor() or 'a CPU'}, "
        f"Python {platform.python_version()}, torch {torch.__version__}, seed 0.\n"
    )
    (options.out / "compile_cpu.md").write_text(text)


if __name__ == "__main__":
    main()
