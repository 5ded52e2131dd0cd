"""What one frame of RTS costs, part by part: ResNet-50, 480x832, random weights.

    python benchmarks/rts_parts.py [--threads 2] [--device cuda] [--half] [--repeats 3]

Times are the least of some repeats; processor time tells what a busy machine hides. The memories
are full: 32 frames for the target model, 50 for the instance model. Frames that learn cost
"learn target" and "learn instance" more.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import TypeVar

import torch

from spectrack.networks.folding import for_inference
from spectrack.trackers.rts.network import rts50

T = TypeVar("T")
SIZE = (480, 832)
MEMORY, INSTANCE_MEMORY = 32, 50


class Clock:
    """Runs parts and keeps how long they took."""

    def __init__(self, device: torch.device, repeats: int) -> None:
        """Time on ``device``, the least of ``repeats``."""
        self.device, self.repeats = device, repeats
        self.rows: list[tuple[str, float, float]] = []

    def __call__(self, name: str, run: Callable[[], T]) -> T:
        """Run once to warm up, then time."""
        out = run()
        walls, work = [], []
        for _ in range(self.repeats):
            self._wait()
            wall, cpu = time.perf_counter(), time.process_time()
            run()
            self._wait()
            walls.append(time.perf_counter() - wall)
            work.append(time.process_time() - cpu)
        self.rows.append((name, 1e3 * min(walls), 1e3 * min(work)))
        return out

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize()


def measure(clock: Clock, folded: bool, half: bool) -> None:
    """One frame, part by part."""
    device = clock.device
    network = (for_inference(rts50()) if folded else rts50().eval()).to(device)
    kind = torch.float16 if device.type == "cuda" else torch.bfloat16
    tau = 0.01 * torch.randn(16, 512, 3, 3, device=device)
    kappa = 0.01 * torch.randn(512, 4, 4, device=device)
    image = network.normalise(torch.randint(0, 256, (1, 3, *SIZE), dtype=torch.uint8).to(device))
    image = image.contiguous(memory_format=torch.channels_last)
    mask = torch.rand(1, 1, *SIZE, device=device)
    with torch.autocast(device.type, kind, enabled=half):
        layers = clock("backbone B", lambda: network.extract(image))
        f = clock("target features F", lambda: network.target_features(layers["layer3"]))
        g = clock("instance features G", lambda: network.instance_features(layers["layer3"]))
        scores = clock("instance scores", lambda: network.instance_scores(kappa, g))
        encoding = clock("target model T", lambda: network.encode_target(tau, f))
        fused = clock("score encoder H", lambda: network.condition(encoding, scores))
        clock("decoder D", lambda: network.decoder(fused, layers, SIZE))
        labels, weights = clock("mask encoder E, W", lambda: network.encode_masks(mask))
        many = f.contiguous() * torch.rand(MEMORY, 1, 1, 1, device=device)
        y, w = (v.repeat(MEMORY, 1, 1, 1).float() for v in (labels, weights))
        clock("learn target, 32 x 3", lambda: network.learn_target(many, y, w, tau, 3))
        many_g = g.contiguous() * torch.rand(INSTANCE_MEMORY, 1, 1, 1, device=device)
        z, q = (torch.rand(INSTANCE_MEMORY, *s, device=device) for s in ((16, 27), ()))
        clock("learn instance, 50 x 2", lambda: network.learn_instance(kappa, many_g, z, q, 2))
        clock("first: target, 1 x 20", lambda: network.learn_target(f, labels, weights, None, 20))
        some, marks = many_g[:5], z[:5]
        clock(
            "first: instance, 5 x 10",
            lambda: network.learn_instance(kappa, some, marks, None, 10),
        )


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    parser.add_argument("--half", action="store_true", help="half precision outside the solvers")
    parser.add_argument("--plain", action="store_true", help="without folding")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    clock = Clock(arguments.device, arguments.repeats)
    with torch.inference_mode():
        measure(clock, not arguments.plain, arguments.half)
    print("| part | ms | processor ms |\n|---|---|---|")
    for name, wall, work in clock.rows:
        print(f"| {name} | {wall:.1f} | {work:.1f} |")


if __name__ == "__main__":
    main()
