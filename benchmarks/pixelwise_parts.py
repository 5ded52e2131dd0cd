"""What pixel-wise tracking costs, part by part: fresh weights, a frame of 854x480.

    python benchmarks/pixelwise_parts.py [--form small] [--threads 2] [--device cuda] [--half]

Times are the least of some repeats; processor time tells what a busy machine hides. Everything but
cutting out, filling in and squeezing is independent of the frame's size.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from spectrack.structures import Box, Target
from spectrack.trackers.pixelwise.network import Pixelwise
from spectrack.trackers.pixelwise.settings import NETWORKS, PixelwiseSettings
from spectrack.trackers.pixelwise.tracker import PixelwiseTracker
from spectrack.weights.described import make_network

SIZE_WH, BOX = (854, 480), Box(380.0, 200.0, 120.0, 90.0)


def timed(run: Callable[[], Any], device: torch.device, repeats: int) -> tuple[float, float]:
    """Least wall and processor time in milliseconds."""
    run()
    walls, work = [], []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        run()
        if device.type == "cuda":
            torch.cuda.synchronize()
        walls.append(time.perf_counter() - wall)
        work.append(time.process_time() - cpu)
    return 1e3 * min(walls), 1e3 * min(work)


@torch.inference_mode()
def measure(
    form: str, device: torch.device, half: bool, repeats: int
) -> list[tuple[str, float, float]]:
    """Name of a part, wall and processor time."""
    torch.manual_seed(0)
    network = make_network(NETWORKS[form]).eval()
    assert isinstance(network, Pixelwise)
    # what untrained networks answer is found in any case, so that the region stays where it is
    settings = PixelwiseSettings(device=str(device), half=half, presence=0.0, growth=1.0)
    tracker = PixelwiseTracker(settings, network)
    frame = np.random.default_rng(0).integers(0, 256, (*SIZE_WH[::-1], 3), np.uint8)
    target = Target(BOX, BOX.fill(SIZE_WH))
    tracker.init(frame, target)
    local, crop = tracker._local, tracker.region.crop(tracker._side)
    image = tracker._image(frame, crop)
    soft_ss = np.random.default_rng(1).random(image.shape[2:]).astype(np.float32)
    soft_hw = tracker._filled(soft_ss, crop)
    with tracker._precision():
        seen = local.extractor.late(local.extractor.early(image))
        features = local.f_cnn(seen.deep)
        hidden = tracker._memory[1].hidden
        parts: list[tuple[str, Callable[[], Any]]] = [
            ("global network", tracker._predict),
            ("cut out the region", lambda: tracker._image(frame, crop)),
            (
                "local network: extractor",
                lambda: local.extractor.late(local.extractor.early(image)),
            ),
            ("local network: F-CNN", lambda: local.f_cnn(seen.deep)),
            (
                "local network: both ConvLSTMs",
                lambda: local.layers[1](
                    local.layers[0](features, tracker._memory[0]).hidden, tracker._memory[1]
                ),
            ),
            ("local network: deconvolutions", lambda: local._decode(hidden, seen)),
            ("fill in and squeeze", lambda: tracker._squeezed(tracker._filled(soft_ss, crop))),
            ("box", lambda: Box.from_mask(soft_hw >= 0.5)),
            ("**a frame**", lambda: tracker.update(frame)),
            ("the first frame, from a mask", lambda: tracker.init(frame, target)),
        ]
        return [(name, *timed(run, device, repeats)) for name, run in parts]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--form", choices=list(NETWORKS), default="small")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--half", action="store_true", help="bfloat16 in convolutions")
    parser.add_argument("--repeats", type=int, default=10)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    print("| part | ms | ms of processor time |\n| --- | ---: | ---: |")
    for name, wall, work in measure(options.form, device, options.half, options.repeats):
        print(f"| {name} | {wall:.1f} | {work:.1f} |")


if __name__ == "__main__":
    main()
